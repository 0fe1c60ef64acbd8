package campaign

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/reset"
)

// A member that is no row's is named and dropped. The rows beside it are due.
func TestAForeignMemberOfLaterStandsInNobodysWay(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 2)
	l.call(0, userLimited())
	l.pass(2 * time.Hour)
	key := l.keys.later()
	for i, m := range []string{"nonsense", "c1#x g-c1", "", "c1#1"} {
		l.rdb.ZAdd(t.Context(), key, redis.Z{Score: float64(i), Member: m})
	}
	refs, err := l.Later(t.Context(), 10)
	if e := wantErr[ErrForeign](t, err); e.Key != key || len(e.Members) != 4 || !strings.Contains(e.Error(), key) {
		t.Errorf("error is %v", e)
	}
	if !slices.Equal(refs, []reset.Ref{l.ref(0)}) {
		t.Errorf("due are %v, want row 0", refs)
	}
	if refs, err = l.Later(t.Context(), 10); err != nil || len(refs) != 1 {
		t.Errorf("the next look: %v, %v", refs, err)
	}
}

func TestAForeignEntryOfCallsStandsInNobodysWay(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 3)
	for row := range int64(3) {
		l.want(l.mark(row), AnswerGo)
	}
	for member, value := range map[string]string{
		"nonsense": "token 1", "c1#x g-c1": "nonsense", "of a mark to come": "token 99999999999999",
		member(l.ref(1)): "nonsense", // a row's, and nobody knows any more who marked it
	} {
		l.rdb.HSet(t.Context(), l.keys.calls(), member, value)
	}
	if n, err := l.LookAtCalls(t.Context()); n != 0 || len(wantErr[ErrForeign](t, err).Members) != 2 {
		t.Errorf("%d doubts before any is old, %v", n, err)
	}
	l.pass(time.Hour)
	if n, err := l.LookAtCalls(t.Context()); n != 3 || err != nil {
		t.Errorf("%d doubts, %v; want all three", n, err)
	}
	l.wantState(1, InDoubt, reset.Lost)
	l.pass(2 * time.Hour)
	l.call(1, accepted())
	l.recount()
}

func TestAMarkWithAForeignEntryIsBusyUntilItIsOld(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	m := l.mark(0)
	l.want(m, AnswerGo)
	l.rdb.HSet(t.Context(), l.keys.calls(), member(l.ref(0)), "nonsense")
	l.want(l.mark(0), AnswerBusy)
	l.rdb.Del(t.Context(), l.liveOf(m.Username))
	if s := l.settle(m, accepted()); s.Recorded {
		t.Errorf("an answer was recorded though nothing says whose the mark is: %+v", s)
	}
	l.pass(time.Hour)
	l.want(l.mark(0), AnswerDoubt)
	l.recount()
}

func TestAForeignEntryOfDoubtsIsDeleted(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	l.call(0, unanswered())
	l.rdb.HSet(t.Context(), l.keys.doubts(), "nonsense", "of somebody else")
	_, err := l.LookAtCalls(t.Context())
	if e := wantErr[ErrForeign](t, err); e.Key != l.keys.doubts() || !slices.Equal(e.Members, []string{"nonsense"}) {
		t.Errorf("error is %v", e)
	}
	if _, err := l.LookAtCalls(t.Context()); err != nil || l.rdb.HLen(t.Context(), l.keys.doubts()).Val() != 1 {
		t.Errorf("%v, doubts hold %v", err, l.rdb.HKeys(t.Context(), l.keys.doubts()).Val())
	}
}

// The look goes on after a call whose chunk of the ledger cannot be written.
func TestACallInADamagedChunkLeavesTheOthersToTheLook(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 2000)
	old := func(row int64) {
		l.want(l.mark(row), AnswerGo)
		l.rdb.HSet(t.Context(), l.keys.calls(), member(l.ref(row)), "token 1")
	}
	old(0)
	old(1500)
	l.rdb.Del(t.Context(), l.keys.ledger("c1", 0))
	l.rdb.HSet(t.Context(), l.keys.ledger("c1", 0), "a", "b")
	n, err := l.LookAtCalls(t.Context())
	if e := wantErr[ErrDamaged](t, err); n != 1 || e.First != 0 {
		t.Errorf("%d doubts, %v", n, err)
	}
	l.wantState(1500, InDoubt, reset.Lost)
}
