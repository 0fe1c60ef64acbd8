package campaign

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestADoubtStaysADoubtWhileItsCodeIsAlive(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	m := l.mark(0)
	l.want(m, AnswerGo)
	l.settle(m, unanswered())
	b := l.want(l.mark(0), AnswerRest)
	// Another row of the user is called at the very end of the doubt.
	l.pass(b.Wait + time.Second)
	other := l.add("c2", 1)
	o := Mark{Ref: reset.Ref{Campaign: other.ID, Generation: other.Generation}, Token: "t", Username: m.Username, NotAfter: m.NotAfter}
	l.want(o, AnswerGo)
	b = l.want(l.mark(0), AnswerHeld)
	r := l.wantState(0, InDoubt, reset.Timeout)
	if !r.At.Equal(b.Until) || r.Attempts != 1 {
		t.Errorf("the doubt: at %v, attempts %d; want %v, 1", r.At, r.Attempts, b.Until)
	}
	l.recount(l.camp, other)
}

func TestAnOldMarkIsInDoubtAtTheNextBegin(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 2)
	dead := l.mark(0)
	l.want(dead, AnswerGo)
	marked := l.now
	l.pass(l.pool.Hour.Busy() - time.Millisecond)
	l.want(l.mark(0), AnswerBusy)
	l.pass(time.Millisecond)
	b := l.want(l.mark(0), AnswerDoubt)
	r := l.wantState(0, InDoubt, reset.Lost)
	if want := marked.Add(l.pool.Hour.CodeLife()); !r.At.Equal(want) || !b.Until.Equal(want) || r.Attempts != 1 {
		t.Errorf("doubt until %v (%v), attempts %d; want %v, 1", r.At, b.Until, r.Attempts, want)
	}
	if l.live(0) == "" {
		t.Error("the live key is gone: the code may be alive")
	}
	l.recount()
	l.want(l.mark(0), AnswerRest)
	l.pass(l.pool.Hour.CodeLife())
	l.want(l.mark(0), AnswerGo)
	l.recount()
}

func TestADoubtIsParkedAtOnceWhereTheCampaignParks(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 2, "on_doubt", "park")
	l.want(l.mark(0), AnswerGo)
	l.pass(l.pool.Hour.Busy())
	l.want(l.mark(0), AnswerParked)
	l.wantState(0, Parked, reset.Lost)
	l.call(1, unanswered())
	l.wantState(1, Parked, reset.Timeout)
	if got := l.field("state"); got != "done" {
		t.Errorf("with every row parked the campaign is %s, want done", got)
	}
	l.recount()
}

func TestTheThirdDoubtIsParked(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 2)
	for range 2 {
		l.call(0, unanswered())
		l.wantState(0, InDoubt, reset.Timeout)
		l.pass(l.pool.Hour.CodeLife() + time.Second)
	}
	l.want(l.mark(0), AnswerGo)
	l.pass(l.pool.Hour.Busy())
	l.want(l.mark(0), AnswerParked)
	if r := l.wantState(0, Parked, reset.Lost); r.Attempts != DoubtLimit {
		t.Errorf("parked with %d attempts, want %d", r.Attempts, DoubtLimit)
	}
	l.recount()
}
