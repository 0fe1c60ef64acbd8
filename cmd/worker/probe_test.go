package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
)

// quotaQ is a quick one, so that tests need not wait for their tokens.
const quotaQ = "quotas: {q: {limit: 50, share: 1, echo: 0}}"

// toTwin is a file whose pool is the twin's; more stands in the pool.
func toTwin(redis, twin string, more ...string) string {
	return fmt.Sprintf("redis: %s\npools: {prod: {region: eu-west-1, quota: q, hour: 10s, endpoint: %q, %s}}\n%s\n",
		redis, twin, strings.Join(append(more, "client_id: rekeytwin"), ", "), quotaQ)
}

// secretFiles names files that hold the secrets, as the configuration does.
func secretFiles(t *testing.T, secrets ...string) string {
	t.Helper()
	var list []string
	for i, s := range secrets {
		path := filepath.Join(t.TempDir(), fmt.Sprint("secret", i))
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		list = append(list, "{file: "+path+"}")
	}
	return "client_secrets: [" + strings.Join(list, ", ") + "]"
}

// counted wants so many calls, each with a token, none with a message, and all
// of them for names that cannot be anybody's.
func counted(t *testing.T, s *embedredis.Server, twin *simtest.Server, calls int) {
	t.Helper()
	journal := twin.Journal()
	state, err := ratelimit.Peek(t.Context(), redistest.Client(t, s), "q")
	if err != nil {
		t.Fatal(err)
	}
	if len(journal) != calls || state.Taken != calls {
		t.Errorf("%d calls with %d tokens, want %d", len(journal), state.Taken, calls)
	}
	names := map[string]bool{}
	for _, e := range journal {
		names[e.Username] = true
		if e.Sent || !strings.HasSuffix(e.Username, "@rekey.invalid") || len(e.Username) < 40 {
			t.Errorf("a call for %s, sent: %v", e.Username, e.Sent)
		}
	}
	if len(names) != calls {
		t.Errorf("%d names in %d calls", len(names), calls)
	}
}

func TestTheProbeTellsTheAnswersApartAndReachesNobody(t *testing.T) {
	t.Parallel()
	fault := func(word string) cognitosim.Options {
		return cognitosim.Options{Faults: []cognitosim.Fault{{Answer: word}}}
	}
	for _, c := range []struct {
		name  string
		twin  cognitosim.Options
		level level
		words []string
	}{
		{"all is right", cognitosim.Options{}, fine, []string{"UserNotFound: Region, client and secret are right, and unknown users are told apart"}},
		{"unknown users are hidden", cognitosim.Options{HideUnknown: true}, warned, []string{"hides unknown users", "count as accepted"}},
		{"another client", cognitosim.Options{ClientIDs: []string{"another"}}, failed, []string{"ResourceNotFound", "correct client_id or region"}},
		{"a secret is wanted", cognitosim.Options{ClientSecrets: []string{"s1"}}, failed, []string{"SecretMissing", "under client_secrets"}},
		{"a web ACL", fault("Forbidden"), failed, []string{"WAF", "web ACL"}},
		{"throttled", fault("TooManyRequests"), warned, []string{"TooManyRequests", "somebody else uses the account's quota"}},
		{"no mail today", fault("LimitExceeded.DailyEmail"), warned, []string{"LimitExceeded.DailyEmail"}},
		{"administrators only", fault("NotAuthorized.AdminOnly"), failed, []string{"AccountRecoverySetting"}},
		{"a Lambda", fault("UserNotFound.Migration"), failed, []string{"Exception migrating user", "Lambda triggers"}},
		{"a replica Region", fault("OperationNotEnabled"), failed, []string{"the Region in which"}},
		{"somebody else's page", fault(cognitosim.HTML503), failed, []string{"ServiceUnavailable", "check again"}},
		{"no answer", cognitosim.Options{Faults: []cognitosim.Fault{{Answer: cognitosim.HangUpBefore}}}, failed, []string{"Unanswered", "check again"}},
		{"an answer about a user", fault("NotAuthorized.Disabled"), failed, []string{"there is none of that name"}},
		{"something else", fault("InvalidParameter"), failed, []string{"repair what the answer says"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Real(t, keeping...)
			c.twin.Users = cognitosim.Users{N: 10}
			twin := simtest.Start(t, c.twin)
			got := checkFile(t, toTwin(s.URL(), twin.URL()), "--probe")
			got.want(t, "pool prod/probe", c.level, c.words...)
			got.allFine(t, "pool prod/probe", "pool prod/client")
			counted(t, s, twin, 1)
			if strings.Contains(got.out, "@") {
				t.Errorf("it prints the name: %s", got.out)
			}
		})
	}
}

func TestWithoutTheFlagThereIsNoProbe(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	twin := simtest.Start(t, cognitosim.Options{})
	if c := checkFile(t, toTwin(s.URL(), twin.URL())); strings.Contains(c.out, `"probe"`) {
		t.Error(c.out)
	}
	counted(t, s, twin, 0)
}

func TestEachSecretOfARotationIsProbedWithATokenOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		file, twin    []string
		first, second level
		calls         int
	}{
		{"both are right", []string{"s1", "s2"}, []string{"s1", "s2"}, fine, fine, 2},
		{"the old one has gone", []string{"s1", "s2"}, []string{"s2"}, warned, fine, 2},
		{"the new one is not there yet", []string{"s1", "s2"}, []string{"s1"}, fine, warned, 2},
		{"neither is", []string{"s1", "s2"}, []string{"s3"}, failed, failed, 2},
		{"the only one is wrong", []string{"s1"}, []string{"s3"}, failed, "", 1},
		{"the only one is right", []string{"s1"}, []string{"s1", "s2"}, fine, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Real(t, keeping...)
			twin := simtest.Start(t, cognitosim.Options{ClientSecrets: c.twin})
			got := checkFile(t, toTwin(s.URL(), twin.URL(), secretFiles(t, c.file...)), "--probe")
			counted(t, s, twin, c.calls)
			if c.calls == 1 {
				got.want(t, "pool prod/probe", c.first)
				return
			}
			got.want(t, "pool prod/probe, secret 1", c.first)
			got.want(t, "pool prod/probe, secret 2", c.second)
			for _, l := range []level{c.first, c.second} {
				if l == warned && !strings.Contains(got.out, "take this one out when the rotation is over") {
					t.Error(got.out)
				}
			}
		})
	}
}

func TestAFaultThatIsNotTheSecretsCostsOneCall(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	twin := simtest.Start(t, cognitosim.Options{ClientIDs: []string{"another"}, ClientSecrets: []string{"s1"}})
	checkFile(t, toTwin(s.URL(), twin.URL(), secretFiles(t, "s1", "s2")), "--probe").
		want(t, "pool prod/probe, secret 1", failed, "ResourceNotFound")
	counted(t, s, twin, 1)
}

// Promise 6, and promise 3: what may not send does not probe either.
func TestWithoutATokenThereIsNoProbe(t *testing.T) {
	t.Parallel()
	twin := simtest.Start(t, cognitosim.Options{})
	without := checkFile(t, toTwin("unix:///nowhere/redis.sock", twin.URL()), "--probe")
	without.want(t, "redis/answers", failed)
	if f := without.of(t, "pool prod/probe"); f.Level != failed || !strings.Contains(f.Says, "not made: without Redis") {
		t.Errorf("%s: %s", f.Level, f.text())
	}
	s := redistest.Real(t, keeping...)
	other := ratelimit.Quota{Name: "q", Limit: 20, Share: 1, Burst: 2}
	bucket := ratelimit.New(redistest.Client(t, s), other, ratelimit.Options{Worker: "w1"})
	if _, err := bucket.Wait(t.Context(), "prod", false); err != nil {
		t.Fatal(err)
	}
	for _, why := range []string{"worker w1 holds the bucket with another limit", "hold until "} {
		f := checkFile(t, toTwin(s.URL(), twin.URL()), "--probe").of(t, "pool prod/probe")
		if f.Level != failed || !strings.Contains(f.Says, "not made: there is no token, "+why) {
			t.Errorf("%s: %s", f.Level, f.text())
		}
		if err := bucket.Block(t.Context(), "prod", time.Hour, "an operator"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(twin.Journal()); n > 0 {
		t.Errorf("%d calls were made", n)
	}
}

// A check holds the bucket for half a minute, and nobody renews it: the next one,
// of a file that was corrected meanwhile, waits for that instead of giving up.
func TestAnEarlierCheckIsNotTakenForAWorker(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	twin := simtest.Start(t, cognitosim.Options{})
	file := toTwin(s.URL(), twin.URL())
	checkFile(t, file, "--probe").allFine(t, "pool prod/client")
	other := strings.Replace(file, "limit: 50", "limit: 40", 1)
	checkFile(t, other).want(t, "quota q/numbers", fine, "40.0/s of 40.0/s")
	cfg, err := configOf(t, other)
	if err != nil {
		t.Fatal(err)
	}
	k := &check{cfg: cfg, rdb: redistest.Client(t, s)}
	if why := k.noProbe(t.Context(), cfg.Pools["prod"]); why != "" {
		t.Error(why)
	}
}

func TestAProbeThatReachesNobodyCostsNoToken(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	twin := simtest.Start(t, cognitosim.Options{})
	file := toTwin(s.URL(), twin.URL())
	twin.Down()
	checkFile(t, file, "--probe").want(t, "pool prod/probe", failed, "connection refused", "proxies are not used")
	counted(t, s, twin, 0)
	twin.Up()
	checkFile(t, file, "--probe").want(t, "pool prod/probe", fine)
	counted(t, s, twin, 1)
}

func TestEveryAnswerOfTheTableIsJudged(t *testing.T) {
	t.Parallel()
	for _, cause := range reset.Causes() {
		for _, outcome := range reset.Outcomes() {
			f := judge(&reset.Error{Outcome: outcome, Cause: cause})
			if f.Says == "" || f.Level != fine && f.Do == "" || f.Level == fine && cause != reset.UserNotFound {
				t.Errorf("%s, %s: %+v", outcome, cause, f)
			}
		}
	}
}
