package faketime

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// stretch is how long Cognito is away in each way.
func stretch() time.Duration {
	if underRace {
		return 12 * time.Minute
	}
	return 2 * time.Hour
}

func TestSixHoursWithoutCognito(t *testing.T) {
	const users, rate = 400, 4
	sim := cognitosim.Options{Users: cognitosim.Users{N: users}, Latency: 500 * time.Millisecond}
	inBubble(t, setup{rate: rate, sim: sim}, func(t *testing.T, r *rig) {
		stop := r.worker()
		r.run("breach", 0, users)
		r.await("it is under way", time.Minute, func() bool { return r.campaign("breach").Counts.Accepted > 40 })

		r.road.cut()
		if n := r.callsIn(stretch()); n != 0 {
			t.Errorf("%d calls while connections were refused", n)
		}
		if c := r.campaign("breach"); c.Counts.Waiting+c.Counts.Dead+c.Counts.Parked > 0 || c.Counts.InDoubt > 5 {
			t.Errorf("connections that were refused cost rows something: %+v", c.Counts)
		}

		r.sim.SetFaults(cognitosim.Fault{Answer: cognitosim.Timeout})
		r.road.mend()
		r.wantProbesOnly("hung", r.callsIn(stretch()))

		r.sim.SetFaults(cognitosim.Fault{Answer: cognitosim.HTML500})
		r.wantProbesOnly("were answered 500", r.callsIn(stretch()))

		r.await("the pool is blocked for a while", 10*time.Minute, func() bool {
			b, _ := r.bucket().Blocked(pool)
			return time.Until(b.Until) > time.Minute
		})
		r.sim.SetFaults()
		r.wantASlowStart(time.Now(), rate)
		r.await("everybody was called", 10*time.Minute, func() bool { return r.campaign("breach").Counts.Planned == 0 })
		stop()
		r.inShifts("breach") // the doubts, an hour later
		r.wantCalledAgainOnlyAfterTheCodesLife("breach")
	})
}

// callsIn lets d pass and returns how many calls came.
func (r *rig) callsIn(d time.Duration) int {
	began := time.Now()
	time.Sleep(d)
	return len(r.between(began, time.Now()))
}

// wantProbesOnly: at most three calls in five minutes, a few more until the breaker
// has come to its longest cool-down.
func (r *rig) wantProbesOnly(what string, calls int) {
	r.t.Helper()
	trips := int(stretch()/(5*time.Minute)) + 5
	if calls == 0 || calls > 3*trips {
		r.t.Errorf("%d calls %s, of %d trips", calls, what, trips)
	}
}

// wantASlowStart: it goes on by itself, and not at the full rate.
func (r *rig) wantASlowStart(back time.Time, rate float64) {
	r.t.Helper()
	r.await("somebody is called again", 6*time.Minute, func() bool { return len(r.between(back, time.Now())) > 0 })
	first := r.between(back, time.Now())[0].At
	time.Sleep(time.Minute)
	start, later := r.between(first, first.Add(2*time.Second)), busiest(r.between(first, time.Now()))
	if len(start) > int(rate) || later < int(rate) {
		r.t.Errorf("%d calls in the first two seconds after the outage, at most %d in one of the minute", len(start), later)
	}
}

// wantCalledAgainOnlyAfterTheCodesLife: in this outage nobody is refused, so a
// second call means that the first one was a doubt.
func (r *rig) wantCalledAgainOnlyAfterTheCodesLife(id string) {
	r.t.Helper()
	again := 0
	for name, calls := range byUser(r.sim.Journal()) {
		for i := 1; i < len(calls); i++ {
			again++
			if gap := calls[i].At.Sub(calls[i-1].At); gap < hour.CodeLife() {
				r.t.Errorf("%s was called again after %v", name, gap)
			}
		}
	}
	rows := r.rows(id)
	for _, row := range rows {
		if row.State != campaign.Accepted && (row.State != campaign.Parked || row.Attempts != 3) {
			r.t.Errorf("%s: %v with %d attempts", row.Ref, row.State, row.Attempts)
		}
	}
	if again == 0 {
		r.t.Error("nobody was in doubt")
	}
}
