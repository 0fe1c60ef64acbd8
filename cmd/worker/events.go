package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/reset"
)

// mostTimes is how often the same kind of event is said: by then it is known,
// and the counts tell the rest.
const mostTimes = 3

// events finds what is notable between one look at the campaign and the next.
type events struct {
	times              map[string]int
	throttled, blocked bool
	found              []string // by the look that is going on
}

// note says an event, unless its kind has been said often enough.
func (e *events) note(kind string, most int, format string, args ...any) {
	if e.times == nil {
		e.times = map[string]int{}
	}
	if e.times[kind]++; e.times[kind] <= most {
		e.found = append(e.found, fmt.Sprintf(format, args...))
	}
}

// since returns what has happened since it was asked last.
func (e *events) since(c campaign.Campaign, b ratelimit.State) []string {
	e.found = nil
	if c.Counts.Accepted > 0 {
		e.note("accepted", 1, "Cognito accepts the first requests. Accepted is not delivered: nobody is told more.")
	}
	e.rows(c)
	e.pace(b)
	if c.Counts.Planned == 0 && c.Counts.Calling == 0 && c.State == campaign.Running {
		e.note("asked", 1, "Every user has been asked for once. What is left waits for its time.")
	}
	return e.found
}

// rows says each cause once for each state that it leads to.
func (e *events) rows(c campaign.Campaign) {
	if c.Counts.InDoubt > 0 {
		e.note("in doubt", 1, "No answer to a call: the row is in doubt, and rests until a code that may have gone out has expired.")
	}
	for _, state := range []campaign.State{campaign.Dead, campaign.Waiting} {
		for _, cause := range slices.Sorted(maps.Keys(c.Causes[state])) {
			if text := inWords(state, cause); text != "" {
				e.note(state.String()+" "+cause.String(), 1, "%s", text)
			}
		}
	}
}

// pace says when throttles or the breaker slow the fleet down, and when they no longer do.
func (e *events) pace(b ratelimit.State) {
	block, blocked := b.Blocked("demo")
	switch {
	case blocked && !e.blocked:
		e.note("blocked", mostTimes, "Nothing is sent for %s, by any worker: %s.", cli.Span(max(block.Until.Sub(b.Now), 0)), why(block))
	case !blocked && e.blocked:
		e.note("unblocked", mostTimes, "Calls go out again.")
	}
	switch {
	case b.Throttled && !e.throttled:
		e.note("throttled", mostTimes, "Cognito throttles: all workers slow down, and come back in steps.")
	case !b.Throttled && e.throttled:
		e.note("unthrottled", mostTimes, "The rate is back at %s.", cli.Rate(b.Configured))
	}
	e.blocked, e.throttled = blocked, b.Throttled
}

// plainly are causes in words.
var plainly = map[reset.Cause]string{
	reset.UserNotFound:                     "Cognito knows no such user",
	reset.NotAuthorizedState:               "the user's state does not allow it",
	reset.NotAuthorizedDisabled:            "the user is disabled",
	reset.InvalidParameterNoVerifiedMedium: "the user has no verified e-mail or phone",
	reset.UserNotConfirmed:                 "the user never confirmed the account",
	reset.CodeDeliveryFailure:              "the code could not be delivered",
	reset.CodeDeliveryFailureEmail:         "the e-mail could not be delivered",
}

// paced are causes that are no trouble of a row's, or that the pace tells of.
var paced = []reset.Cause{reset.Live, reset.NotSentCause, reset.TooManyRequests, reset.Throttling, reset.LimitExceeded}

// inWords says what it means that a row is in a state for a cause; "" where
// there is nothing to say beyond what others do.
func inWords(state campaign.State, cause reset.Cause) string {
	switch {
	case state == campaign.Dead && plainly[cause] != "":
		return fmt.Sprintf("A dead letter: %s (%s).", plainly[cause], cause)
	case state == campaign.Dead:
		return fmt.Sprintf("A dead letter: %s.", cause)
	case cause == reset.LimitExceededUser:
		return fmt.Sprintf("A user asked too often (%s): waits Cognito's hour, %s here.", cause, demoHour)
	case slices.Contains(paced, cause):
		return ""
	}
	return fmt.Sprintf("A row waits (%s); it is called again by itself.", cause)
}
