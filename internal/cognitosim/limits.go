package cognitosim

import (
	"math"
	"time"
)

// bucket is the account's quota, with other people's calls on it.
type bucket struct {
	rate, burst, tokens float64
	last                time.Time
	crowd               crowd
}

func newBucket(o Options, now time.Time) bucket {
	return bucket{rate: o.Quota, burst: float64(o.Burst), tokens: float64(o.Burst), last: now, crowd: newCrowd(o, now)}
}

// take takes one call out of the quota, if there is one.
func (b *bucket) take(now time.Time) bool {
	b.othersUntil(now)
	return b.one(now)
}

func (b *bucket) othersUntil(now time.Time) { b.crowd.until(now, b.one) }

func (b *bucket) one(now time.Time) bool {
	if b.rate < 0 {
		return true
	}
	if d := now.Sub(b.last); d > 0 {
		b.tokens = math.Min(b.burst, b.tokens+d.Seconds()*b.rate)
		b.last = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// post is the account's daily e-mail limit.
type post struct {
	limit, sent int
	ends        time.Time // when this day's limit returns
}

// take takes one e-mail out of the day's limit, if there is one.
func (p *post) take(now time.Time, hour time.Duration) bool {
	if p.limit == 0 {
		return true
	}
	if !now.Before(p.ends) {
		p.sent, p.ends = 0, dayEnds(now, hour)
	}
	if p.sent >= p.limit {
		return false
	}
	p.sent++
	return true
}

// dayEnds is 09:00 UTC, as AWS has it; with a shortened hour, one such hour.
func dayEnds(now time.Time, hour time.Duration) time.Time {
	if hour != time.Hour {
		return now.Add(hour)
	}
	end := now.UTC().Truncate(24 * time.Hour).Add(9 * time.Hour)
	if !end.After(now) {
		end = end.Add(24 * time.Hour)
	}
	return end
}

// LiveCode is a code that a user could enter now.
type LiveCode struct {
	Code string
	// ClientID is the app client that asked; the code works with no other.
	ClientID string
	// At is when it was sent, Until when it ends.
	At, Until time.Time
}

// Double is a code that was sent while another of the same user was alive.
type Double struct {
	Username      string
	First, Second LiveCode
}

// account is what the pool remembers of a user.
type account struct {
	attempts []time.Time
	codes    []LiveCode
}

// attempt counts one forgot or confirm call, and reports whether it is still
// within the hour's limit. A refused attempt is not counted.
func (a *account) attempt(now time.Time, hour time.Duration, limit int) bool {
	if limit < 0 {
		return true
	}
	for len(a.attempts) > 0 && !now.Before(a.attempts[0].Add(hour)) {
		a.attempts = a.attempts[1:]
	}
	if len(a.attempts) >= limit {
		return false
	}
	a.attempts = append(a.attempts, now)
	return true
}

// live drops codes that have ended and returns the others.
func (a *account) live(now time.Time) []LiveCode {
	for len(a.codes) > 0 && !now.Before(a.codes[0].Until) {
		a.codes = a.codes[1:]
	}
	return a.codes
}

// account returns what is remembered of a folded name.
func (s *Sim) account(folded string) *account {
	a, ok := s.accounts[folded]
	if !ok {
		a = &account{}
		s.accounts[folded] = a
	}
	return a
}

// Codes returns the codes that the user could enter now. Cognito itself never
// shows them; here tests need them. The real one may well end the first code
// when it sends a second; the twin keeps both, since the user has both messages.
func (s *Sim) Codes(username string) []LiveCode {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.accounts[s.people.fold(username)]
	if !ok {
		return nil
	}
	return append([]LiveCode(nil), a.live(time.Now())...)
}

// Doubles returns every code ever sent while another of the same user was
// alive. For rekey there must be none.
func (s *Sim) Doubles() []Double {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Double(nil), s.doubles...)
}
