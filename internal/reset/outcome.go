package reset

import (
	"context"
	"errors"
	"fmt"
)

// Outcome says what a call did to its row. What rekey does about it is a table
// in internal/tasks.
type Outcome uint8

// The outcomes. The zero value is none of them, so that a forgotten outcome
// cannot pass for a good one.
const (
	_ Outcome = iota
	// Accepted: Cognito took the request. Whether the message arrives it does not say.
	Accepted
	// Refused: this user cannot reset a password until an administrator acts.
	Refused
	// Undeliverable: Cognito could not hand over the message (CodeDeliveryFailure).
	Undeliverable
	// UserLimited: this user has had too many attempts in the last hour.
	UserLimited
	// Throttled: too many calls, of anybody.
	Throttled
	// QuotaSpent: nobody gets a message until a known time.
	QuotaSpent
	// Unavailable: the request provably never left.
	Unavailable
	// Unanswered: the request left, and what became of it is not known.
	Unanswered
	// Misconfigured: nobody can be served until somebody repairs something.
	Misconfigured
	// NotSent: rekey itself held the request back.
	NotSent
)

var outcomeNames = [...]string{
	Accepted: "Accepted", Refused: "Refused", Undeliverable: "Undeliverable",
	UserLimited: "UserLimited", Throttled: "Throttled", QuotaSpent: "QuotaSpent",
	Unavailable: "Unavailable", Unanswered: "Unanswered",
	Misconfigured: "Misconfigured", NotSent: "NotSent",
}

// Outcomes lists them all, in the order of their numbers.
func Outcomes() []Outcome {
	all := make([]Outcome, 0, len(outcomeNames)-1)
	for o := Accepted; int(o) < len(outcomeNames); o++ {
		all = append(all, o)
	}
	return all
}

// String returns the outcome's name.
func (o Outcome) String() string {
	if o == 0 || int(o) >= len(outcomeNames) {
		return fmt.Sprintf("Outcome(%d)", uint8(o))
	}
	return outcomeNames[o]
}

// Error says what became of a request that was not accepted.
type Error struct {
	Outcome Outcome
	Cause   Cause
	// Code is the exception's real name as the wire had it; for a cause of
	// Other it is the only place where the name stands.
	Code string
	// Text is Cognito's message, scrubbed of the username, of addresses and of
	// phone numbers, and cut to 200 characters.
	Text string
	// Err is the error underneath, where there is one that names nobody.
	Err error
}

// Error implements error. It holds no personal data.
func (e *Error) Error() string {
	s := e.Outcome.String() + ": " + e.Cause.String()
	if e.Cause == Other && e.Code != "" {
		s += " (" + e.Code + ")"
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Unwrap returns the error underneath.
func (e *Error) Unwrap() error { return e.Err }

// OutcomeOf returns what err says became of the request: Accepted for nil. For
// an error that does not say, the careful answer is Unanswered, since the
// request may have left; of a context that ended as well.
func OutcomeOf(err error) (Outcome, Cause) {
	var e *Error
	switch {
	case err == nil:
		return Accepted, NoCause
	case errors.As(err, &e):
		return e.Outcome, e.Cause
	case errors.Is(err, context.DeadlineExceeded):
		return Unanswered, Timeout
	}
	return Unanswered, Other
}
