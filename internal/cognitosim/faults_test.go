package cognitosim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/reset"
)

// script makes n calls of different users and returns the answers, the first at 1.
func script(t *testing.T, o cognitosim.Options, n int) []cognitosim.Entry {
	t.Helper()
	s := cognitosim.New(fast(o))
	for i := 1; i <= n; i++ {
		forgot(t, s, fmt.Sprintf("user%06d", i))
	}
	return append([]cognitosim.Entry{{}}, s.Journal()...)
}

// hit lists the calls that were not OK.
func hit(entries []cognitosim.Entry) (calls []int) {
	for i, e := range entries {
		if e.Answer != "OK" && i > 0 {
			calls = append(calls, i)
		}
	}
	return calls
}

func TestALineOfTheScriptHitsItsCalls(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line string
		want []int
	}{
		{`{"from":3,"to":5,"answer":"TooManyRequests"}`, []int{3, 4, 5}},
		{`{"from":28,"answer":"TooManyRequests"}`, []int{28, 29, 30}},
		{`{"to":2,"answer":"TooManyRequests"}`, []int{1, 2}},
		{`{"at":7,"answer":"TooManyRequests"}`, []int{7}},
		{`{"from":4,"to":5,"every":12,"answer":"TooManyRequests"}`, []int{4, 5, 16, 17, 28, 29}},
		{`{"user":"USER000009","answer":"UserLambdaValidation.Refused"}`, []int{9}},
	} {
		faults, err := cognitosim.ParseFaults(strings.NewReader(c.line))
		if err != nil {
			t.Fatal(err)
		}
		if got := hit(script(t, cognitosim.Options{Faults: faults}, 30)); !slices.Equal(got, c.want) {
			t.Errorf("%s hit %v, want %v", c.line, got, c.want)
		}
	}
}

func TestTheFirstLineThatFitsDecides(t *testing.T) {
	t.Parallel()
	j := script(t, cognitosim.Options{Faults: []cognitosim.Fault{
		{From: 2, To: 2, Answer: "OK"}, {From: 2, To: 3, Answer: "Throttling"}, {Answer: "TooManyRequests"}}}, 4)
	for i, want := range []string{1: "TooManyRequestsException", 2: "OK", 3: "ThrottlingException", 4: "TooManyRequestsException"} {
		if j[i].Answer != want {
			t.Errorf("call %d: %s, want %s", i, j[i].Answer, want)
		}
	}
}

func TestTheSameSeedGivesTheSameCallsTheSameAnswers(t *testing.T) {
	t.Parallel()
	outcome := func(seed uint64) (all []string) {
		faults := []cognitosim.Fault{{Answer: "TooManyRequests", Share: 0.3}, {Answer: "InternalError", Share: 0.2}}
		for _, e := range script(t, cognitosim.Options{Seed: seed, Faults: faults}, 500) {
			all = append(all, e.Answer)
		}
		return all
	}
	if !slices.Equal(outcome(1), outcome(1)) {
		t.Error("the same seed gave other answers")
	}
	if slices.Equal(outcome(1), outcome(2)) {
		t.Error("another seed gave the same answers")
	}
}

func TestAShareIsAShare(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	sent := 0
	faults := []cognitosim.Fault{{Answer: "TooManyRequests", Share: 0.3}, {Answer: "InternalError", Share: 0.2}}
	for _, e := range script(t, cognitosim.Options{Faults: faults, Users: cognitosim.Users{N: 6000}}, 5000) {
		counts[e.Answer]++
		if e.Sent && e.Answer == "InternalErrorException" {
			sent++
		}
	}
	// 0.3 of all, and 0.2 of the rest; of those about half after sending.
	for what, n := range map[string][2]int{
		"throttled": {counts["TooManyRequestsException"], 1500}, "failed": {counts["InternalErrorException"], 700}, "failed after sending": {sent, 350},
	} {
		if n[0] < n[1]*85/100 || n[0] > n[1]*115/100 {
			t.Errorf("%s: %d, want about %d", what, n[0], n[1])
		}
	}
}

func TestWhatAFaultCarriesOut(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for _, c := range []struct {
		why   string
		fault cognitosim.Fault
		sent  bool
	}{
		{"a plain refusal sends nothing", cognitosim.Fault{Answer: "CodeDeliveryFailure"}, false},
		{"and cannot be told to", cognitosim.Fault{Answer: "TooManyRequests", Sent: &yes}, false},
		{"a failure after sending", cognitosim.Fault{Answer: "InternalError", Sent: &yes}, true},
		{"a failure before sending", cognitosim.Fault{Answer: "InternalError", Sent: &no}, false},
		{"OK is what it says", cognitosim.Fault{Answer: "OK"}, true},
	} {
		s := cognitosim.New(fast(cognitosim.Options{Faults: []cognitosim.Fault{c.fault}}))
		forgot(t, s, "user000001")
		if e := s.Journal()[0]; e.Sent != c.sent || (len(s.Codes("user000001")) == 1) != c.sent {
			t.Errorf("%s: sent is %v, want %v", c.why, e.Sent, c.sent)
		}
	}
	s := cognitosim.New(fast(cognitosim.Options{Faults: []cognitosim.Fault{{Answer: "InternalError", Sent: &yes}}}))
	forgot(t, s, "nobody")
	if s.Journal()[0].Sent {
		t.Error("a message went to a user who does not exist")
	}
}

func TestARefusalByScriptCostsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := cognitosim.New(cognitosim.Options{Burst: 2, PerUserHour: 1, Users: cognitosim.Users{N: 10},
			Faults: []cognitosim.Fault{{To: 20, Answer: "LimitExceeded.User"}}})
		for range 20 {
			forgot(t, s, "user000001")
		}
		if a := forgot(t, s, "user000001"); a.code() != "OK" {
			t.Errorf("the call after it: %s", a.raw)
		}
	})
}

func TestTextsMayBeReplacedAndNameTheUser(t *testing.T) {
	t.Parallel()
	s := cognitosim.New(fast(cognitosim.Options{Faults: []cognitosim.Fault{{Answer: "UserLambdaValidation", Text: "no mail to {username} of {client}"}}}))
	if a := forgot(t, s, "user000001"); a.message() != "no mail to user000001 of rekeytwin" {
		t.Errorf("the message is %q", a.message())
	}
}

func TestAnAnswerMayBeLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := cognitosim.New(fast(cognitosim.Options{Faults: []cognitosim.Fault{
			{To: 1, Answer: "OK", Delay: 3 * time.Second}, {To: 2, Answer: "UserNotFound", Delay: 2 * time.Second}}}))
		for _, want := range []time.Duration{3 * time.Second, 2 * time.Second, 0} {
			begun := time.Now()
			forgot(t, s, "user000001")
			if took := time.Since(begun); took != want {
				t.Errorf("took %v, want %v", took, want)
			}
		}
	})
}

func TestAScriptIsChangedInMidRun(t *testing.T) {
	t.Parallel()
	s := cognitosim.New(fast(cognitosim.Options{}))
	forgot(t, s, "user000001")
	s.SetFaults(cognitosim.Fault{Answer: "Throttling"})
	if a := forgot(t, s, "user000001"); a.code() != "ThrottlingException" {
		t.Errorf("set: %s", a.raw)
	}
	s.SetFaults()
	if a := forgot(t, s, "user000001"); a.code() != "OK" {
		t.Errorf("set to nothing: %s", a.raw)
	}
}

func TestABadScriptIsRefusedWithItsLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"answer":"Nonsense"}`:                       `"Nonsense" is none; the answers are OK, CodeDeliveryFailure,`,
		`{"answer":"OK","shaer":0.1}`:                 `unknown field "shaer"`,
		`{"answer":"OK"} {"answer":"OK"}`:             "one a line",
		`TooManyRequests`:                             `write {"from":100`,
		`{"answer":"OK","share":0}`:                   "share: 0 is no share",
		`{"answer":"OK","share":30}`:                  "share: 30 is no share",
		`{"answer":"OK","at":3,"from":1}`:             "write either",
		`{"answer":"OK","from":5,"to":3}`:             "to 3 comes before from 5",
		`{"answer":"OK","from":5,"to":30,"every":30}`: "not within every 30",
		`{"answer":"OK","from":-1}`:                   "cannot be negative",
		`{"answer":"OK","delay":"2"}`:                 `delay: "2" is no duration`,
	} {
		_, err := cognitosim.ParseFaults(strings.NewReader("\n{\"answer\":\"OK\"}\n" + text + "\n"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "line 3: ") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// stopsEverything is what would halt a campaign: presets must be survivable.
var stopsEverything = []reset.Cause{
	reset.InvalidParameter, reset.InvalidParameterTemplate, reset.InvalidParameterSES, reset.CodeDeliveryFailureSESIdentity,
	reset.NotAuthorizedSecretHash, reset.NotAuthorizedSecretMissing, reset.NotAuthorizedAdminOnly, reset.UserNotFoundMigration,
	reset.ResourceNotFound, reset.UserLambdaValidation, reset.UnexpectedLambdaConfig, reset.InvalidLambdaResponse,
	reset.InvalidSmsRoleAccessPolicy, reset.InvalidSmsRoleTrustRelationship, reset.InvalidEmailRoleAccessPolicy,
	reset.Forbidden, reset.OperationNotEnabled,
}

func TestPresetsAreValidAndSurvivable(t *testing.T) {
	t.Parallel()
	for _, name := range cognitosim.Presets() {
		faults, err := cognitosim.Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range faults {
			if err := f.Check(); err != nil {
				t.Errorf("%s: %+v: %v", name, f, err)
			}
			if slices.ContainsFunc(stopsEverything, func(c reset.Cause) bool { return c.String() == f.Answer }) {
				t.Errorf("%s: %s would halt the campaign", name, f.Answer)
			}
		}
	}
	if _, err := cognitosim.Preset("typhoon"); err == nil || !strings.Contains(err.Error(), "none, mild, storm") {
		t.Errorf("an unknown preset: %v", err)
	}
}

func TestAStormLosesAnswersAndThrottlesInGusts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		faults, err := cognitosim.Preset("storm")
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{cognitosim.HangUpAfter, cognitosim.HangUpBefore, cognitosim.Timeout} {
			if !slices.ContainsFunc(faults, func(f cognitosim.Fault) bool { return f.Answer == word }) {
				t.Errorf("a storm without %s", word)
			}
		}
		s := stormy(t, 1000, faults)
		var lost, gust int
		for _, e := range s.Journal() {
			if e.Answer == "" && e.Sent {
				lost++
			}
			if e.Answer == "TooManyRequestsException" && e.Call >= 200 && e.Call <= 320 {
				gust++
			}
		}
		if lost < 15 || gust < 90 {
			t.Errorf("%d answers lost after sending, %d throttled in the gust; want at least 15 and 90", lost, gust)
		}
	})
}
