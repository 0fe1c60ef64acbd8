package campaign

import (
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestThreeMisconfiguredUsersInARowHaltThePoolAndNobodyDies(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 10)
	inFlight := l.mark(9)
	l.want(inFlight, AnswerGo)
	for row := range int64(3) {
		s := l.call(row, misconfigured())
		if (s.Halted != nil) != (row == 2) {
			t.Fatalf("after %d answers: halted %+v", row+1, s.Halted)
		}
	}
	h, err := l.Halt(t.Context())
	if err != nil || h == nil {
		t.Fatalf("halt: %+v, %v", h, err)
	}
	if !h.Pool || h.Cause != reset.ResourceNotFound || h.Sample != "User pool client does not exist." ||
		!h.At.Equal(l.now) || !strings.Contains(h.Next, "client_id") || h.Reason == "" {
		t.Errorf("the halt says %+v", h)
	}
	l.pass(time.Minute)
	l.want(l.mark(5), AnswerStopped)
	if s := l.settle(inFlight, misconfigured()); !s.Recorded || s.Halted != nil {
		t.Errorf("an answer after the halt: %+v", s)
	}
	if l.field("dead") != "" {
		t.Errorf("%s rows are dead, want none", l.field("dead"))
	}
	if err := l.ClearHalt(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.pass(time.Minute)
	for row := range int64(10) {
		l.call(row, accepted())
	}
	l.recount()
}

func TestOneUserAloneIsNotThreeInARow(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 10)
	for range 2 { // of two rows, four answers
		for row := range int64(2) {
			if s := l.call(row, misconfigured()); s.Halted != nil {
				t.Fatalf("halted: %+v", s.Halted)
			}
		}
		l.pass(time.Minute)
	}
}

func TestOnlyAnswersThatSayThePoolWorksBreakTheRow(t *testing.T) {
	t.Parallel()
	undeliverable := Verdict{Outcome: reset.Undeliverable, Cause: reset.CodeDeliveryFailure, State: Dead}
	unavailable := Verdict{Outcome: reset.Unavailable, Cause: reset.Dial, State: Waiting, Wait: time.Second}
	spent := Verdict{Outcome: reset.QuotaSpent, Cause: reset.LimitExceededDailyEmail, State: Waiting, Wait: time.Hour}
	tests := []struct {
		verdict Verdict
		breaks  bool
	}{
		{accepted(), true}, {refused(), true}, {undeliverable, true}, {userLimited(), true},
		{throttled(), false}, {spent, false}, {unavailable, false}, {unanswered(), false}, {notSent(), false},
	}
	for _, test := range tests {
		l := newTimedLedger(t, 10)
		l.call(0, misconfigured())
		l.call(1, misconfigured())
		l.call(2, test.verdict)
		if s := l.call(3, misconfigured()); (s.Halted == nil) != test.breaks {
			t.Errorf("%s among three: halted %v, want %v", test.verdict.Outcome, s.Halted != nil, !test.breaks)
		}
	}
}

func TestTenOfTheLastFiftyHaltThePool(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 200)
	row := int64(0)
	next := func(v Verdict) Settled { row++; return l.call(row-1, v) }
	// One in five is ten of fifty: the tenth comes with the 46th answer.
	for i := range 46 {
		v := accepted()
		if i%5 == 0 {
			v = misconfigured()
		}
		if s := next(v); (s.Halted != nil) != (i == 45) {
			t.Fatalf("at answer %d: halted %v", i+1, s.Halted != nil)
		}
	}
	// One in six never is.
	if err := l.ClearHalt(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 120 {
		v := accepted()
		if i%6 == 0 {
			v = misconfigured()
		}
		if s := next(v); s.Halted != nil {
			t.Fatalf("at answer %d with one in six: %+v", i+1, s.Halted)
		}
	}
}

func TestAUserRefusedEveryTimeAmongOthersEndsDead(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 100)
	lambda := Verdict{Outcome: reset.Misconfigured, Cause: reset.UserLambdaValidation, State: Waiting, Wait: 5 * time.Second}
	row := int64(1)
	for i := range 5 {
		s := l.call(0, lambda)
		if s.Halted != nil {
			t.Fatalf("halted at answer %d: %+v", i+1, s.Halted)
		}
		for range 9 {
			l.call(row, accepted())
			row++
		}
		l.pass(5 * time.Minute)
	}
	l.wantState(0, Dead, reset.UserLambdaValidation)
	if n := l.rdb.HExists(t.Context(), l.keys.misconfigured(), member(l.ref(0))).Val(); n {
		t.Error("the row's count is left behind")
	}
	l.recount()
}

func TestAUserRefusedFiveTimesWithNobodyAcceptedHaltsThePool(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 10)
	l.call(9, accepted()) // before the row's first: says nothing about now
	for i := range 5 {
		s := l.call(0, misconfigured())
		if (s.Halted != nil) != (i == 4) {
			t.Fatalf("at answer %d: halted %v", i+1, s.Halted != nil)
		}
		if i < 4 {
			l.call(int64(i)+1, throttled())
		}
		l.pass(5 * time.Minute)
	}
	l.wantState(0, Waiting, reset.ResourceNotFound)
	l.recount()
}

func TestTheFirstHaltOfAPoolStands(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 10)
	marks := make([]Mark, 6)
	for i := range marks {
		marks[i] = l.mark(int64(i))
		l.want(marks[i], AnswerGo)
	}
	other := misconfigured()
	other.Cause, other.Sample = reset.Forbidden, "WAF"
	for i, m := range marks {
		if i < 3 {
			l.settle(m, misconfigured())
		} else {
			l.settle(m, other)
		}
	}
	h, err := l.Halt(t.Context())
	if err != nil || h.Cause != reset.ResourceNotFound {
		t.Errorf("halt %+v, %v; want the first one", h, err)
	}
}

func TestAHaltOfANewerVersionStands(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	l.rdb.HSet(t.Context(), l.keys.halt(), "reason", "r", "cause", "Novel", "at", 5000)
	h, err := l.Halt(t.Context())
	if err != nil || h == nil || h.Cause != reset.Other {
		t.Errorf("halt %+v, %v", h, err)
	}
}

func TestEveryCauseThatHaltsHasANextStep(t *testing.T) {
	t.Parallel()
	for _, c := range reset.Causes() {
		if s := nextStep(c); !strings.Contains(s, "campaign resume") || strings.Contains(s, "\n") {
			t.Errorf("%s: next step %q", c, s)
		}
	}
}
