package main

import (
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// What the twin's journal says about when it was called.

// instants are when calls came in, in their order.
func instants(calls []cognitosim.Entry) []time.Time {
	at := make([]time.Time, len(calls))
	for i, c := range calls {
		at[i] = c.At
	}
	return at
}

// within counts the calls from an instant until another.
func within(at []time.Time, from, to time.Time) (n float64) {
	for _, t := range at {
		if !t.Before(from) && t.Before(to) {
			n++
		}
	}
	return n
}

// most is the highest number of calls in any span so long, wherever it begins.
func most(at []time.Time, span time.Duration) float64 {
	most, first := 0, 0
	for last := range at {
		for at[last].Sub(at[first]) >= span {
			first++
		}
		most = max(most, last-first+1)
	}
	return float64(most)
}
