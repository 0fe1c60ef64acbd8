package outage

import (
	"syscall"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
)

// asleep is the least that a worker sleeps: longer than the queue's lease of
// thirty seconds, and than a mark waits for its answer.
const asleep = 35 * time.Second

// steps are a reset's, each by what the worker is stopped at: a script's command
// before it gets to Redis, or its answer before it gets to the worker. In its
// sleep the one arrives; late keeps it until the worker wakes up.
var steps = map[string]struct {
	script string
	answer bool
	late   bool
	again  bool // the row in hand may be called once more, after its code's life
}{
	"a task is taken, and a token asked for":      {script: takes},
	"the token is there":                          {script: takes, answer: true},
	"the mark is asked for":                       {script: begins},
	"the mark is asked for, and comes late":       {script: begins, late: true},
	"the mark is there":                           {script: begins, answer: true},
	"the answer is to be recorded":                {script: settles},
	"the answer is to be recorded, and that late": {script: settles, late: true, again: true},
	"the answer is recorded":                      {script: settles, answer: true},
}

func TestAWorkerThatSleepsBetweenTwoStepsCallsNobodyTwice(t *testing.T) {
	t.Parallel()
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, names := sleepers(t, 100*time.Millisecond)
			way := newWay(t, r)
			p := r.worker(change{redis: way.url(), handlers: 1})
			r.await("breach", "under way", func(c campaign.Campaign) bool { return c.Counts.Accepted > 3 })
			at := way.stopAt(step.script, step.answer)
			r.until("it is there", at.isReached)
			p.suspend()
			if !step.late {
				at.goOn()
			}
			r.sleeps(p)
			at.goOn()
			r.wantNobodyTwice(names, step.again)
		})
	}
}

// The twin carries out a call when it comes in, and takes its time to answer:
// the answer comes in the sleep.
func TestAWorkerThatSleepsWhileItIsAnsweredCallsNobodyTwice(t *testing.T) {
	t.Parallel()
	r, names := sleepers(t, time.Second)
	p := r.worker(change{handlers: 1})
	r.until("it calls", func() bool { return r.twin.Calls() > 0 })
	p.suspend()
	r.sleeps(p)
	r.wantNobodyTwice(names, true)
}

// sleepers is a rig with a campaign for a worker that has one row in hand, so
// that what it is stopped at is that row's step.
func sleepers(t *testing.T, latency time.Duration) (r *rig, names []string) {
	t.Helper()
	names = campaigntest.Users(0, 150)
	r = newRig(t, options{users: len(names), rate: 50, latency: latency})
	r.run("breach", names)
	return r, names
}

// sleeps lets a worker that was stopped sleep until another one has done all
// that it can, which is to call a user in doubt again too, and wakes it up.
func (r *rig) sleeps(p *hired) {
	r.t.Helper()
	users := r.campaign("breach").Total
	r.worker()
	r.wait(asleep)
	r.await("breach", "done but for the row in hand", func(c campaign.Campaign) bool {
		return c.Counts.Accepted >= users-1 && c.Counts.Calling == 0 && c.Counts.InDoubt == 0
	})
	p.signal(syscall.SIGCONT)
}

// wantNobodyTwice checks that every row came to its end by one call, but for the
// row in hand, which may have taken another one, after its code's life.
func (r *rig) wantNobodyTwice(names []string, again bool) {
	r.t.Helper()
	r.wait(r.hour.Deadline()) // for what it should not do
	if c := r.await("breach", "done", done); c.Counts.Accepted != int64(len(names)) {
		r.t.Errorf("%+v", c.Counts)
	}
	calls := int64(len(names))
	if again {
		calls++
	} else {
		r.wantEachCalledOnce(names)
	}
	if n := r.twin.Calls(); n > calls {
		r.t.Errorf("%d users were called %d times", len(names), n)
	}
	r.audit("breach", names)
}
