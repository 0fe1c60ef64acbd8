package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/test/fleet"
)

// limited is the journal's word for a user who had too many attempts. The
// twin's script has no other answer of that name.
const limited = "LimitExceededException"

// final are the states in which a row may be when everything is over. A row in
// doubt is parked then: the campaign is done.
var final = []string{"accepted", "dead", "skipped", "in_doubt"}

// books are what is held against each other.
type books struct {
	first, second map[string]fleet.Line // reports, by username; second may be empty
	journal       map[string][]fleet.Entry
	left          []time.Time // when calls left the workers
	park          bool
	rate          float64
}

// broken is what the books say against the promises.
func (b books) broken() []string {
	var found []string
	for name := range b.journal {
		if _, ok := b.first[name]; !ok {
			found = append(found, "called without being asked for: a user that no report names")
		}
	}
	for name, line := range b.first {
		if what := b.user(line, b.second[name], b.journal[name]); what != "" {
			found = append(found, "row "+line.Row+": "+what)
		}
	}
	slices.Sort(found)
	for _, span := range []time.Duration{time.Second, time.Second / 10} {
		if n, at := busiest(b.left, span); float64(n) > b.limit(span) {
			found = append(found, fmt.Sprintf("rate: %d calls left the workers in the %v from %s; the limit is %.0f",
				n, span, at.UTC().Format("15:04:05.000"), b.limit(span)))
		}
	}
	return found
}

// user holds what the reports say of a user against what the twin knows. A row
// has a journal's line for what it says, and nobody has a second live code.
func (b books) user(first, second fleet.Line, calls []fleet.Entry) string {
	accepted, sent := 0, 0
	for _, c := range calls {
		if c.Answer == "OK" {
			accepted++
		}
		if c.Sent {
			sent++
		}
	}
	claimed := 0
	for _, l := range []fleet.Line{first, second} {
		if l.State == "accepted" {
			claimed++
		}
	}
	apart, twice := fleet.TwoLive(calls)
	soon, again := calledAgain(calls)
	switch {
	case !slices.Contains(final, first.State) || second.Row != "" && !slices.Contains(final, second.State):
		return fmt.Sprintf("lost: %s %s at the end", first.State, second.State)
	case twice:
		return fmt.Sprintf("two live codes, %v apart", apart)
	case b.park && sent > 1:
		return fmt.Sprintf("messaged %d times with --on-doubt park", sent)
	case claimed > accepted:
		return fmt.Sprintf("accepted %d times, and the twin said so %d times", claimed, accepted)
	case second.Row == "" && first.State == "dead" && !refused(calls):
		return "dead, and the twin's last answer was no refusal"
	case second.Row == "" && again:
		return fmt.Sprintf("not before: called %v after the answer that the user had too many attempts", soon)
	}
	return ""
}

func refused(calls []fleet.Entry) bool {
	if len(calls) == 0 {
		return false
	}
	last := calls[len(calls)-1]
	return last.Answer != "" && last.Answer != "OK" && !last.Sent
}

// deadAfter is how many such answers make a row dead; a replay may call it at once.
const deadAfter = 4

// calledAgain reports whether a user was called within the hour in which
// Cognito had said that there were too many attempts.
func calledAgain(calls []fleet.Entry) (after time.Duration, again bool) {
	times := 0
	for i := 1; i < len(calls); i++ {
		if calls[i-1].Answer != limited {
			continue
		}
		times++
		if after := calls[i].At.Sub(calls[i-1].At); after < fleet.Hour && times < deadAfter {
			return after, true
		}
	}
	return 0, false
}

// seen is how late this process may see that a call left: it shares a few cores
// with everything that it watches.
const seen = 100 * time.Millisecond

// promised is how many calls may leave in a span: those of the instants that the
// bucket gives it, and those that were held up for a token's life before it.
// Nothing that is older may leave, which shows better in a tenth of a second than
// in a whole one.
func (b books) promised(span time.Duration) float64 {
	return b.rate*(105*span/100+ratelimit.Life).Seconds() + fleet.Burst
}

// limit is what is promised, and what the watcher may have seen too late to
// count it where it belongs.
func (b books) limit(span time.Duration) float64 { return b.promised(span) + b.rate*seen.Seconds() }

// busiest is the fullest of all spans of that length.
func busiest(at []time.Time, span time.Duration) (most int, from time.Time) {
	slices.SortFunc(at, time.Time.Compare)
	first := 0
	for i := range at {
		for at[i].Sub(at[first]) >= span {
			first++
		}
		if n := i - first + 1; n > most {
			most, from = n, at[first]
		}
	}
	return most, from
}
