package tasks

import (
	"math"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/reset"
)

const (
	// userAttempts are the answers "attempt limit exceeded" after which a row is dead.
	userAttempts = 4
	// doubtAttempts are the doubts after which a row is parked.
	doubtAttempts = 3
	// afterNine is how far AWS's clock may be behind Redis's: a call that came a
	// moment before nine would be refused, and the pool would lose another day.
	afterNine = 10 * time.Second
)

// rule says what an outcome does to its row.
type rule struct {
	state campaign.State
	// counts: the outcome costs an attempt; the row ends in atLimit with the limit-th.
	counts  bool
	limit   uint8
	atLimit campaign.State
	// The first wait, how it grows with each one of the same cause, and the most.
	first  time.Duration
	growth float64
	most   time.Duration
	jitter jitter
}

// jitter spreads waits, so that what failed together does not return together.
type jitter uint8

const (
	exactly jitter = iota
	around         // ± 50 %
	// after is for waits that hang on Cognito's hour: a user asked for again
	// before it is over is only refused again.
	after // up to 50 % more, never less
)

// rules is the table of what happens next, in reading order.
func rules(h reset.Hour) map[reset.Outcome]rule {
	hour := time.Duration(h)
	return map[reset.Outcome]rule{
		// Cognito took it. Whether it arrives nobody tells.
		reset.Accepted: {state: campaign.Accepted},
		// An administrator must act on this user first.
		reset.Refused: {state: campaign.Dead},
		// The address is bad, or the message was refused: a dead letter.
		reset.Undeliverable: {state: campaign.Dead},
		// This user had too many attempts within the hour. Somebody who keeps
		// being limited is asked for by others all the time.
		reset.UserLimited: {
			state: campaign.Waiting, counts: true, limit: userAttempts, atLimit: campaign.Dead,
			first: hour, growth: 2, most: 4 * hour, jitter: after,
		},
		// Says nothing about the user, so it costs no attempt, however often.
		reset.Throttled: {state: campaign.Waiting, first: 2 * time.Second, growth: 2, most: time.Minute, jitter: around},
		// The wait is until the quota returns, see quotaReturns.
		reset.QuotaSpent: {state: campaign.Waiting, jitter: exactly},
		// Provably not sent.
		reset.Unavailable: {state: campaign.Waiting, first: 2 * time.Second, growth: 2, most: 5 * time.Minute, jitter: around},
		// A code may be alive: nobody is called again before it has ended.
		reset.Unanswered: {
			state: campaign.InDoubt, counts: true, limit: doubtAttempts, atLimit: campaign.Parked,
			first: h.CodeLife(), growth: 1, most: h.CodeLife(), jitter: exactly,
		},
		// Fails the same way for everybody: the row is kept, the pool halts.
		reset.Misconfigured: {state: campaign.Waiting, first: 5 * time.Second, growth: 2, most: 5 * time.Minute, jitter: around},
		// rekey held it back: it stands in line again at once.
		reset.NotSent: {state: campaign.Waiting},
	}
}

// wait is the n-th wait, counted from 0.
func (r rule) wait(n uint8) time.Duration {
	if r.first == 0 {
		return 0
	}
	d := time.Duration(min(float64(r.first)*math.Pow(r.growth, float64(n)), float64(r.most)))
	switch r.jitter {
	case around:
		return spread(d, 0.5)
	case after:
		// From d to 1.5 d is ± 20 % of what is in their middle.
		return max(d, spread(d+d/4, 0.2))
	}
	return d
}

// spread draws from d ± share of it. The instance is made for each delay: they
// hold state and cannot be shared. Without WithMaxElapsedTime(0) one that were
// kept would answer -1, at once, after a quarter of an hour.
func spread(d time.Duration, share float64) time.Duration {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(d),
		backoff.WithMaxInterval(d),
		backoff.WithRandomizationFactor(share),
		backoff.WithMaxElapsedTime(0),
	).NextBackOff()
}

// answer is what became of a call.
type answer struct {
	outcome reset.Outcome
	cause   reset.Cause
	code    string // the exception's real name
	text    string // scrubbed
	medium  reset.Medium
}

// next decides what a pool's answers mean for their rows.
type next struct {
	hour  reset.Hour
	rules map[reset.Outcome]rule
	// rehearsal: an endpoint instead of AWS's, where a quota returns after an
	// hour and not at nine o'clock.
	rehearsal bool
}

func newNext(h reset.Hour, rehearsal bool) next {
	return next{hour: h, rules: rules(h), rehearsal: rehearsal}
}

// verdict is what is recorded for a row that was as before, at the time now of
// Redis's clock.
func (x next) verdict(a answer, before campaign.Record, now time.Time) campaign.Verdict {
	r, ok := x.rules[a.outcome]
	if !ok {
		// An outcome that nobody listed may have been sent.
		r = x.rules[reset.Unanswered]
	}
	v := campaign.Verdict{
		Outcome: a.outcome, Cause: a.cause, Medium: a.medium, Sample: a.sample(),
		State: r.state, Counts: r.counts, Limit: r.limit, AtLimit: r.atLimit,
		Wait: r.wait(exponent(r, a, before)),
	}
	if a.outcome == reset.QuotaSpent {
		v.Wait = x.quotaReturns(a.cause, now)
	}
	return v
}

// sample is what an operator reads of an answer. Where the cause does not name
// it, the answer's own name stands in front.
func (a answer) sample() string {
	switch {
	case a.code == "" || a.text != "" && a.cause != reset.Other:
		return a.text
	case a.text == "":
		return a.code
	}
	return a.code + ": " + a.text
}

// exponent is how often the row has waited like this before.
func exponent(r rule, a answer, before campaign.Record) uint8 {
	switch {
	case r.counts:
		return before.Attempts
	case before.Cause == a.cause:
		return before.Free
	}
	return 0
}

// quotaReturns is how long nobody gets a message. SES's day is a rolling one:
// an hour later some of it has returned.
func (x next) quotaReturns(c reset.Cause, now time.Time) time.Duration {
	if c != reset.LimitExceededDailyEmail || x.rehearsal {
		return time.Duration(x.hour)
	}
	now = now.UTC()
	back := time.Date(now.Year(), now.Month(), now.Day(), 9, 0, 0, 0, time.UTC).Add(afterNine)
	if !back.After(now) {
		back = back.AddDate(0, 0, 1)
	}
	return back.Sub(now)
}
