package cognito_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/internal/cognito"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
	"github.com/rekeyhq/rekey/internal/reset"
)

// TestInABubble: the client lives on fake time with a twin in memory, and
// nothing of it outlives Close.
func TestInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, dial := simtest.Pipe(t, cognitosim.Options{
			Users: cognitosim.Users{N: 2}, ClientSecrets: []string{"new"}, Latency: 5 * time.Second,
		})
		c, err := cognito.New(cognito.Config{
			Region: "eu-west-1", ClientID: cognitosim.DefaultClientID, ClientSecrets: []string{"old", "new"},
			Endpoint: "http://twin", Dial: dial,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for step, want := range []struct {
			user    string
			outcome reset.Outcome
			cause   reset.Cause
		}{
			{"user000000", reset.NotSent, reset.NotAuthorizedSecretHash},
			{"user000000", reset.Accepted, reset.NoCause},
			{"nobody", reset.Refused, reset.UserNotFound},
		} {
			if err := c.Dial(t.Context()); err != nil {
				t.Fatal(err)
			}
			// The token of a call may be short: its end counts for the first
			// byte, not for the answer.
			_, err := c.ForgotPassword(t.Context(), reset.Request{Username: reset.Hide(want.user)}, time.Now().Add(250*time.Millisecond))
			if o, cause := reset.OutcomeOf(err); o != want.outcome || cause != want.cause {
				t.Errorf("step %d: %v, want %v %v", step, err, want.outcome, want.cause)
			}
			time.Sleep(time.Hour) // every idle connection is too old by then
		}
		_, err = c.ForgotPassword(t.Context(), reset.Request{Username: reset.Hide("user000001")}, time.Now().Add(-1))
		if !errors.Is(err, cognito.ErrLate) {
			t.Errorf("%v, want ErrLate", err)
		}
	})
}
