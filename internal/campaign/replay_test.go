package campaign

import (
	"slices"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

func undeliverable() Verdict {
	return Verdict{Outcome: reset.Undeliverable, Cause: reset.CodeDeliveryFailureSESQuota, State: Dead}
}

// parked is a doubt that ends at once.
func parked() Verdict {
	v := unanswered()
	v.Limit = 1
	return v
}

func TestReplayByCauseMovesThatCauseAlone(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 3000)
	for row := range int64(3) {
		r.call(1050+row, refused())
		r.call(1100+row, undeliverable())
		r.call(2900+row, parked())
		r.call(500+row, accepted())
	}
	f, err := ParseFilter("dead", "CodeDeliveryFailure")
	l.ok(err)
	for _, n := range []int64{0, 2, 4, 6} {
		_, err := l.Replay(t.Context(), "c", f, n)
		if e := wantErr[ErrConfirm](t, err); e.Want != 3 {
			t.Errorf("the right number is %d, want 3", e.Want)
		}
	}
	moved, err := l.Replay(t.Context(), "c", f, 3)
	l.ok(err)
	if moved != 3 {
		t.Errorf("%d rows were moved, want 3", moved)
	}
	c := l.wantState("c", Running)
	if c.Counts != (Counts{Planned: 2988, Waiting: 3, Accepted: 3, Dead: 3, Parked: 3}) {
		t.Errorf("counts = %+v", c.Counts)
	}
	r.recount()
	rec := r.wantState(1100, Waiting, reset.CodeDeliveryFailureSESQuota)
	if rec.Free != 0 || time.Until(rec.At) > 0 {
		t.Errorf("record = %+v", rec)
	}
	// The rest, whatever its cause: dead and parked.
	moved, err = l.Replay(t.Context(), "c", Filter{}, 6)
	l.ok(err)
	if moved != 6 {
		t.Errorf("%d rows were moved, want 6", moved)
	}
	if rec := r.wantState(2900, Waiting, reset.Timeout); rec.Attempts != 0 {
		t.Errorf("a row that was parked still has %d attempts", rec.Attempts)
	}
	r.recount()
}

func TestADoneCampaignRunsAgainWithAReplay(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 2)
	r.call(0, accepted())
	r.call(1, parked())
	if c := l.wantState("c", Done); c.Ended.IsZero() {
		t.Error("it has no end")
	}
	walks, _ := l.Walks(t.Context())
	f, err := ParseFilter("in_doubt", "")
	l.ok(err)
	if _, err := l.Replay(t.Context(), "c", f, 1); err != nil {
		t.Fatal(err)
	}
	if c := l.wantState("c", Running); !c.Ended.IsZero() {
		t.Error("it still has an end")
	}
	if n, _ := l.Walks(t.Context()); n == walks {
		t.Error("nobody is asked to walk")
	}
	if l.rdb.GetBit(t.Context(), l.keys.open("c"), 0).Val() != 1 {
		t.Error("its chunk is closed")
	}
	// Its code is alive: the row waits for it, whoever replays it.
	if r.live(1) == "" {
		t.Fatal("the replay took the live key away")
	}
	r.want(r.mark(1), AnswerHeld)
}

func TestAReplayStaysPausedOrHalted(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 10)
	r.call(0, refused())
	_, err := l.Pause(t.Context(), "c", "")
	l.ok(err)
	if _, err := l.Replay(t.Context(), "c", Filter{}, 1); err != nil {
		t.Fatal(err)
	}
	l.wantState("c", Paused)
}

func TestWhoDiesAfterTheConfirmationIsNotReplayed(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 10)
	r.call(0, refused())
	r.call(1, refused())
	c := l.campaign("c")
	before := r.record(0).At.Unix() - 1
	moved, err := l.replay(t.Context(), c, replaying{budget: 2, at: before})
	if moved != 0 || err != nil {
		t.Errorf("moved = %d, %v", moved, err)
	}
	moved, err = l.replay(t.Context(), c, replaying{budget: 1, at: before + 10})
	if moved != 1 || err != nil {
		t.Errorf("moved = %d, %v: more than was confirmed", moved, err)
	}
	r.recount()
}

func TestAReplayThatWasKilledIsTakenUpByAnother(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 4000)
	for _, row := range []int64{1, 1025, 2049, 3073} {
		r.call(row, refused())
	}
	// Killed after two chunks.
	moved, err := l.replay(t.Context(), l.campaign("c"), replaying{budget: 2, at: time.Now().Unix() + 10})
	if moved != 2 || err != nil {
		t.Fatalf("moved = %d, %v", moved, err)
	}
	_, err = l.Replay(t.Context(), "c", Filter{}, 4)
	if e := wantErr[ErrConfirm](t, err); e.Want != 2 {
		t.Errorf("left are %d, want 2", e.Want)
	}
	if moved, err = l.Replay(t.Context(), "c", Filter{}, 2); moved != 2 || err != nil {
		t.Errorf("moved = %d, %v", moved, err)
	}
	r.recount()
}

func TestTwoReplaysAtOnceMoveEachRowOnce(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 5000)
	for row := range int64(50) {
		r.call(row*100, refused())
	}
	moved := make([]int64, 2)
	together(2, func(i int) {
		// The second may be told that another number is right by now.
		moved[i], _ = l.Replay(t.Context(), "c", Filter{}, 50)
	})
	if moved[0]+moved[1] != 50 {
		t.Errorf("moved are %v rows, want 50 together", moved)
	}
	if c := l.wantState("c", Running); c.Counts.Waiting != 50 {
		t.Errorf("counts = %+v", c.Counts)
	}
	r.recount()
}

func TestALateAnswerToAReplayedRowIsNotRecorded(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 10)
	m := r.mark(0)
	r.want(m, AnswerGo)
	r.settle(m, parked())
	if _, err := l.Replay(t.Context(), "c", Filter{}, 1); err != nil {
		t.Fatal(err)
	}
	r.settle(m, refused())
	l.wantState("c", Running)
	r.recount()
}

func TestAFilterReadsTheFlags(t *testing.T) {
	for _, c := range []struct {
		state, cause string
		states       []State
		ok           bool
	}{
		{"", "", nil, true},
		{"dead", "", []State{Dead}, true},
		{"in_doubt", "Timeout", []State{InDoubt, Parked}, true},
		{"planned", "", []State{Planned}, true},
		{"parked", "", nil, false},
		{"dead", "Nonsense", nil, false},
	} {
		f, err := ParseFilter(c.state, c.cause)
		if (err == nil) != c.ok || c.ok && !slices.Equal(f.States, c.states) {
			t.Errorf("%q %q = %+v, %v", c.state, c.cause, f, err)
		}
	}
	l := newLife(t)
	if _, err := l.Replay(t.Context(), "c", Filter{States: []State{Accepted}}, 0); err == nil {
		t.Error("accepted rows were replayed")
	}
}
