package tasks

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/reset"
)

const anHour = reset.Hour(time.Hour)

func TestEveryOutcomeHasItsRule(t *testing.T) {
	t.Parallel()
	have := rules(anHour)
	for _, o := range reset.Outcomes() {
		if _, ok := have[o]; !ok {
			t.Errorf("%v has no rule", o)
		}
	}
	if len(have) != len(reset.Outcomes()) {
		t.Errorf("%d rules for %d outcomes", len(have), len(reset.Outcomes()))
	}
}

func TestWhatAnOutcomeDoesToItsRow(t *testing.T) {
	t.Parallel()
	x := newNext(anHour, false)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		why         string
		a           answer
		before      campaign.Record
		state       campaign.State
		counts      bool
		limit       uint8
		least, most time.Duration
	}{
		{why: "accepted is final", a: answer{outcome: reset.Accepted}, state: campaign.Accepted},
		{why: "refused is a dead letter", a: answer{outcome: reset.Refused, cause: reset.UserNotFound}, state: campaign.Dead},
		{why: "undeliverable is a dead letter", a: answer{outcome: reset.Undeliverable, cause: reset.CodeDeliveryFailure}, state: campaign.Dead},
		{why: "a limited user waits at least the hour", a: answer{outcome: reset.UserLimited, cause: reset.LimitExceededUser},
			state: campaign.Waiting, counts: true, limit: 4, least: time.Hour, most: 90 * time.Minute},
		{why: "then two", a: answer{outcome: reset.UserLimited, cause: reset.LimitExceededUser}, before: campaign.Record{Attempts: 1},
			state: campaign.Waiting, counts: true, limit: 4, least: 2 * time.Hour, most: 3 * time.Hour},
		{why: "and never more than four", a: answer{outcome: reset.UserLimited, cause: reset.LimitExceededUser}, before: campaign.Record{Attempts: 3},
			state: campaign.Waiting, counts: true, limit: 4, least: 4 * time.Hour, most: 6 * time.Hour},
		{why: "a throttle costs no attempt", a: answer{outcome: reset.Throttled, cause: reset.TooManyRequests},
			state: campaign.Waiting, least: time.Second, most: 3 * time.Second},
		{why: "the third in a row waits longer", a: answer{outcome: reset.Throttled, cause: reset.TooManyRequests},
			before: campaign.Record{Cause: reset.TooManyRequests, Free: 2}, state: campaign.Waiting, least: 4 * time.Second, most: 12 * time.Second},
		{why: "another cause begins anew", a: answer{outcome: reset.Throttled, cause: reset.TooManyRequests},
			before: campaign.Record{Cause: reset.Dial, Free: 9}, state: campaign.Waiting, least: time.Second, most: 3 * time.Second},
		{why: "a throttle's most", a: answer{outcome: reset.Throttled, cause: reset.TooManyRequests},
			before: campaign.Record{Cause: reset.TooManyRequests, Free: 255}, state: campaign.Waiting, least: 30 * time.Second, most: 90 * time.Second},
		{why: "unavailable", a: answer{outcome: reset.Unavailable, cause: reset.Dial},
			before: campaign.Record{Cause: reset.Dial, Free: 200}, state: campaign.Waiting, least: 150 * time.Second, most: 450 * time.Second},
		{why: "misconfigured", a: answer{outcome: reset.Misconfigured, cause: reset.ResourceNotFound},
			state: campaign.Waiting, least: 2500 * time.Millisecond, most: 7500 * time.Millisecond},
		{why: "a doubt lasts as long as its code may live", a: answer{outcome: reset.Unanswered, cause: reset.Timeout}, before: campaign.Record{Attempts: 2},
			state: campaign.InDoubt, counts: true, limit: 3, least: 65 * time.Minute, most: 65 * time.Minute},
		{why: "not sent stands in line at once", a: answer{outcome: reset.NotSent, cause: reset.NotSentCause}, state: campaign.Waiting},
		{why: "the daily e-mails return at nine", a: answer{outcome: reset.QuotaSpent, cause: reset.LimitExceededDailyEmail},
			state: campaign.Waiting, least: 21*time.Hour + afterNine, most: 21*time.Hour + afterNine},
		{why: "SES's return within the hour", a: answer{outcome: reset.QuotaSpent, cause: reset.CodeDeliveryFailureSESQuota},
			state: campaign.Waiting, least: time.Hour, most: time.Hour},
		{why: "an outcome that nobody listed may have been sent", a: answer{outcome: 99},
			state: campaign.InDoubt, counts: true, limit: 3, least: 65 * time.Minute, most: 65 * time.Minute},
	} {
		for range 50 {
			v := x.verdict(c.a, c.before, now)
			if v.State != c.state || v.Counts != c.counts || v.Limit != c.limit {
				t.Errorf("%s: %+v", c.why, v)
			}
			if v.Wait < c.least || v.Wait > c.most {
				t.Errorf("%s: waits %v, want %v to %v", c.why, v.Wait, c.least, c.most)
			}
		}
	}
}

func TestWhereARowEndsAtItsLimit(t *testing.T) {
	t.Parallel()
	have := rules(anHour)
	if got := have[reset.UserLimited].atLimit; got != campaign.Dead {
		t.Errorf("a limited user ends as %v", got)
	}
	if got := have[reset.Unanswered].atLimit; got != campaign.Parked {
		t.Errorf("a doubt ends as %v", got)
	}
}

func TestWaitsOfTheSameKindDiffer(t *testing.T) {
	t.Parallel()
	r := rules(anHour)[reset.Throttled]
	seen := map[time.Duration]bool{}
	for range 100 {
		seen[r.wait(5)] = true
	}
	if len(seen) < 90 {
		t.Errorf("a hundred waits have %d values: they would all return together", len(seen))
	}
}

func TestDailyQuotaReturnsAtNineOrAfterARehearsalsHour(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		now  string
		want time.Duration
	}{
		{"2026-11-23T08:59:00Z", time.Minute + afterNine},
		{"2026-11-23T09:00:00Z", afterNine}, // AWS's clock may be behind
		{"2026-11-23T09:00:10Z", 24 * time.Hour},
		{"2026-11-23T23:00:00Z", 10*time.Hour + afterNine},
		{"2026-11-23T01:00:00+02:00", 10*time.Hour + afterNine},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := newNext(anHour, false).quotaReturns(reset.LimitExceededDailyEmail, now); got != c.want {
			t.Errorf("at %s it returns in %v, want %v", c.now, got, c.want)
		}
		if got := newNext(reset.MinHour, true).quotaReturns(reset.LimitExceededDailyEmail, now); got != 10*time.Second {
			t.Errorf("in a rehearsal it returns in %v, want its hour", got)
		}
	}
}

func TestShortRestsStayInTheQueueAndLongOnesInTheLedger(t *testing.T) {
	t.Parallel()
	if err := rest(91*time.Second, "x"); err != nil {
		t.Errorf("a row that rests for long keeps its task: %v", err)
	}
	// The last is in the ledger's list as well, or, by a clock that is off, not.
	for _, wait := range []time.Duration{300 * time.Millisecond, time.Second, 59 * time.Second, 65 * time.Second} {
		now := time.Now()
		d := retryDelay(0, rest(wait, "x"), nil)
		// What asynq makes of it.
		if at := now.Add(d).Truncate(time.Second); at.Before(now.Add(wait)) {
			t.Errorf("a wait of %v ends %v early", wait, now.Add(wait).Sub(at))
		}
		if isFailure(rest(wait, "x")) {
			t.Error("a wait counts as a failure")
		}
	}
	if d := retryDelay(3, errAgain, nil); d != 0 {
		t.Errorf("an error of the queue's own waits %v", d)
	}
}
