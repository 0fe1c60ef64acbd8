package reset_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

// TestCausesAreFrozen: their numbers stand in ledgers and their words in
// metrics and reports, so the golden list is only ever added to.
func TestCausesAreFrozen(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile("testdata/causes.golden")
	if err != nil {
		t.Fatal(err)
	}
	var now strings.Builder
	for _, c := range reset.Causes() {
		fmt.Fprintf(&now, "%d %s\n", uint8(c), c)
	}
	if now.String() != string(golden) {
		t.Errorf("the causes are\n%s\nwant\n%s", now.String(), golden)
	}
}

func TestCausesRoundTrip(t *testing.T) {
	t.Parallel()
	names := make(map[string]reset.Cause)
	for _, c := range reset.Causes() {
		if got, err := reset.ParseCause(c.String()); err != nil || got != c {
			t.Errorf("%v became %v, %v", c, got, err)
		}
		if other, taken := names[c.String()]; taken {
			t.Errorf("%d and %d are both %v", uint8(other), uint8(c), c)
		}
		names[c.String()] = c
	}
}

func TestParseCauseRefusesAndHelps(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "Nonsense", "usernotfound", "UserNotFoundException", "Cause(99)"} {
		c, err := reset.ParseCause(s)
		if err == nil || c != reset.NoCause {
			t.Errorf("%q became %v", s, c)
			continue
		}
		if !strings.Contains(err.Error(), "CodeDeliveryFailure.SESQuota") {
			t.Errorf("%v does not say which causes there are", err)
		}
	}
}

func TestCauseIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cause, family reset.Cause
		in            bool
		why           string
	}{
		{reset.CodeDeliveryFailureSESQuota, reset.CodeDeliveryFailure, true, "a kind"},
		{reset.CodeDeliveryFailure, reset.CodeDeliveryFailure, true, "the family itself"},
		{reset.CodeDeliveryFailure, reset.CodeDeliveryFailureSESQuota, false, "a kind does not hold its family"},
		{reset.InvalidLambdaResponse, reset.InvalidParameter, false, "another family"},
		{reset.UnexpectedLambdaTimeout, reset.Timeout, false, "the same last word"},
		{reset.UserLambdaValidation, reset.UnexpectedLambda, false, "no dot, no kind"},
		{reset.Throttling, reset.NoCause, false, "no cause holds nothing"},
	} {
		if c.cause.In(c.family) != c.in {
			t.Errorf("%v in %v is %v: %s", c.cause, c.family, !c.in, c.why)
		}
	}
}

// TestUnknownCauseIsShownByItsNumber: a ledger may have been written by a newer
// version.
func TestUnknownCauseIsShownByItsNumber(t *testing.T) {
	t.Parallel()
	if s := reset.Cause(99).String(); s != "Cause(99)" {
		t.Error(s)
	}
}
