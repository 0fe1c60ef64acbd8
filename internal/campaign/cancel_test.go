package campaign

import "testing"

func TestCancelNeedsTheNumberOfUsersNotCalledYet(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 3000)
	r.call(0, accepted())
	r.call(1, refused())
	r.call(2, throttled())
	inFlight := r.mark(3)
	r.want(inFlight, AnswerGo)
	_, err := l.Pause(t.Context(), "c", "")
	l.ok(err)
	// 2,997 are left, and the one in flight may have to be called again.
	for _, n := range []int64{0, 2995, 2999, 3000} {
		if e := wantErr[ErrConfirm](t, l.Cancel(t.Context(), "c", n)); e.Want != 2997 {
			t.Errorf("the right number is %d, want 2997", e.Want)
		}
	}
	l.ok(l.Cancel(t.Context(), "c", 2997))
	c := l.wantState("c", Cancelled)
	if c.Counts.Planned != 2996 || c.Counts.Waiting != 1 || c.Ended.IsZero() {
		t.Errorf("campaign = %+v", c)
	}
}

func TestWhileItRunsCancelTakesANumberThatWasRight(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 3000)
	r.call(0, accepted())
	wantErr[ErrConfirm](t, l.Cancel(t.Context(), "c", 2998))
	wantErr[ErrConfirm](t, l.Cancel(t.Context(), "c", 2999+1001))
	l.ok(l.Cancel(t.Context(), "c", 3000))
}

func TestACancelledCampaignStillRecordsItsCallsInFlight(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 10)
	m := r.mark(4)
	r.want(m, AnswerGo)
	l.ok(l.Cancel(t.Context(), "c", 9))
	if s := r.settle(m, accepted()); !s.Recorded {
		t.Errorf("settled = %+v", s)
	}
	if b := r.begin(r.mark(5)); b.Answer != AnswerStopped {
		t.Errorf("a call of a cancelled campaign: %v", b.Answer)
	}
	c := l.wantState("c", Cancelled)
	if c.Counts != (Counts{Planned: 9, Accepted: 1}) {
		t.Errorf("counts = %+v", c.Counts)
	}
	lines := l.report("c", Filter{States: []State{Planned}})
	if len(lines) != 9 {
		t.Errorf("%d rows are reported as planned, want 9", len(lines))
	}
}
