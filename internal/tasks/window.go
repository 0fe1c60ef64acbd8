package tasks

import (
	"cmp"
	"slices"
)

const (
	// windowSeconds is how much of the allowed rate the queue holds. It is twice
	// the feeder's lease, so that nothing runs dry while another worker takes
	// over; more would only keep a retry, which goes to the end, waiting for longer.
	windowSeconds = 20
	maxWindow     = 5000 // at a high rate a second or two is enough: the feeder comes round five times a second
	// portion is the least that is worth feeding; at a low rate a second's worth is, so
	// that the scripts around an enqueue serve more than a few rows.
	portion      = 100
	normalWeight = 4 // rows of normal campaigns to one of the bulk ones
)

// room says how many rows may be fed: urgent ones and others. The others share
// what is left of the window; urgent ones have the whole of it, because a
// single reset must not wait for bulk rows to go, nor for a portion to be full.
func room(rate float64, urgentDue, otherDue int) (urgent, other int) {
	window := int(min(max(rate*windowSeconds, 1), maxWindow))
	urgent, other = max(0, window-urgentDue), max(0, window-urgentDue-otherDue)
	if other < min(int(rate), portion) {
		other = 0
	}
	return urgent, other
}

// claimant is a campaign that has rows to feed.
type claimant struct {
	id   string
	bulk bool
	rows int // at most so many
}

// turns deals the places of the window out to campaigns that are not urgent:
// four to the normal ones for each of the bulk ones, equals in turn. It
// remembers how far each has come, so that a window with one free place is
// dealt fairly over many rounds.
type turns struct{ passed map[string]float64 }

// deal returns how many of n places each claimant gets.
func (t *turns) deal(n int, claims []claimant) map[string]int {
	t.admit(claims)
	step := steps(claims)
	got := make(map[string]int, len(claims))
	for ; n > 0; n-- {
		i := t.next(claims, got)
		if i < 0 {
			break
		}
		got[claims[i].id]++
		t.passed[claims[i].id] += step[claims[i].bulk]
	}
	return got
}

// steps says how far a place moves a campaign: a class's campaigns share its weight.
func steps(claims []claimant) map[bool]float64 {
	var n [2]float64
	for _, c := range claims {
		if c.bulk {
			n[1]++
		} else {
			n[0]++
		}
	}
	return map[bool]float64{false: n[0] / normalWeight, true: n[1]}
}

// next is the one who has come least far and still wants a place.
func (t *turns) next(claims []claimant, got map[string]int) int {
	best := -1
	for i, c := range claims {
		if got[c.id] < c.rows && (best < 0 || t.passed[c.id] < t.passed[claims[best].id]) {
			best = i
		}
	}
	return best
}

// admit lets newcomers in where the others stand: who was away gets no arrears.
func (t *turns) admit(claims []claimant) {
	slices.SortFunc(claims, func(a, b claimant) int { return cmp.Compare(a.id, b.id) })
	stand, known := 0.0, false
	for _, c := range claims {
		if p, ok := t.passed[c.id]; ok && (!known || p < stand) {
			stand, known = p, true
		}
	}
	passed := make(map[string]float64, len(claims))
	for _, c := range claims {
		passed[c.id] = max(t.passed[c.id], stand) - stand
	}
	t.passed = passed
}
