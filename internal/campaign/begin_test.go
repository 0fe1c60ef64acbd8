package campaign

import (
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestDeliveredTwiceIsCalledOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 3)
	first, second := l.mark(1), l.mark(1)
	l.want(first, AnswerGo)
	b := l.want(second, AnswerBusy)
	if busy := l.pool.Hour.Busy(); b.Wait <= busy-10*time.Second || b.Wait > busy {
		t.Errorf("busy for %v, want just under %v", b.Wait, busy)
	}
	l.settle(first, accepted())
	l.want(l.mark(1), AnswerSettled)
	l.recount()
}

func TestOfManyWorkersOneCalls(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 20)
	var mu sync.Mutex
	calls := map[int64]int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for row := range int64(20) {
				b, err := l.Begin(t.Context(), l.mark(row))
				if err != nil {
					t.Error(err)
				}
				if b.Answer == AnswerGo {
					mu.Lock()
					calls[row]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for row := range int64(20) {
		if calls[row] != 1 {
			t.Errorf("row %d was begun %d times, want once", row, calls[row])
		}
	}
	l.recount()
}

func TestBeginRepeatedByTheRedisClientIsNoDoubt(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	m := l.mark(0)
	l.want(m, AnswerGo)
	m.NotAfter = time.UnixMilli(1) // repeated after its time: the mark stands all the same
	b := l.want(m, AnswerGo)
	if b.Before.Attempts != 0 || l.field("calling") != "1" {
		t.Errorf("after the repeat: attempts %d, calling %s; want 0, 1", b.Before.Attempts, l.field("calling"))
	}
	l.settle(m, accepted())
	l.want(m, AnswerSettled)
	l.recount()
}

func TestABeginThatComesLateChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	m := l.mark(0)
	m.NotAfter = time.Now().Add(-time.Second)
	l.want(m, AnswerLate)
	l.wantState(0, Planned, reset.NoCause)
	if l.live(0) != "" {
		t.Error("a live key was left behind")
	}
	l.recount()
}

func TestNothingBeginsWhileTheCampaignDoesNotRun(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 2)
	inFlight := l.mark(0)
	l.want(inFlight, AnswerGo)
	for _, state := range []string{"loading", "draft", "paused", "halted", "done", "cancelled", ""} {
		l.set("state", state)
		l.want(l.mark(1), AnswerStopped)
	}
	l.wantState(1, Planned, reset.NoCause)
	l.set("state", "paused")
	l.want(inFlight, AnswerGo) // marked before the pause: this is its own repeat
	if s := l.settle(inFlight, accepted()); !s.Recorded {
		t.Error("a call in flight was not settled after the pause")
	}
	l.recount()
}

func TestNothingBeginsWhileThePoolIsHalted(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	l.rdb.HSet(t.Context(), l.keys.halt(), "reason", "r", "at", "1")
	l.want(l.mark(0), AnswerStopped)
	if err := l.ClearHalt(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.want(l.mark(0), AnswerGo)
}

func TestAnotherGenerationIsGone(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	m := l.mark(0)
	m.Ref.Generation = "older"
	l.want(m, AnswerGone)
	m.Ref.Campaign = "nosuch"
	l.want(m, AnswerGone)
	m = l.mark(1) // beyond the last row
	l.want(m, AnswerGone)
	l.recount()
}

func TestAnAnswerOfADeletedCampaignDoesNotReachItsSuccessor(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	m := l.mark(0)
	l.want(m, AnswerGo)
	l.rdb.Del(t.Context(), l.keys.campaign("c1"), l.keys.ledger("c1", 0))
	l.camp = l.add("c1", 1, "generation", "g2")
	l.camp.Generation = "g2"
	if s := l.settle(m, accepted()); s.Recorded {
		t.Error("the answer was recorded in a campaign that was made later")
	}
	l.wantState(0, Planned, reset.NoCause)
	if n := l.rdb.HLen(t.Context(), l.keys.calls()).Val(); n != 0 {
		t.Errorf("%d entries are left in calls, want none", n)
	}
	l.want(l.mark(0), AnswerHeld) // the older one's code is alive
	l.recount()
}

func TestAnAnswerOfADeletedCampaignDoesNotEndTheCallOfItsSuccessor(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	older := l.mark(0)
	l.want(older, AnswerGo)
	l.rdb.Del(t.Context(), l.keys.campaign("c1"), l.keys.ledger("c1", 0))
	l.pass(l.pool.Hour.CodeLife())
	l.camp = l.add("c1", 1, "generation", "g2")
	l.camp.Generation = "g2"
	l.want(l.mark(0), AnswerGo)
	if s := l.settle(older, accepted()); s.Recorded {
		t.Error("the answer was recorded in a campaign that was made later")
	}
	l.wantState(0, Calling, reset.NoCause)
	l.recount()
}

func TestASecondCampaignWithTheSameUserWaits(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	l.call(0, accepted())
	first := l.camp
	l.camp = l.add("c2", 1)
	m := l.mark(0)
	m.Username = reset.Hide("USER0") // the pool takes it for the same user
	b := l.want(m, AnswerHeld)
	life := l.pool.Hour.CodeLife()
	if b.Wait < life-10*time.Second || b.Wait > life+2*time.Second {
		t.Errorf("held for %v, want about %v", b.Wait, life)
	}
	r := l.wantState(0, Waiting, reset.Live)
	if !r.At.Equal(b.Until) || !l.inLater(0) {
		t.Errorf("the record waits until %v, in later %v; want %v, true", r.At, l.inLater(0), b.Until)
	}
	l.want(l.mark(0), AnswerRest)
	l.recount(first, l.camp)
}

func TestASecondCampaignThatSkipsEndsTheRow(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	l.call(0, accepted())
	l.camp = l.add("c2", 1, "on_live", "skip")
	l.want(l.mark(0), AnswerSkipped)
	l.wantState(0, Skipped, reset.Live)
	if got := l.field("state"); got != "done" {
		t.Errorf("the campaign is %s after its last row, want done", got)
	}
	l.want(l.mark(0), AnswerSettled)
	l.recount()
}

// A call under way may end without a code, and then its campaign may be cancelled:
// who was skipped meanwhile would get none.
func TestNoRowIsSkippedForACodeThatWasNotSent(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 3)
	first := l.camp
	calls := make([]Mark, 3)
	for row := range calls {
		calls[row] = l.mark(int64(row))
		l.want(calls[row], AnswerGo)
	}
	second := l.add("c2", 3, "on_live", "skip")
	l.camp = second
	for row := range int64(3) {
		if b := l.want(l.mark(row), AnswerRest); b.Wait <= 0 || b.Wait > l.pool.Hour.Deadline() {
			t.Errorf("row %d rests for %v", row, b.Wait)
		}
		l.wantState(row, Planned, reset.NoCause)
	}
	l.settle(calls[0], notSent())
	l.settle(calls[1], accepted())
	l.settle(calls[2], unanswered())
	l.call(0, accepted())
	l.want(l.mark(1), AnswerSkipped)
	b := l.want(l.mark(2), AnswerHeld)
	l.wantState(2, Waiting, reset.Live)
	l.recount(first, second)
	l.pass(b.Wait)
	l.call(2, accepted())
	l.recount(first, second)
}

func TestAReplayedRowWaitsForTheEndOfItsOwnCode(t *testing.T) {
	t.Parallel()
	// The user holds no code from another row: on_live skip is not about this one.
	l := newTimedLedger(t, 1, "on_doubt", "park", "on_live", "skip")
	l.call(0, unanswered())
	l.replay(Filter{States: []State{Parked}}, 1)
	b := l.want(l.mark(0), AnswerHeld)
	l.wantState(0, Waiting, reset.Live)
	l.recount()
	l.pass(b.Wait)
	l.want(l.mark(0), AnswerGo)
}

func TestCaseDistinguishesUsersWhereThePoolDoes(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 2)
	l.pool.CaseSensitive = true
	l.call(0, accepted())
	m := l.mark(1)
	m.Username = reset.Hide("USER0")
	l.want(m, AnswerGo)
}

func TestNoRowIsCalledBeforeItsTime(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	l.pass(300 * time.Millisecond)
	l.call(0, userLimited())
	if r := l.record(0); !r.At.Equal(l.now.Add(time.Hour + 700*time.Millisecond)) {
		t.Errorf("not before %v, want the full second after %v", r.At, l.now.Add(time.Hour))
	}
	l.pass(time.Hour)
	b := l.want(l.mark(0), AnswerRest)
	if b.Wait != 700*time.Millisecond {
		t.Errorf("rests for %v, want 700ms", b.Wait)
	}
	l.pass(b.Wait)
	l.want(l.mark(0), AnswerGo)
}

func TestAMarkNeedsAllItsParts(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	for _, spoil := range []func(*Mark){
		func(m *Mark) { m.Token = "" },
		func(m *Mark) { m.Token = "two words" },
		func(m *Mark) { m.Username = reset.Personal{} },
		func(m *Mark) { m.Ref.Campaign = "" },
		func(m *Mark) { m.Ref.Generation = "" },
		func(m *Mark) { m.Ref.Row = -1 },
	} {
		m := l.mark(0)
		spoil(&m)
		if _, err := l.Begin(t.Context(), m); err == nil {
			t.Errorf("began with %+v", m)
		}
		if _, err := l.Settle(t.Context(), m, accepted()); err == nil {
			t.Errorf("settled with %+v", m)
		}
	}
}
