package outage

import (
	"syscall"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
	"github.com/rekeyhq/rekey/internal/reset"
)

// Each worker is stopped in its turn, at any moment, for longer than the others
// wait for a call's end: what it had begun is in doubt by then. It wakes up and
// knows nothing of that.
func TestWorkersThatSleepBetweenAnyTwoStepsCallNobodyTwice(t *testing.T) {
	t.Parallel()
	chance := chanceOf(t)
	names := campaigntest.Users(0, 2200)
	r := newRig(t, options{users: len(names), rate: 100, latency: 400 * time.Millisecond, hour: reset.MinHour})
	workers := []*hired{r.worker(), r.worker(), r.worker()}
	r.run("breach", names)
	r.await("breach", "under way", func(c campaign.Campaign) bool { return c.Counts.Accepted > 100 && c.Counts.Calling > 5 })
	for i, how := range []func(*hired, time.Duration){r.stop, r.stopAsking, r.stop, r.stopAsking, r.stopCalling} {
		r.wait(time.Duration(chance.IntN(700)) * time.Millisecond)
		how(workers[i%len(workers)], time.Duration(chance.IntN(60))*time.Millisecond)
		r.wait(reset.MinHour.Busy() + reset.MinHour.LookEvery())
		workers[i%len(workers)].signal(syscall.SIGCONT)
	}
	c := r.await("breach", "done", done)
	if c.Counts.Accepted != int64(len(names)) {
		t.Errorf("%+v", c.Counts)
	}
	again := 0
	for _, calls := range r.calls() {
		if len(calls) > 1 {
			again++
		}
	}
	t.Logf("%d users were called again, after their code's life", again)
	r.audit("breach", names)
}

// stop stops a worker wherever it is.
func (r *rig) stop(p *hired, _ time.Duration) { p.suspend() }

// stopAsking stops a worker while it waits for Redis to answer. What it asked
// for (a token, a mark, a row's end) then happens in its sleep.
func (r *rig) stopAsking(p *hired, after time.Duration) {
	r.t.Helper()
	r.do(r.rdb, "CLIENT", "PAUSE", "120", "ALL")
	r.wait(40*time.Millisecond + after)
	p.suspend()
}

// stopCalling stops a worker while its calls are on their way; they are carried
// out in its sleep.
func (r *rig) stopCalling(p *hired, after time.Duration) {
	r.twin.Pause()
	r.wait(100*time.Millisecond + after)
	p.suspend()
	r.twin.Resume()
}

// The queue's lease lasts thirty seconds, the feeder's ten. The one that sleeps
// has both.
func TestAFeederThatSleptLongerThanEveryLeaseIsStaleAndHarmless(t *testing.T) {
	t.Parallel()
	names := campaigntest.Users(0, 2500)
	r := newRig(t, options{users: len(names), rate: 50, latency: 150 * time.Millisecond})
	feeder := r.worker()
	r.run("breach", names)
	r.await("breach", "under way", func(c campaign.Campaign) bool { return c.Counts.Accepted > 50 && c.Counts.Calling > 3 })
	other := r.worker()
	r.until("the other works too", func() bool { return other.said("serving") })
	r.wait(time.Second)
	feeder.suspend()
	r.until("the other feeds", func() bool { return other.said("this worker feeds the pool now") })
	r.wait(22 * time.Second) // and ten of the lease
	from, calls := time.Now(), r.twin.Calls()
	feeder.signal(syscall.SIGCONT)
	r.until("the stale one knows", func() bool { return feeder.said("another worker feeds the pool now") })
	r.wait(3 * time.Second)
	if per := float64(r.twin.Calls()-calls) / time.Since(from).Seconds(); per < 0.8*r.rate {
		t.Errorf("%.0f calls a second of %g after it woke up", per, r.rate)
	}
	r.await("breach", "done", done)
	r.wantRate(from)
	r.audit("breach", names)
}
