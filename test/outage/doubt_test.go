package outage

import (
	"slices"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// unanswered are the ways in which a call ends and nobody can tell whether the
// user got a message, each as the twin does it: after it has sent one, and
// without having sent one.
func unanswered() (faults []cognitosim.Fault) {
	yes, no := true, false
	for _, a := range cognitosim.Answers() {
		if !a.Doubt {
			continue
		}
		faults = append(faults, cognitosim.Fault{Answer: a.Word, Sent: &yes})
		if a.Word != cognitosim.HangUpAfter && a.Word != cognitosim.Timeout { // they always send
			faults = append(faults, cognitosim.Fault{Answer: a.Word, Sent: &no})
		}
	}
	return faults
}

// doubtful gives each way a user of its own from the first on, and lets a few
// others pass between them: these are everybody's faults one by one, and no
// outage.
func doubtful(first int) (faults []cognitosim.Fault, names []string) {
	for i, f := range unanswered() {
		f.User = campaigntest.Users(first+4*i, first+4*i+1)[0]
		faults, names = append(faults, f), append(names, f.User)
	}
	return faults, names
}

func TestACallWithoutAnAnswerIsParkedOrMadeAgainAfterTheCodesLife(t *testing.T) {
	t.Parallel()
	const half = 120
	resent, again := doubtful(0)
	parked, never := doubtful(half)
	if len(again) < 12 || 4*len(again) > half {
		t.Fatalf("%d ways", len(again))
	}
	r := newRig(t, options{users: 2 * half, rate: 20, latency: 20 * time.Millisecond, faults: slices.Concat(resent, parked)})
	r.worker()
	r.run("resend", campaigntest.Users(0, half))
	r.run("park", campaigntest.Users(half, 2*half), func(s *campaign.Spec) { s.OnDoubt = campaign.Park })
	c := r.await("park", "done", done)
	if c.Counts.Parked != int64(len(never)) || c.Counts.Accepted != int64(half-len(never)) {
		t.Errorf("park: %+v, want %d parked", c.Counts, len(never))
	}
	for _, name := range never {
		if n := len(r.calls()[name]); n != 1 {
			t.Errorf("%s was called %d times", name, n)
		}
	}
	r.await("resend", "all but the doubts", func(c campaign.Campaign) bool { return c.Counts.Planned == 0 })
	r.twin.SetFaults()
	r.await("resend", "done", done)
	r.wantAgain(again)
	// An operator replays what was parked. Codes that are alive still end first.
	if n, err := r.store.Replay(t.Context(), "park", campaign.Filter{States: []campaign.State{campaign.Parked}}, int64(len(never))); err != nil || n != int64(len(never)) {
		t.Fatalf("replayed %d of %d, %v", n, len(never), err)
	}
	if c = r.await("park", "done again", done); c.Counts.Accepted != half {
		t.Errorf("after the replay: %+v", c.Counts)
	}
	r.wantAgain(never)
	r.audit("resend", campaigntest.Users(0, half))
	r.audit("park", campaigntest.Users(half, 2*half))
}

// wantAgain checks that each was called a second time, and not before the end
// of the code that the first may have brought.
func (r *rig) wantAgain(names []string) {
	r.t.Helper()
	for _, name := range names {
		calls := r.calls()[name]
		if len(calls) != 2 {
			r.t.Errorf("%s was called %d times", name, len(calls))
			continue
		}
		if apart := calls[1].At.Sub(calls[0].At); apart < time.Duration(r.hour) {
			r.t.Errorf("%s was called again after %v", name, apart)
		}
	}
}

// Redis takes no answers for longer than the others wait for a call's end. The
// first that happens afterwards is that these calls are parked; then come their
// answers.
func TestALateAnswerSettlesADoubt(t *testing.T) {
	t.Parallel()
	names := campaigntest.Users(0, 300)
	r := newRig(t, options{users: len(names), rate: 100, latency: 300 * time.Millisecond})
	r.worker()
	r.worker()
	r.run("breach", names, func(s *campaign.Spec) { s.OnDoubt = campaign.Park })
	r.await("breach", "under way", func(c campaign.Campaign) bool { return c.Counts.Accepted > 50 && c.Counts.Calling > 10 })
	r.do(r.rdb, "REPLICAOF", "127.0.0.1", "1")
	r.wait(r.hour.Busy() + time.Second)
	r.do(r.rdb, "REPLICAOF", "NO", "ONE")
	doubts, err := r.store.LookAtCalls(t.Context())
	if err != nil || doubts == 0 {
		t.Fatalf("%d doubts, %v: the test shows nothing", doubts, err)
	}
	c := r.await("breach", "done", func(c campaign.Campaign) bool { return done(c) && c.Counts.Parked == 0 })
	t.Logf("%d doubts were settled: %+v", doubts, c.Counts)
	r.wantEachCalledOnce(names)
	r.audit("breach", names)
}
