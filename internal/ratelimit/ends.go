package ratelimit

import (
	"math"
	"time"
)

// Under is the bucket as a file's numbers make it, once its workers claim it.
// While workers hold it, their numbers count, and it stays as it is.
func (s State) Under(q Quota) State {
	if s.Held {
		return s
	}
	s.Quota, s.Limit, s.Configured, s.Burst, s.Daily = q.Name, q.Limit, q.Rate(), q.Burst, q.Daily
	// A lease is longer than a throttle's curve.
	s.Allowed, s.Throttled = s.Configured, false
	if len(s.Blocks) > 0 && s.Blocks[0].Pool == "" {
		s.Allowed = 0
	}
	s.spend()
	return s
}

// spend looks whether the budget is spent.
func (s *State) spend() {
	s.BudgetBack = time.Time{}
	if s.Daily > 0 && s.Used >= s.Daily {
		s.BudgetBack = s.Returns[0].At
		s.Allowed = 0
	}
}

// Ends is when a number of calls will have left, if they are all that leaves
// and none before from: after what blocks the pool now, at the rate of now, and
// within the daily budget of which the last 24 hours have used a part. Every
// promise of an end is reckoned here.
func (s State) Ends(pool string, calls int64, from time.Time) time.Time {
	speed := s.AllowedTo(pool)
	if speed <= 0 {
		speed = s.Configured
	}
	if b, blocked := s.Blocked(pool); blocked && from.Before(b.Until) {
		from = b.Until
	}
	if from.Before(s.Now) {
		from = s.Now
	}
	// The budget and the instants of what is reserved are taken already.
	calls -= int64(s.Reserved)
	switch {
	case calls <= 0:
		return from
	case s.Daily <= 0 || speed <= 0:
		return later(from, float64(calls)/speed)
	}
	return s.within(from, speed, float64(calls))
}

// within goes through the slots as take.lua does, until all calls have left.
func (s State) within(from time.Time, speed, calls float64) time.Time {
	first := from.UnixMicro() / slot.Microseconds()
	days, used := s.days(first)
	skipped := float64(0)
	for d := first; ; d++ {
		if d == first+2*slots {
			// One turn is like the next by now, so they need not be gone through.
			turns := max(0, math.Ceil(calls/used)-1)
			skipped, calls = turns*(slots*slot).Seconds(), min(calls-turns*used, used)
		}
		if d > first {
			used -= days[d%slots]
			days[d%slots] = 0
		}
		begin := time.UnixMicro(d * slot.Microseconds()).Sub(from)
		end, begin := (begin + slot).Seconds(), max(0, begin)
		can := max(0, min(float64(s.Daily)-used, speed*(end-begin.Seconds())))
		if can >= calls {
			return later(from, skipped+begin.Seconds()+calls/speed)
		}
		calls -= can
		used += can
		days[d%slots] += can
	}
}

// days are the calls that count in a slot, where the bucket keeps them, and
// their sum.
func (s State) days(at int64) (days [slots]float64, used float64) {
	for _, r := range s.Returns {
		if d := r.At.UnixMicro()/slot.Microseconds() - slots; d > at-slots {
			days[d%slots] += float64(r.Calls)
			used += float64(r.Calls)
		}
	}
	return days, used
}

// later adds seconds, and no more than a time can hold.
func later(t time.Time, seconds float64) time.Time {
	return t.Add(time.Duration(min(seconds*float64(time.Second), math.MaxInt64/2)))
}
