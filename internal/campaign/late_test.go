package campaign

import (
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestAWorkerThatWakesUpLateSettlesItsDoubt(t *testing.T) {
	t.Parallel()
	late := []struct {
		verdict  Verdict
		state    State
		attempts uint8
		live     bool
	}{
		{accepted(), Accepted, 0, true},
		{refused(), Dead, 0, false},
		{userLimited(), Waiting, 1, false}, // one attempt for one call
		{throttled(), Waiting, 0, false},   // a doubt that is none costs no attempt
		{notSent(), Waiting, 0, false},
		{unanswered(), InDoubt, 1, true},
	}
	l := newTimedLedger(t, int64(len(late)))
	for i, test := range late {
		m := l.mark(int64(i))
		l.want(m, AnswerGo)
		l.pass(l.pool.Hour.Busy())
		l.want(l.mark(int64(i)), AnswerDoubt)
		s := l.settle(m, test.verdict)
		if !s.Recorded || s.Record.State != test.state || s.Record.Attempts != test.attempts {
			t.Errorf("late %s: %+v, want %s with %d attempts", test.verdict.Outcome, s, test.state, test.attempts)
		}
		if alive := l.live(int64(i)) != ""; alive != test.live {
			t.Errorf("late %s: live key stands = %v, want %v", test.verdict.Outcome, alive, test.live)
		}
		l.recount()
	}
}

func TestALateAcceptedRenewsTheLiveKey(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	m := l.mark(0)
	l.want(m, AnswerGo)
	l.pass(30 * time.Minute)
	l.want(l.mark(0), AnswerDoubt)
	l.settle(m, accepted())
	if ttl := l.rdb.PTTL(t.Context(), l.liveOf(m.Username)).Val(); ttl != l.pool.Hour.CodeLife() {
		t.Errorf("the code is alive for %v, want %v", ttl, l.pool.Hour.CodeLife())
	}
}

func TestALateAnswerMovesAParkedRowOnlyWhenItSaysWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	late := []struct {
		verdict Verdict
		state   State
	}{
		{accepted(), Accepted},
		{refused(), Dead},
		{Verdict{Outcome: reset.Undeliverable, Cause: reset.CodeDeliveryFailure, State: Dead}, Dead},
		{userLimited(), Parked}, {throttled(), Parked}, {notSent(), Parked}, {misconfigured(), Parked}, {unanswered(), Parked},
	}
	l := newTimedLedger(t, int64(len(late)), "on_doubt", "park")
	for i, test := range late {
		m := l.mark(int64(i))
		l.want(m, AnswerGo)
		l.pass(l.pool.Hour.Busy())
		l.want(l.mark(int64(i)), AnswerParked)
		s := l.settle(m, test.verdict)
		if s.Record.State != test.state || s.Recorded != (test.state != Parked) {
			t.Errorf("late %s to a parked row: %+v, want state %d", test.verdict.Outcome, s, test.state)
		}
		l.recount()
	}
}

func TestALateAnswerIsFoundForADay(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 2, "on_doubt", "park")
	early, late := l.mark(0), l.mark(1)
	l.want(early, AnswerGo)
	l.want(late, AnswerGo)
	l.pass(time.Hour)
	l.want(l.mark(0), AnswerParked)
	l.want(l.mark(1), AnswerParked)
	l.pass(23 * time.Hour)
	if s := l.settle(early, accepted()); !s.Recorded {
		t.Error("a late answer was not found on its last minute")
	}
	l.pass(time.Second)
	if s := l.settle(late, accepted()); s.Recorded {
		t.Error("a late answer was found after a day")
	}
	l.recount()
}

func TestALateAnswerAfterTheNextBeginChangesNothing(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 2)
	var first, second [2]Mark
	for row := range int64(2) {
		first[row], second[row] = l.mark(row), l.mark(row)
		l.want(first[row], AnswerGo)
	}
	l.pass(l.pool.Hour.Busy())
	l.look()
	l.pass(l.pool.Hour.CodeLife())
	for row := range int64(2) {
		l.want(second[row], AnswerGo)
	}
	// One answer comes while the second call is in flight, the other one after it.
	if s := l.settle(first[0], accepted()); s.Recorded || s.Record.State != Calling {
		t.Errorf("the answer to an earlier call: %+v", s)
	}
	l.settle(second[0], refused())
	l.settle(second[1], throttled())
	if l.live(0) != "" || l.live(1) != "" {
		t.Error("a live key of a second call stands after its answer")
	}
	if s := l.settle(first[1], accepted()); s.Recorded || s.Record.State != Waiting {
		t.Errorf("the answer to an earlier call: %+v", s)
	}
	l.recount()
}

func TestADoubtIsSettledByItsOwnTokenAlone(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	earlier, lost := l.mark(0), l.mark(0)
	l.want(earlier, AnswerGo)
	l.settle(earlier, notSent())
	l.want(lost, AnswerGo)
	l.pass(l.pool.Hour.Busy())
	l.look()
	if s := l.settle(earlier, refused()); s.Recorded || s.Record.State != InDoubt {
		t.Errorf("another token settled the doubt: %+v", s)
	}
	if s := l.settle(lost, refused()); !s.Recorded {
		t.Error("the doubt's own token did not settle it")
	}
	l.recount()
}

func TestADoubtLastsFromTheMark(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	m := l.mark(0)
	l.want(m, AnswerGo)
	want := l.now.Add(l.pool.Hour.CodeLife())
	l.pass(9 * time.Second)
	if s := l.settle(m, unanswered()); !s.Record.At.Equal(want) {
		t.Errorf("in doubt until %v, want %v", s.Record.At, want)
	}
	l.pass(want.Sub(l.now))
	l.want(l.mark(0), AnswerGo)
}

func TestTheLiveKeyIsTouchedOnlyByTheTokenThatSetIt(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	m := l.mark(0)
	l.want(m, AnswerGo)
	l.pass(l.pool.Hour.Busy())
	l.want(l.mark(0), AnswerDoubt)
	// The code's life is over, and another row has called the user.
	l.pass(l.pool.Hour.CodeLife())
	c2 := l.add("c2", 1)
	o := Mark{Ref: reset.Ref{Campaign: c2.ID, Generation: c2.Generation}, Token: "other", Username: m.Username, NotAfter: m.NotAfter}
	l.want(o, AnswerGo)
	l.settle(m, refused())
	if got := l.live(0); !strings.HasSuffix(got, " other") {
		t.Errorf("the live key is %q, want the other row's", got)
	}
	l.recount(l.camp, c2)
}

func TestALateAnswerReachesAReplayedRow(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 2, "on_doubt", "park")
	sent, limited := l.mark(0), l.mark(1)
	l.want(sent, AnswerGo)
	l.want(limited, AnswerGo)
	l.pass(l.pool.Hour.Busy())
	l.want(l.mark(0), AnswerParked)
	l.want(l.mark(1), AnswerParked)
	l.replay(Filter{States: []State{Parked}}, 2)
	l.settle(sent, accepted())
	l.wantState(0, Accepted, reset.NoCause)
	l.want(l.mark(0), AnswerSettled)
	if s := l.settle(limited, userLimited()); s.Recorded {
		t.Errorf("an answer that says nothing of the message moved the row: %+v", s)
	}
	l.recount()
}
