package faketime

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/reset"
)

func TestADoubtIsParkedAtTheThirdAndALimitedUserDeadAtTheFourth(t *testing.T) {
	const silent, limited, busy, users = 0, 1, 2, 20
	sim := cognitosim.Options{Users: cognitosim.Users{N: users}, Latency: 100 * time.Millisecond, Faults: []cognitosim.Fault{
		{User: campaigntest.User(silent), Answer: cognitosim.Timeout},
		{User: campaigntest.User(limited), Answer: "LimitExceeded.User"},
	}}
	inBubble(t, setup{rate: 4, sim: sim}, func(t *testing.T, r *rig) {
		r.guessCodes(campaigntest.User(busy), 5)
		r.run("breach", 0, users)
		r.inShifts("breach")
		rows, calls := r.rows("breach"), byUser(r.callsForCodes())

		if row := rows[campaigntest.User(silent)]; row.State != campaign.Parked || row.Cause != reset.Timeout || row.Attempts != 3 {
			t.Errorf("who never got an answer: %v, %v, %d attempts", row.State, row.Cause, row.Attempts)
		}
		life := hour.CodeLife()
		wantGaps(t, calls[campaigntest.User(silent)], span{life, life}, span{life, life})

		if row := rows[campaigntest.User(limited)]; row.State != campaign.Dead || row.Cause != reset.LimitExceededUser || row.Attempts != 4 {
			t.Errorf("who was limited every time: %v, %v, %d attempts", row.State, row.Cause, row.Attempts)
		}
		h := time.Hour
		wantGaps(t, calls[campaigntest.User(limited)], span{h, 3 * h / 2}, span{2 * h, 3 * h}, span{4 * h, 6 * h})

		if row := rows[campaigntest.User(busy)]; row.State != campaign.Accepted || row.Attempts != 1 {
			t.Errorf("who was limited once: %v, %d attempts", row.State, row.Attempts)
		}
		wantGaps(t, calls[campaigntest.User(busy)], span{h, 3 * h / 2})
		if c := r.campaign("breach"); c.Counts.Accepted != users-2 {
			t.Errorf("%+v", c.Counts)
		}
	})
}

func TestWithParkADoubtIsParkedAtOnce(t *testing.T) {
	const users = 20
	sim := cognitosim.Options{Users: cognitosim.Users{N: users}, Latency: 100 * time.Millisecond, Faults: []cognitosim.Fault{
		{User: campaigntest.User(3), Answer: cognitosim.Timeout},
		{User: campaigntest.User(7), Answer: cognitosim.HangUpAfter},
		{User: campaigntest.User(9), Answer: "InternalError"},
	}}
	inBubble(t, setup{rate: 4, sim: sim}, func(t *testing.T, r *rig) {
		r.worker()
		r.run("breach", 0, users, func(s *campaign.Spec) { s.OnDoubt = campaign.Park })
		c := r.awaitDone("breach", 2*time.Minute)
		if c.Counts.Parked != 3 || c.Counts.Accepted != users-3 {
			t.Errorf("%+v", c.Counts)
		}
		for name, calls := range byUser(r.sim.Journal()) {
			if len(calls) != 1 {
				t.Errorf("%s was called %d times", name, len(calls))
			}
		}
	})
}

// inShifts has a worker there only when a row is due: between the shifts there
// is nothing but what Redis holds.
func (r *rig) inShifts(id string) {
	r.t.Helper()
	for shift := 0; r.campaign(id).State != campaign.Done; shift++ {
		if shift > 20 {
			r.t.Fatal("no end is in sight")
		}
		due := r.nextDue(id)
		time.Sleep(time.Until(due) - 30*time.Second)
		stop := r.worker()
		r.await("all that is due is called", 10*time.Minute, func() bool {
			return r.campaign(id).State == campaign.Done || time.Until(r.nextDue(id)) > 2*time.Minute
		})
		stop()
	}
}

// nextDue is when the next row may be called: now, if one is planned.
func (r *rig) nextDue(id string) time.Time {
	r.t.Helper()
	next := time.Now().Add(24 * time.Hour)
	for _, row := range r.rows(id) {
		switch {
		case row.State == campaign.Planned, row.State == campaign.Calling:
			return time.Now()
		case (row.State == campaign.Waiting || row.State == campaign.InDoubt) && row.At.Before(next):
			next = row.At
		}
	}
	return next
}

// span is from how long to how long; late is what the feeder, the queue and the
// line may take beside.
type span struct{ least, most time.Duration }

const late = time.Minute

func wantGaps(t *testing.T, calls []cognitosim.Entry, spans ...span) {
	t.Helper()
	if len(calls) != len(spans)+1 {
		t.Fatalf("%d calls, want %d", len(calls), len(spans)+1)
	}
	for i, s := range spans {
		if gap := calls[i+1].At.Sub(calls[i].At); gap < s.least || gap > s.most+late {
			t.Errorf("between call %d and the next there are %v, want %v to %v", i+1, gap, s.least, s.most)
		}
	}
}

// guessCodes has somebody else use up a user's attempts.
func (r *rig) guessCodes(name string, times int) {
	r.t.Helper()
	for range times {
		body := `{"ClientId":"` + cognitosim.DefaultClientID + `","Username":"` + name + `","ConfirmationCode":"000000","Password":"long enough"}`
		q := httptest.NewRequestWithContext(r.t.Context(), http.MethodPost, "/", strings.NewReader(body))
		q.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.ConfirmForgotPassword")
		q.Header.Set("Content-Type", "application/x-amz-json-1.1")
		w := httptest.NewRecorder()
		r.sim.ServeHTTP(w, q)
		if !strings.Contains(w.Body.String(), "ExpiredCode") {
			r.t.Fatalf("a guess was answered %s", w.Body)
		}
		time.Sleep(time.Second)
	}
}
