package outage

import (
	"syscall"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// stopsWithin is the promise: the calls' deadline and a second. The rest is for
// a machine that is busy with other tests.
var stopsWithin = hour.Deadline() + time.Second + 500*time.Millisecond

// terminate stops a worker and checks how long it takes.
func (r *rig) terminate(p *hired) {
	r.t.Helper()
	asked := time.Now()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.Ended():
	case <-time.After(patience):
		r.t.Fatal("it goes on")
	}
	took := time.Since(asked)
	r.t.Logf("stopped after %v", took.Round(10*time.Millisecond))
	if took > stopsWithin {
		r.t.Errorf("it took %v to stop", took)
	}
}

// wantRecorded checks that a drained worker has left nothing behind: no call
// without its answer, and of those that were answered all are in the ledger.
func (r *rig) wantRecorded(id string) {
	r.t.Helper()
	c, answered := r.campaign(id), int64(0)
	for _, e := range r.twin.Journal() {
		if e.Answer == cognitosim.OK {
			answered++
		}
	}
	if c.Counts.Calling != 0 || c.Counts.InDoubt+c.Counts.Parked != 0 || c.Counts.Accepted != answered {
		r.t.Errorf("%d calls were answered, the ledger says %+v", answered, c.Counts)
	}
}

func TestSIGTERMAtAnyMomentLeavesNoDoubt(t *testing.T) {
	t.Parallel()
	chance := chanceOf(t)
	names := campaigntest.Users(0, 900)
	r := newRig(t, options{users: len(names), rate: 100, latency: 300 * time.Millisecond})
	r.run("breach", names)
	for range 7 {
		calls := r.twin.Calls()
		p := r.worker()
		if chance.IntN(4) > 0 { // else while it starts
			r.until("it calls", func() bool { return r.twin.Calls() > calls || done(r.campaign("breach")) })
		}
		r.wait(time.Duration(chance.IntN(900)) * time.Millisecond)
		r.terminate(p)
		r.wantRecorded("breach")
	}
	r.worker()
	r.await("breach", "done", done)
	r.wantEachCalledOnce(names)
	r.audit("breach", names)
}

// moments are those in which a worker is held up by others.
var moments = map[string]struct {
	begin, end func(r *rig)
	doubts     bool // some calls cannot be recorded
}{
	"Cognito hangs":   {begin: func(r *rig) { r.twin.Pause(); r.wait(200 * time.Millisecond) }, end: func(r *rig) { r.twin.Resume() }, doubts: true},
	"Cognito is gone": {begin: func(r *rig) { r.twin.Down(); r.wait(time.Second) }, end: func(r *rig) { r.twin.Up() }, doubts: true},
	"the pool is blocked": {begin: func(r *rig) {
		r.twin.SetFaults(cognitosim.Fault{Answer: "LimitExceeded.DailyEmail"})
		r.until("the pool is blocked", func() bool { _, blocked := r.bucket().Blocked(pool); return blocked })
	}, end: func(r *rig) { r.twin.SetFaults() }},
	"Redis is gone":    {begin: func(r *rig) { r.server.Kill(); r.wait(time.Second) }, end: (*rig).restart, doubts: true},
	"Redis goes":       {begin: func(r *rig) { r.server.Kill() }, end: (*rig).restart, doubts: true},
	"Redis hangs":      {begin: func(r *rig) { r.do(r.rdb, "CLIENT", "PAUSE", "5000", "ALL") }, end: func(*rig) {}, doubts: true},
	"Redis is refused": {begin: func(r *rig) { r.do(r.rdb, "REPLICAOF", "127.0.0.1", "1") }, end: func(r *rig) { r.do(r.rdb, "REPLICAOF", "NO", "ONE") }, doubts: true},
	"a campaign is paused": {begin: func(r *rig) {
		if _, err := r.store.Pause(r.t.Context(), "breach", "a test"); err != nil {
			r.t.Fatal(err)
		}
	}, end: func(r *rig) {
		if _, err := r.store.Resume(r.t.Context(), "breach"); err != nil {
			r.t.Fatal(err)
		}
	}},
}

func TestSIGTERMWhileOthersHoldItUp(t *testing.T) {
	t.Parallel()
	for name, moment := range moments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := campaigntest.Users(0, 200)
			r := newRig(t, options{users: len(names), rate: 50, latency: 150 * time.Millisecond})
			p := r.worker()
			r.run("breach", names)
			r.await("breach", "under way", func(c campaign.Campaign) bool { return c.Counts.Accepted > 30 && c.Counts.Calling > 3 })
			moment.begin(r)
			r.terminate(p)
			if !moment.doubts {
				r.wantRecorded("breach")
			}
			moment.end(r)
			r.worker()
			c := r.await("breach", "done", done)
			if c.Counts.Accepted != int64(len(names)) {
				t.Errorf("%+v", c.Counts)
			}
			r.audit("breach", names)
		})
	}
}
