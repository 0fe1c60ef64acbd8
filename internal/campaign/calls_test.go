package campaign

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/reset"
)

func (l *ledger) look() int {
	l.t.Helper()
	n, err := l.LookAtCalls(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return n
}

func TestTheLookPutsOldMarksInDoubtAndNoOthers(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 4)
	l.want(l.mark(0), AnswerGo)
	marked := l.now
	l.call(1, accepted())
	l.pass(l.pool.Hour.Busy() - time.Millisecond)
	young := l.mark(2)
	l.want(young, AnswerGo)
	if n := l.look(); n != 0 {
		t.Errorf("%d doubts before a mark was old, want 0", n)
	}
	l.pass(time.Millisecond)
	if n := l.look(); n != 1 {
		t.Errorf("%d doubts, want 1", n)
	}
	r := l.wantState(0, InDoubt, reset.Lost)
	if want := marked.Add(l.pool.Hour.CodeLife()); !r.At.Equal(want) || !l.inLater(0) {
		t.Errorf("the doubt lasts until %v, in later %v; want %v, true", r.At, l.inLater(0), want)
	}
	l.wantState(2, Calling, reset.NoCause)
	l.settle(young, accepted())
	if n := l.look(); n != 0 {
		t.Errorf("%d doubts at the next look, want 0", n)
	}
	l.recount()
}

func TestAMarkThatBecameYoungSinceTheLookStays(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	m := l.mark(0)
	l.want(m, AnswerGo)
	// A look that found the row, and was slow: it is called again meanwhile.
	if lost, err := l.lost(t.Context(), l.ref(0)); lost || err != nil {
		t.Errorf("a young mark is lost: %v, %v", lost, err)
	}
	l.settle(m, accepted())
	if lost, err := l.lost(t.Context(), l.ref(0)); lost || err != nil {
		t.Errorf("a settled mark is lost: %v, %v", lost, err)
	}
	l.recount()
}

func TestTheLookFindsTheMarksOfACrashWhileTheCampaignIsPaused(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 2)
	l.want(l.mark(0), AnswerGo)
	l.set("state", "paused")
	l.pass(time.Hour)
	if n := l.look(); n != 1 || l.field("calling") != "0" {
		t.Errorf("%d doubts, %s calls in flight; want 1 and 0", n, l.field("calling"))
	}
	l.recount()
}

// calls was lost, with what a crash had left in it: the records alone know of the
// calls. Whatever the campaign's state is, none of them is in flight for ever.
func TestACallOfWhichOnlyItsRecordKnowsIsInDoubtOnceItIsOld(t *testing.T) {
	t.Parallel()
	for _, state := range []Status{Running, Paused, Halted, Cancelled} {
		l := newTimedLedger(t, 3000)
		l.call(0, accepted())
		for _, row := range []int64{1, 2, 1500, 2999} {
			l.want(l.mark(row), AnswerGo)
		}
		l.set("state", string(state))
		l.rdb.Del(t.Context(), l.keys.calls())
		l.rdb.ZAdd(t.Context(), l.keys.campaigns(), redis.Z{Member: "c1"})
		l.pass(l.pool.Hour.Busy() - time.Second)
		if n := l.look(); n != 0 {
			t.Errorf("%s: %d doubts before a mark was old, want 0", state, n)
		}
		l.pass(time.Second)
		if n := l.look(); n != 4 || l.field("calling") != "0" {
			t.Errorf("%s: %d doubts, %s calls in flight; want 4 and 0", state, n, l.field("calling"))
		}
		l.wantState(1500, InDoubt, reset.Lost)
		l.recount()
	}
}

func TestTheLookLeavesOthersAloneThatAreListed(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 3)
	l.rdb.ZAdd(t.Context(), l.keys.campaigns(), redis.Z{Member: "c1"})
	l.want(l.mark(0), AnswerGo)
	l.rdb.Del(t.Context(), l.keys.calls())
	l.pass(l.pool.Hour.Busy())
	m := l.mark(1)
	l.want(m, AnswerGo)
	if n := l.look(); n != 1 {
		t.Errorf("%d doubts, want the one of the row that is not in calls", n)
	}
	l.settle(m, accepted())
	l.wantState(1, Accepted, reset.NoCause)
	l.recount()
}

func TestTheLookDropsTheMarksOfADeletedCampaign(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	l.want(l.mark(0), AnswerGo)
	l.rdb.Del(t.Context(), l.keys.campaign("c1"), l.keys.ledger("c1", 0))
	l.pass(l.pool.Hour.CodeLife())
	l.camp = l.add("c1", 1, "generation", "g2")
	l.camp.Generation = "g2"
	m := l.mark(0)
	l.want(m, AnswerGo)
	if n := l.look(); n != 0 {
		t.Errorf("%d doubts, want none", n)
	}
	if keys := l.rdb.HKeys(t.Context(), l.keys.calls()).Val(); !slices.Equal(keys, []string{member(m.Ref)}) {
		t.Errorf("in calls are %q, want the successor's row alone", keys)
	}
	l.recount()
}

func TestOldDoubtsAreForgottenAndYoungOnesKept(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	ctx := t.Context()
	now, err := l.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		mark := now.Add(-25 * time.Hour)
		if i%4 == 0 {
			mark = now.Add(-23 * time.Hour)
		}
		l.rdb.HSet(ctx, l.keys.doubts(), member(l.ref(int64(i))), fmt.Sprintf("token %d", mark.UnixMilli()))
	}
	for range 100 {
		l.look()
	}
	if n := l.rdb.HLen(context.Background(), l.keys.doubts()).Val(); n != 500 {
		t.Errorf("%d doubts are kept, want the 500 of the last day", n)
	}
}

func TestAnEntryThatNamesNoRowIsAnError(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	l.rdb.HSet(t.Context(), l.keys.calls(), "nonsense", "token 1")
	if _, err := l.LookAtCalls(t.Context()); err == nil {
		t.Error("an entry that names no row was passed over")
	}
}
