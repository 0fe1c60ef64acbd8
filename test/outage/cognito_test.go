package outage

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/reset"
)

// fault is a way in which Cognito fails everybody.
type fault struct{ begin, end func(r *rig) }

var faults = map[string]fault{
	"refuses connections": {begin: func(r *rig) { r.twin.Down() }, end: func(r *rig) { r.twin.Up() }},
	"hangs":               {begin: func(r *rig) { r.twin.Pause() }, end: func(r *rig) { r.twin.Resume() }},
	"never answers":       answering(cognitosim.Timeout),
	"answers 500":         answering(cognitosim.Empty500),
	"answers HTML":        answering(cognitosim.HTML503),
}

func answering(word string) fault {
	return fault{
		begin: func(r *rig) { r.twin.SetFaults(cognitosim.Fault{Answer: word}) },
		end:   func(r *rig) { r.twin.SetFaults() },
	}
}

func TestCognitoFailsEverybodyAndComesBack(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := campaigntest.Users(0, 700)
			r := newRig(t, options{users: len(names), rate: 80, latency: 50 * time.Millisecond})
			for range 3 {
				r.worker()
			}
			r.run("breach", names)
			r.await("breach", "under way", func(c campaign.Campaign) bool { return c.Counts.Accepted > 150 && c.Counts.Calling > 2 })
			fault.begin(r)
			r.until("the pool is blocked", func() bool {
				_, blocked := r.bucket().Blocked(pool)
				return blocked
			})
			r.wait(r.hour.Deadline() + 500*time.Millisecond) // what was in flight ends
			quiet, queued, cursor := time.Now(), r.queued(r.rdb), r.campaign("breach").Cursor
			r.wait(6 * time.Second)
			if n := r.callsIn(quiet, time.Now()); n > 0 {
				t.Errorf("%d calls went out meanwhile", n)
			}
			if n := r.queued(r.rdb); n > queued+1 || n < queued-1 {
				t.Errorf("the queue went from %d tasks to %d meanwhile", queued, n)
			}
			if now := r.campaign("breach").Cursor; now != cursor {
				t.Errorf("the cursor went from %d to %d meanwhile", cursor, now)
			}
			scripts := r.scripts(r.rdb)
			r.wait(3 * time.Second)
			t.Logf("%d scripts a second meanwhile", (r.scripts(r.rdb)-scripts)/3)
			fault.end(r)
			ended := time.Now()
			r.wantSlowStart(ended)
			c := r.await("breach", "done", done)
			t.Logf("done %v after: %+v", time.Since(ended).Round(100*time.Millisecond), c.Counts)
			if c.Counts.Accepted != int64(len(names)) {
				t.Errorf("%+v", c.Counts)
			}
			r.wantRate(ended)
			r.audit("breach", names)
		})
	}
}

// Nobody ever had a connection: each worker takes the fault for its own.
func TestWorkersThatHadNoNetworkBeginSlowly(t *testing.T) {
	t.Parallel()
	names := campaigntest.Users(0, 400)
	r := newRig(t, options{users: len(names), rate: 80, latency: 50 * time.Millisecond})
	r.twin.Down()
	workers := []*hired{r.worker(), r.worker(), r.worker()}
	r.run("breach", names)
	r.until("every worker stands aside", func() bool {
		return !slices.ContainsFunc(workers, func(w *hired) bool { return !w.said("breaker opened") })
	})
	scripts := r.scripts(r.rdb)
	r.wait(4 * time.Second)
	if n := r.scripts(r.rdb) - scripts; n > 4*100 {
		t.Errorf("%d scripts in four seconds", n)
	}
	if b, blocked := r.bucket().Blocked(pool); blocked {
		t.Errorf("the pool is blocked: %s", b.Why)
	}
	r.twin.Up()
	r.wantSlowStart(time.Now())
	r.await("breach", "done", done)
	r.wantEachCalledOnce(names)
	r.audit("breach", names)
}

// wantSlowStart: who comes back is not met with everything at once.
func (r *rig) wantSlowStart(ended time.Time) {
	r.t.Helper()
	r.until("calls go out again", func() bool { return r.callsIn(ended, time.Now()) > 0 })
	r.wait(2500 * time.Millisecond)
	var first time.Time
	for _, e := range r.twin.Journal() {
		if e.At.After(ended) {
			first = e.At
			break
		}
	}
	n := r.callsIn(first, first.Add(time.Second))
	r.t.Logf("calls go out again after %v, %d in the first second", first.Sub(ended).Round(100*time.Millisecond), n)
	if n > int(r.rate/2) {
		r.t.Errorf("%d calls in the first second, the rate is %g", n, r.rate)
	}
}

func TestOneWorkerWithoutDNSHoldsUpNobody(t *testing.T) {
	t.Parallel()
	const rate = 60
	names := campaigntest.Users(0, 800)
	r := newRig(t, options{users: len(names), rate: rate, latency: 30 * time.Millisecond})
	r.worker()
	r.worker()
	lost := r.worker(change{endpoint: "http://cognito.invalid"})
	r.run("breach", names)
	r.until("its breaker opens", func() bool { return lost.said("breaker opened") })
	if !strings.Contains(lost.Said(), `"fault":"connection"`) || !lost.said(reset.DNS.String()) {
		t.Error("it takes its own network for everybody's")
	}
	r.until("it alone is known to be away", func() bool {
		workers, err := r.store.Workers(t.Context())
		away := slices.DeleteFunc(workers, func(w campaign.Worker) bool { return w.Away.IsZero() })
		return err == nil && len(away) == 1
	})
	from, before := time.Now(), r.bucket()
	r.until("some seconds pass", func() bool {
		if b, blocked := r.bucket().Blocked(pool); blocked {
			t.Fatalf("everybody is held: %s", b.Why)
		}
		return time.Since(from) > 6*time.Second
	})
	// Tokens and not calls: on a machine that is busy some are given up.
	after, calls := r.bucket(), int(r.twin.Calls())
	if per := float64(after.Taken-before.Taken) / after.Now.Sub(before.Now).Seconds(); per < 0.85*rate {
		t.Errorf("the others take %.0f tokens a second of %d", per, rate)
	}
	gaveUp := after.GaveUp[ratelimit.ByRedis] + after.GaveUp[ratelimit.ByConnection]
	if unused := after.Taken - gaveUp - calls; unused > after.Taken/10 {
		t.Errorf("%d of %d tokens went to somebody who does not call", unused, after.Taken)
	}
	// What the lost worker had in hand does not wait for it.
	left := time.Duration(float64(len(names)-int(r.twin.Calls())) / rate * float64(time.Second))
	sent := time.Now()
	c := r.await("breach", "done", done)
	t.Logf("done %v after, of %v: %+v", time.Since(sent).Round(100*time.Millisecond), left, c.Counts)
	if took := time.Since(sent); took > 2*left+10*time.Second {
		t.Errorf("the others had work for %v, the end came after %v", left, took)
	}
	r.wantEachCalledOnce(names)
	r.audit("breach", names)
	for line, err := range r.store.Rows(t.Context(), c, campaign.Filter{}) {
		if err != nil || line.Attempts > 0 {
			t.Fatalf("row %s has %d attempts, %v", line.Ref, line.Attempts, err)
		}
	}
}
