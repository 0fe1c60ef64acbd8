package faketime

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

func TestAnHourWithoutRedisCallsNobodyAndNobodyTwice(t *testing.T) {
	const users, rate = 200, 4
	sim := cognitosim.Options{Users: cognitosim.Users{N: users}, Latency: 2 * time.Second}
	inBubble(t, setup{rate: rate, sim: sim}, func(t *testing.T, r *rig) {
		r.worker()
		r.worker()
		r.run("breach", 0, users)
		r.await("calls are in flight", 2*time.Minute, func() bool {
			c := r.campaign("breach").Counts
			return c.Accepted > 60 && c.Calling > 4
		})
		r.line.cut()
		flying := r.campaign("breach").Counts.Calling
		time.Sleep(time.Second)
		if n := r.callsIn(time.Hour); n != 0 {
			t.Errorf("%d calls without Redis", n)
		}
		if c := r.campaign("breach").Counts; c.Calling != flying || c.InDoubt != 0 {
			t.Errorf("somebody has changed the ledger: %+v", c)
		}
		r.line.mend()
		r.awaitDone("breach", 10*time.Minute)
		r.wantNoAttemptLost("breach")
		for name, calls := range byUser(r.sim.Journal()) {
			if len(calls) != 1 {
				t.Errorf("%s was called %d times", name, len(calls))
			}
		}
	})
}
