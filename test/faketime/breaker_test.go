package faketime

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

func TestAHalfOpenBreakerCostsOnlyItsProbes(t *testing.T) {
	const users, rate, probes = 300, 10, 3
	sim := cognitosim.Options{Users: cognitosim.Users{N: users}, Latency: 100 * time.Millisecond,
		Faults: []cognitosim.Fault{{Answer: cognitosim.HTML500}}}
	inBubble(t, setup{rate: rate, sim: sim}, func(t *testing.T, r *rig) {
		stop := r.worker()
		r.run("breach", 0, users)
		r.awaitBlocked()
		// From now on a call hangs until its deadline, ten seconds: for so long the
		// probes are under way, and everybody else waits.
		r.sim.SetFaults(cognitosim.Fault{Answer: cognitosim.Timeout})
		for range 3 {
			time.Sleep(2 * time.Second)
			calls, tokens := r.sim.Calls(), r.bucket().Used
			r.await("the probes are made", 3*time.Minute, func() bool { return r.sim.Calls() == calls+probes })
			time.Sleep(4 * time.Second)
			if more, spent := r.sim.Calls()-calls, r.bucket().Used-tokens; more != probes || spent != probes {
				t.Errorf("%d calls and %d tokens while the breaker was half-open, want %d", more, spent, probes)
			}
			r.awaitBlocked()
		}
		r.sim.SetFaults()
		r.await("everybody was called", 10*time.Minute, func() bool { return r.campaign("breach").Counts.Planned == 0 })
		stop()
		r.inShifts("breach") // the doubts, an hour later
	})
}

func (r *rig) awaitBlocked() {
	r.t.Helper()
	r.await("the pool is blocked", 5*time.Minute, func() bool { _, blocked := r.bucket().Blocked(pool); return blocked })
}
