package campaign

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rekeyhq/rekey/internal/reset"
)

// Filter chooses rows by state and cause. The zero value chooses all.
type Filter struct {
	// States; none are all.
	States []State
	// Cause, or the family of causes that it names.
	Cause reset.Cause
}

// ParseFilter reads --state and --cause; "" are all. in_doubt includes parked
// rows, as everywhere where people read it.
func ParseFilter(state, cause string) (Filter, error) {
	var f Filter
	if state != "" {
		for s := range State(len(stateFields)) {
			if s.String() == state {
				f.States = append(f.States, s)
			}
		}
		if f.States == nil {
			return f, fmt.Errorf("%q is not a state of a row: %s", state, strings.Join(stateWords(), ", "))
		}
	}
	if cause == "" {
		return f, nil
	}
	var err error
	f.Cause, err = reset.ParseCause(cause)
	return f, err
}

func stateWords() []string {
	var words []string
	for s := range State(len(stateFields)) {
		if !slices.Contains(words, s.String()) {
			words = append(words, s.String())
		}
	}
	return words
}

// Has reports whether the filter chooses a row.
func (f Filter) Has(r Record) bool {
	return (len(f.States) == 0 || slices.Contains(f.States, r.State)) &&
		(f.Cause == reset.NoCause || r.Cause.In(f.Cause))
}

// deadLetters are the states that a replay moves, as the scripts read them.
func (f Filter) deadLetters() string {
	var words []string
	for _, s := range []State{Dead, Parked} {
		if len(f.States) == 0 || slices.Contains(f.States, s) {
			words = append(words, stateFields[s])
		}
	}
	return strings.Join(words, ",")
}

// causes are the numbers of the cause and its kinds, or "" for all.
func (f Filter) causes() string {
	if f.Cause == reset.NoCause {
		return ""
	}
	var numbers []string
	for _, c := range reset.Causes() {
		if c.In(f.Cause) {
			numbers = append(numbers, strconv.Itoa(int(c)))
		}
	}
	return strings.Join(numbers, ",")
}
