package tasks

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/redistest"
)

// Tokens count towards the day's budget, also those that nothing comes of.
func TestWithoutItsReplicaAWorkerCallsNobodyAndSpendsFewTokens(t *testing.T) {
	t.Parallel()
	const rate, tokens = 200, 80
	names := users(200)
	r := newRigOn(t, redistest.Client(t, redistest.Real(t)), rate, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	r.replicas = 1
	w := r.worker()
	r.run("breach", names)
	gaveUp := func(n int) func() bool {
		return func() bool {
			s, err := w.limit.State(t.Context())
			return err == nil && s.GaveUp[ratelimit.ByRedis] >= n
		}
	}
	r.until("the first calls are not made", 30*time.Second, gaveUp(1))
	began := time.Now()
	r.until("many calls are not made", 60*time.Second, gaveUp(tokens))
	if took := time.Since(began); took < 1500*time.Millisecond {
		t.Errorf("%d tokens were spent for nothing within %s", tokens, took)
	}
	if calls := r.calls(); len(calls) > 0 {
		t.Errorf("%d users were called", len(calls))
	}
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	r.replicas = 0
	r.worker()
	r.await("breach", "done", 60*time.Second, done)
	r.wantEachCalledOnce(names)
}
