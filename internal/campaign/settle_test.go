package campaign

import (
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
)

func TestEveryOutcomeLeavesItsRecord(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 100, "guard", 0)
	now, life := l.now, l.pool.Hour.CodeLife()
	tests := []struct {
		verdict Verdict
		want    Record
		live    bool // whether the user's code is taken to be alive
	}{
		{accepted(), Record{State: Accepted, Medium: reset.Email, At: now}, true},
		{refused(), Record{State: Dead, Cause: reset.UserNotFound, At: now}, false},
		{Verdict{Outcome: reset.Undeliverable, Cause: reset.CodeDeliveryFailure, State: Dead},
			Record{State: Dead, Cause: reset.CodeDeliveryFailure, At: now}, false},
		{userLimited(), Record{State: Waiting, Cause: reset.LimitExceededUser, Attempts: 1, At: now.Add(time.Hour)}, false},
		{throttled(), Record{State: Waiting, Cause: reset.TooManyRequests, Free: 1, At: now.Add(2 * time.Second)}, false},
		{Verdict{Outcome: reset.QuotaSpent, Cause: reset.LimitExceededDailyEmail, State: Waiting, Wait: 3 * time.Hour},
			Record{State: Waiting, Cause: reset.LimitExceededDailyEmail, Free: 1, At: now.Add(3 * time.Hour)}, false},
		{Verdict{Outcome: reset.Unavailable, Cause: reset.Dial, State: Waiting, Wait: 1500 * time.Millisecond},
			Record{State: Waiting, Cause: reset.Dial, Free: 1, At: now.Add(2 * time.Second)}, false},
		{unanswered(), Record{State: InDoubt, Cause: reset.Timeout, Attempts: 1, At: now.Add(life)}, true},
		{misconfigured(), Record{State: Waiting, Cause: reset.ResourceNotFound, Free: 1, At: now.Add(5 * time.Second)}, false},
		{notSent(), Record{State: Waiting, Cause: reset.NotSentCause, Free: 1, At: now}, false},
	}
	for i, test := range tests {
		row := int64(i)
		s := l.call(row, test.verdict)
		if !s.Recorded || s.Record != test.want || l.record(row) != test.want {
			t.Errorf("%s: %+v, recorded %v; want %+v", test.verdict.Outcome, s.Record, s.Recorded, test.want)
		}
		if alive := l.live(row) != ""; alive != test.live {
			t.Errorf("%s: live key stands = %v, want %v", test.verdict.Outcome, alive, test.live)
		}
		if far := test.want.At.Sub(now) > time.Minute; l.inLater(row) != far {
			t.Errorf("%s: in later = %v, want %v", test.verdict.Outcome, l.inLater(row), far)
		}
	}
	if n := l.rdb.HLen(t.Context(), l.keys.calls()).Val(); n != 0 {
		t.Errorf("%d entries are left in calls, want none", n)
	}
	if got := l.field("sample:22"); got != "User does not exist." {
		t.Errorf("the sample of UserNotFound is %q", got)
	}
	l.recount()
}

func TestSettleRepeatedByTheRedisClientChangesNothing(t *testing.T) {
	t.Parallel()
	verdicts := []Verdict{accepted(), refused(), userLimited(), throttled(), unanswered(), misconfigured(), notSent()}
	l := newTimedLedger(t, int64(len(verdicts)))
	for i, v := range verdicts {
		m := l.mark(int64(i))
		l.want(m, AnswerGo)
		want := l.settle(m, v).Record
		for range 3 {
			if got := l.settle(m, v).Record; got != want {
				t.Errorf("%s settled again: %+v, want %+v", v.Outcome, got, want)
			}
		}
	}
	l.recount()
}

func TestASettleWhoseRowWasBegunAgainChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	first, second := l.mark(0), l.mark(0)
	l.want(first, AnswerGo)
	l.settle(first, notSent())
	l.want(second, AnswerGo)
	for _, v := range []Verdict{notSent(), accepted(), refused()} {
		if s := l.settle(first, v); s.Recorded || s.Record.State != Calling {
			t.Errorf("%s by the older token: %+v, want calling and not recorded", v.Outcome, s)
		}
	}
	if l.live(0) == "" {
		t.Error("the older token took the live key away")
	}
	l.settle(second, accepted())
	l.recount()
}

func TestANotSentStandsInLineAtOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	l.call(0, notSent())
	l.want(l.mark(0), AnswerGo)
}

func TestFreeWaitsOfOneCauseInARowAreCounted(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	for want := range uint8(3) {
		m := l.mark(0)
		b := l.want(m, AnswerGo)
		if b.Before.Free != want || want > 0 && b.Before.Cause != reset.TooManyRequests {
			t.Errorf("before: %+v, want %d free waits", b.Before, want)
		}
		l.settle(m, throttled())
		l.pass(time.Minute)
	}
	l.call(0, Verdict{Outcome: reset.Unavailable, Cause: reset.Dial, State: Waiting, Wait: time.Second})
	if r := l.record(0); r.Free != 1 || r.Attempts != 0 {
		t.Errorf("after another cause: %+v, want one free wait and no attempt", r)
	}
	l.pass(time.Minute)
	l.call(0, userLimited())
	if r := l.record(0); r.Free != 0 || r.Attempts != 1 {
		t.Errorf("after a wait that counts: %+v, want no free wait and one attempt", r)
	}
}

func TestFreeWaitsSaturate(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	for range 260 {
		l.call(0, throttled())
		l.pass(time.Minute)
	}
	if r := l.record(0); r.Free != 255 {
		t.Errorf("after 260 free waits the record says %d, want 255", r.Free)
	}
	l.recount()
}

func TestTheFourthUserLimitIsDeath(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	for i := range 4 {
		s := l.call(0, userLimited())
		if want := i == 3; (s.Record.State == Dead) != want || s.Done != want {
			t.Fatalf("after %d answers: %+v", i+1, s)
		}
		l.pass(time.Hour + time.Second)
	}
	l.wantState(0, Dead, reset.LimitExceededUser)
	l.recount()
}

func TestDoubtsAndUserLimitsAreCountedTogether(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	l.call(0, userLimited())
	l.pass(time.Hour + time.Second)
	l.call(0, userLimited())
	l.pass(time.Hour + time.Second)
	l.call(0, unanswered())
	if r := l.wantState(0, Parked, reset.Timeout); r.Attempts != 3 {
		t.Errorf("attempts %d, want 3", r.Attempts)
	}
}

func TestTheLastFinalRowMakesTheCampaignDone(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"running", "paused", "halted", "cancelled"} {
		l := newTimedLedger(t, 3, "on_live", "skip")
		l.call(0, accepted())
		other := l.add("c2", 1)
		m := l.mark(0)
		m.Ref = reset.Ref{Campaign: other.ID, Generation: other.Generation}
		m.Username = reset.Hide("user1")
		l.want(m, AnswerGo)
		l.settle(m, accepted())
		l.want(l.mark(1), AnswerSkipped)
		last := l.mark(2)
		l.want(last, AnswerGo)
		l.set("state", state)
		s := l.settle(last, refused())
		want := state != "cancelled"
		if s.Done != want || (l.field("state") == "done") != want || (l.field("ended_at") != "") != want {
			t.Errorf("from %s: done %v, state %s", state, s.Done, l.field("state"))
		}
		l.recount(l.camp, other)
	}
}

func TestAStandingCampaignIsDoneWhenItsDayIsOver(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1, "standing", time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC).Unix())
	l.call(0, accepted())
	if got := l.field("state"); got != "running" {
		t.Fatalf("at noon of its day it is %s, want running", got)
	}
	l.pass(12*time.Hour - time.Second)
	finish := func() bool {
		done, err := l.Finish(t.Context(), l.camp)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	if finish() {
		t.Error("done a second before midnight")
	}
	l.pass(time.Second)
	l.camp.Generation = "older"
	if finish() {
		t.Error("who knew an older generation ended the campaign")
	}
	l.camp.Generation = "g-c1"
	if !finish() || l.field("state") != "done" {
		t.Errorf("after midnight it is %s, want done", l.field("state"))
	}
}

func TestAnUnreadableRowIsBuried(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 5)
	l.call(1, throttled())
	l.call(2, unanswered())
	l.call(3, accepted())
	l.want(l.mark(4), AnswerGo)
	for row, want := range []State{Dead, Dead, Parked, Accepted, Calling} {
		if err := l.Bury(t.Context(), l.ref(int64(row)), reset.RosterDamaged, "checksum"); err != nil {
			t.Fatal(err)
		}
		if r := l.record(int64(row)); r.State != want {
			t.Errorf("row %d is %d, want %d", row, r.State, want)
		}
	}
	l.recount()
}

func TestSamplesAreCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 2)
	v := refused()
	v.Sample = strings.Repeat("ä", 150)
	l.call(0, v)
	if got := l.field("sample:22"); got != strings.Repeat("ä", 100) {
		t.Errorf("sample of %d bytes, want 200: %q", len(got), got)
	}
}

func TestAVerdictThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	m := l.mark(0)
	l.want(m, AnswerGo)
	for _, v := range []Verdict{
		{}, {Outcome: reset.Accepted}, {Outcome: reset.Accepted, State: Calling}, {State: Dead},
		{Outcome: reset.Unanswered, State: InDoubt, Counts: true, Limit: 3},
	} {
		if _, err := l.Settle(t.Context(), m, v); err == nil {
			t.Errorf("settled with %+v", v)
		}
	}
	l.wantState(0, Calling, reset.NoCause)
}

func TestSettleWorksWithMemoryFullAndBeginDoesNot(t *testing.T) {
	t.Parallel()
	srv := redistest.Real(t, "--maxmemory-policy", "noeviction")
	l := ledgerOn(t, redistest.Client(t, srv), 5000)
	first, second := l.mark(0), l.mark(1)
	l.want(first, AnswerGo)
	l.want(second, AnswerGo)
	if err := l.rdb.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Begin(t.Context(), l.mark(2)); err == nil || !strings.Contains(err.Error(), "OOM") {
		t.Fatalf("begin with memory full: %v, want an OOM error", err)
	}
	if _, err := l.Begin(t.Context(), l.mark(4000)); err == nil {
		t.Fatal("began in a new chunk with memory full")
	}
	if s := l.settle(first, accepted()); !s.Recorded {
		t.Error("accepted was not recorded with memory full")
	}
	if s := l.settle(second, unanswered()); !s.Recorded {
		t.Error("a doubt was not recorded with memory full")
	}
	l.wantState(2, Planned, reset.NoCause)
	l.recount()
}
