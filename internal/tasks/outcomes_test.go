package tasks

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/reset"
)

func TestTooManyRequestsCostsNoAttemptAndOneCutForEachCongestion(t *testing.T) {
	t.Parallel()
	names := users(150)
	r := newRig(t, 100, cognitosim.Options{Users: cognitosim.Users{N: len(names)}, Latency: 150 * time.Millisecond,
		Faults: []cognitosim.Fault{{From: 50, To: 64, Answer: "TooManyRequests"}}})
	r.worker()
	r.worker()
	r.run("breach", names)
	r.await("breach", "done", 40*time.Second, done)
	for line, err := range r.store.Rows(t.Context(), r.campaign("breach"), campaign.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if line.State != campaign.Accepted || line.Attempts != 0 {
			t.Errorf("%s: %v with %d attempts", line.Ref, line.State, line.Attempts)
		}
	}
	throttled := 0
	for _, e := range r.twin.Journal() {
		if e.Answer == "TooManyRequestsException" {
			throttled++
		}
	}
	cuts := strings.Count(r.log.String(), "the rate is cut")
	if throttled < 15 || cuts < 1 || cuts > throttled/3 {
		t.Errorf("%d throttled answers made %d cuts", throttled, cuts)
	}
}

func TestCodeDeliveryFailureIsADeadLetter(t *testing.T) {
	t.Parallel()
	names := users(60)
	r := newRig(t, 200, cognitosim.Options{Users: cognitosim.Users{N: len(names)}, Faults: []cognitosim.Fault{
		{User: "user000007", Answer: "CodeDeliveryFailure"}, {User: "user000013", Answer: "CodeDeliveryFailure.Email"},
	}})
	w := r.worker()
	r.run("breach", names)
	c := r.await("breach", "done", 20*time.Second, done)
	if c.Counts.Dead != 2 || c.Counts.Accepted != 58 {
		t.Errorf("%+v", c.Counts)
	}
	if n := c.Causes[campaign.Dead]; n[reset.CodeDeliveryFailure] != 1 || n[reset.CodeDeliveryFailureEmail] != 1 {
		t.Errorf("causes %v", n)
	}
	r.wantEachCalledOnce(names)
	r.wantQueueEmpty()
	got := testutil.ToFloat64(w.metrics.calls.WithLabelValues(poolName, "CodeDeliveryFailure.Email"))
	if ok := testutil.ToFloat64(w.metrics.calls.WithLabelValues(poolName, "OK")); got != 1 || ok != 58 {
		t.Errorf("metrics: %v CodeDeliveryFailure.Email, %v OK", got, ok)
	}
	if n, err := r.store.Replay(t.Context(), "breach", campaign.Filter{Cause: reset.CodeDeliveryFailure}, 2); err != nil || n != 2 {
		t.Fatalf("replayed %d, %v", n, err)
	}
	r.until("replayed rows are called", 15*time.Second, func() bool { return r.calls()["user000007"] == 2 && r.calls()["user000013"] == 2 })
}

func TestWrongClientIDHaltsAfterThreeAnswersAndResumeSendsEveryRow(t *testing.T) {
	t.Parallel()
	names := users(40)
	r := newRig(t, 10, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	wrong := r.worker(func(s *setup) { s.client.ClientID = "someotherclient" })
	r.run("breach", names)
	c := r.await("breach", "halted", 20*time.Second, func(c campaign.Campaign) bool { return c.State == campaign.Halted })
	if n := len(r.twin.Journal()); n != 3 {
		t.Errorf("halted after %d answers", n)
	}
	if c.Counts.Dead != 0 || c.Next == "" || c.Samples[reset.ResourceNotFound] == "" {
		t.Errorf("dead %d, next %q, samples %v", c.Counts.Dead, c.Next, c.Samples)
	}
	if err := wrong.stop(); err != nil {
		t.Error(err)
	}
	r.worker()
	if _, err := r.store.Resume(t.Context(), "breach"); err != nil {
		t.Fatal(err)
	}
	c = r.await("breach", "done", 30*time.Second, done)
	if c.Counts.Accepted != int64(len(names)) {
		t.Errorf("%+v", c.Counts)
	}
}

func TestOneWrongWorkerAmongRightOnesStopsServing(t *testing.T) {
	t.Parallel()
	names := users(300)
	r := newRig(t, 60, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	r.worker()
	r.worker()
	r.worker()
	wrong := r.worker(func(s *setup) { s.client.ClientID = "someotherclient" })
	r.run("breach", names)
	r.until("the wrong worker stops serving", 30*time.Second, func() bool {
		// By chance three of its answers may follow each other: that halts the pool.
		if r.campaign("breach").State == campaign.Halted {
			if _, err := r.store.Resume(t.Context(), "breach"); err != nil {
				t.Fatal(err)
			}
		}
		return wrong.benched.Load() != nil
	})
	if err := wrong.Ready(); err == nil || !strings.Contains(err.Error(), "compare its configuration") {
		t.Errorf("it says: %v", err)
	}
	c := r.await("breach", "done", 40*time.Second, done)
	if c.Counts.Accepted != int64(len(names)) {
		t.Errorf("%+v", c.Counts)
	}
}

func TestSpentDailyQuotaBlocksThePoolAndTheWindowStaysShort(t *testing.T) {
	t.Parallel()
	names := users(3000)
	r := newRig(t, 10, cognitosim.Options{Users: cognitosim.Users{N: len(names)}, DailyEmail: 15})
	w := r.worker()
	q := newQueues(r.rdb, poolName)
	r.run("breach", names)
	r.until("the pool is blocked", 20*time.Second, func() bool {
		s := w.bucket.Load()
		if s == nil {
			return false
		}
		_, blocked := s.Blocked(poolName)
		return blocked
	})
	before, calls := r.campaign("breach"), r.twin.Calls()
	// An urgent campaign has a window of its own, and that stays empty too.
	r.run("urgent", names[:5], func(s *campaign.Spec) { s.Priority = campaign.Urgent })
	r.until("some seconds pass", 10*time.Second, func() bool {
		_, other, err := q.lengths(t.Context(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if other.all > 610 {
			t.Fatalf("%d tasks in the queue: more than a minute of the rate", other.all)
		}
		s, err := w.limit.State(t.Context())
		b, blocked := s.Blocked(poolName)
		return err == nil && (!blocked || b.Until.Sub(s.Now) < 6*time.Second)
	})
	after := r.campaign("breach")
	if after.Cursor > before.Cursor+10 {
		t.Errorf("fed while blocked: cursor from %d to %d", before.Cursor, after.Cursor)
	}
	if c := r.campaign("urgent"); c.Cursor != 0 {
		t.Errorf("%d urgent rows were fed while blocked", c.Cursor)
	}
	if n := r.twin.Calls(); n > calls+2 {
		t.Errorf("%d calls while blocked", n-calls)
	}
	if after.Counts.Dead != 0 || after.Counts.Accepted != 15 {
		t.Errorf("%+v", after.Counts)
	}
}

func TestOneUserWhomALambdaRefusesEveryTimeEndsDeadAndHaltsNobody(t *testing.T) {
	t.Parallel()
	names := users(300)
	r := newRig(t, 25, cognitosim.Options{Users: cognitosim.Users{N: len(names)},
		Faults: []cognitosim.Fault{{User: "user000003", Answer: "UserLambdaValidation"}}})
	r.worker(func(s *setup) { s.quick = reset.Misconfigured })
	r.run("breach", names)
	c := r.await("breach", "done", 40*time.Second, done)
	if c.Counts.Dead != 1 || c.Counts.Accepted != int64(len(names)-1) {
		t.Errorf("%+v", c.Counts)
	}
	if n := r.calls()["user000003"]; n != 5 {
		t.Errorf("the refused user was called %d times", n)
	}
}

func TestAttemptLimitExceededFourTimesIsDead(t *testing.T) {
	t.Parallel()
	names := users(20)
	r := newRig(t, 100, cognitosim.Options{Users: cognitosim.Users{N: len(names)},
		Faults: []cognitosim.Fault{{User: "user000003", Answer: "LimitExceeded.User"}}})
	r.worker(func(s *setup) { s.quick = reset.UserLimited })
	r.run("breach", names)
	c := r.await("breach", "done", 30*time.Second, done)
	if c.Counts.Dead != 1 || c.Causes[campaign.Dead][reset.LimitExceededUser] != 1 {
		t.Errorf("%+v %v", c.Counts, c.Causes)
	}
	if n := r.calls()["user000003"]; n != 4 {
		t.Errorf("called %d times", n)
	}
}

func TestCallWithoutAnAnswerIsMadeAgainOnlyAfterTheCodesLife(t *testing.T) {
	t.Parallel()
	names := users(20)
	r := newRig(t, 100, cognitosim.Options{Users: cognitosim.Users{N: len(names)},
		Faults: []cognitosim.Fault{{From: 5, To: 7, Answer: cognitosim.HangUpAfter}}})
	r.worker()
	r.run("breach", names)
	r.await("breach", "in doubt", 10*time.Second, func(c campaign.Campaign) bool { return c.Counts.InDoubt == 3 })
	c := r.await("breach", "done", 30*time.Second, done)
	if c.Counts.Accepted != int64(len(names)) {
		t.Errorf("%+v", c.Counts)
	}
	times := map[string][]time.Time{}
	for _, e := range r.twin.Journal() {
		times[e.Username] = append(times[e.Username], e.At)
	}
	again := 0
	for name, at := range times {
		if len(at) == 1 {
			continue
		}
		again++
		if gap := at[1].Sub(at[0]); len(at) != 2 || gap < reset.MinHour.CodeLife() {
			t.Errorf("%s was called %d times, again after %v", name, len(at), gap)
		}
	}
	if again != 3 {
		t.Errorf("%d users were called again, want 3", again)
	}
}

func TestUnreachableCognitoCostsNoRowAnything(t *testing.T) {
	t.Parallel()
	names := users(60)
	r := newRig(t, 60, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	w := r.worker()
	r.twin.Down()
	r.run("breach", names)
	r.until("the breaker opens", 20*time.Second, w.breaker.Open)
	r.twin.Up()
	r.await("breach", "done", 40*time.Second, done)
	r.wantEachCalledOnce(names)
	for line, err := range r.store.Rows(t.Context(), r.campaign("breach"), campaign.Filter{}) {
		if err != nil || line.State != campaign.Accepted || line.Attempts != 0 {
			t.Fatalf("%s: %v, %d attempts, %v", line.Ref, line.State, line.Attempts, err)
		}
	}
}
