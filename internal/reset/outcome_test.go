package reset_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestOutcomeOf(t *testing.T) {
	t.Parallel()
	throttled := &reset.Error{Outcome: reset.Throttled, Cause: reset.TooManyRequests}
	for _, c := range []struct {
		err     error
		outcome reset.Outcome
		cause   reset.Cause
		why     string
	}{
		{nil, reset.Accepted, reset.NoCause, "no error"},
		{throttled, reset.Throttled, reset.TooManyRequests, "it says so"},
		{fmt.Errorf("row 7: %w", throttled), reset.Throttled, reset.TooManyRequests, "also from inside"},
		{errors.Join(io.EOF, throttled), reset.Throttled, reset.TooManyRequests, "and beside others"},
		{io.EOF, reset.Unanswered, reset.Other, "it may have been sent"},
		{context.DeadlineExceeded, reset.Unanswered, reset.Timeout, "and here too"},
		{context.Canceled, reset.Unanswered, reset.Other, "and here"},
		{&reset.Error{Outcome: reset.NotSent, Cause: reset.NotSentCause, Err: context.DeadlineExceeded},
			reset.NotSent, reset.NotSentCause, "what it says comes before what it wraps"},
	} {
		if o, cause := reset.OutcomeOf(c.err); o != c.outcome || cause != c.cause {
			t.Errorf("%v: %v %v, want %v %v: %s", c.err, o, cause, c.outcome, c.cause, c.why)
		}
	}
}

func TestErrorSaysWhatBecameOfTheRequest(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*reset.Error{
		"Refused: UserNotFound":                              {Outcome: reset.Refused, Cause: reset.UserNotFound, Code: "UserNotFoundException"},
		"Refused: UserNotFound: no such user":                {Outcome: reset.Refused, Cause: reset.UserNotFound, Text: "no such user"},
		"Unanswered: Other (SerializationException)":         {Outcome: reset.Unanswered, Cause: reset.Other, Code: "SerializationException"},
		"Unanswered: Other (NewException): what it is about": {Outcome: reset.Unanswered, Cause: reset.Other, Code: "NewException", Text: "what it is about"},
	} {
		if e.Error() != want {
			t.Errorf("%q, want %q", e, want)
		}
	}
	e := &reset.Error{Outcome: reset.Unanswered, Cause: reset.Reset, Err: io.EOF}
	if !errors.Is(e, io.EOF) {
		t.Error("the error underneath is lost")
	}
}

// TestForgottenOutcomeIsNone: the zero value must not pass for Accepted.
func TestForgottenOutcomeIsNone(t *testing.T) {
	t.Parallel()
	var zero reset.Outcome
	if zero == reset.Accepted || zero.String() != "Outcome(0)" || reset.Outcome(200).String() != "Outcome(200)" {
		t.Errorf("%v, %v", zero, reset.Outcome(200))
	}
	for _, o := range reset.Outcomes() {
		if o == zero {
			t.Error("the zero value is listed")
		}
	}
}

func TestOutcomesAreTheInterfacesWords(t *testing.T) {
	t.Parallel()
	var words []string
	for _, o := range reset.Outcomes() {
		words = append(words, o.String())
	}
	const want = "Accepted Refused Undeliverable UserLimited Throttled QuotaSpent Unavailable Unanswered Misconfigured NotSent"
	if got := strings.Join(words, " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
