package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/redistest"
)

// keeping are the arguments of a Redis that nothing is to be said about.
var keeping = []string{"--appendonly", "yes", "--appendfsync", "always"}

// checked is what the command prints as JSON, and what it ends with.
type checked struct {
	Fit    bool
	Checks []finding
	err    error
	out    string
}

// checkFile runs the command on a configuration.
func checkFile(t *testing.T, text string, args ...string) checked {
	t.Helper()
	var out bytes.Buffer
	args = append([]string{"worker", "check", "--output", "json", "--config", configFile(t, text)}, args...)
	c := checked{err: run(t.Context(), args, nowhere, nil, &out, io.Discard), out: out.String()}
	if err := json.Unmarshal(out.Bytes(), &c); err != nil {
		t.Fatalf("%v: %s, %v", err, c.out, c.err)
	}
	fails := strings.Count(c.out, `"result":"fail"`)
	if want := map[bool]int{true: cli.CodeDone, false: cli.CodeFailed}[fails == 0]; cli.Code(c.err) != want || c.Fit != (fails == 0) {
		t.Errorf("%d checks failed, fit is %v, and it ends with %d: %v", fails, c.Fit, cli.Code(c.err), c.err)
	}
	return c
}

// of returns what was found, under "ABOUT/CHECK".
func (c checked) of(t *testing.T, what string) finding {
	t.Helper()
	for _, f := range c.Checks {
		if f.About+"/"+f.Check == what {
			return f
		}
	}
	t.Fatalf("%s is not among %s", what, c.out)
	return finding{}
}

// want wants a finding of a level whose text has the words.
func (c checked) want(t *testing.T, what string, l level, words ...string) {
	t.Helper()
	f := c.of(t, what)
	if f.Level != l {
		t.Errorf("%s is %s, want %s: %s", what, f.Level, l, f.text())
	}
	explained := strings.HasPrefix(f.Says, "the Redis at ") || strings.HasPrefix(f.Says, "no Redis answers at ")
	if l != fine && f.Do == "" && !explained {
		t.Errorf("%s does not say what to do: %s", what, f.text())
	}
	for _, w := range words {
		if !strings.Contains(f.text(), w) {
			t.Errorf("%s does not say %q: %s", what, w, f.text())
		}
	}
}

// allFine wants nothing but ok, apart from what is named, and from keys, which
// most of these files do without.
func (c checked) allFine(t *testing.T, but ...string) {
	t.Helper()
	but = append(but, "roster_keys/keys")
	for _, f := range c.Checks {
		if f.Level != fine && !strings.Contains(strings.Join(but, " "), f.About+"/"+f.Check) {
			t.Errorf("%s %s/%s: %s", f.Level, f.About, f.Check, f.text())
		}
	}
}

// onePool is a small file for a Redis, with more at its end.
func onePool(url string, more ...string) string {
	return fmt.Sprintf("redis: %s\npools: {prod: {region: eu-west-1, client_id: 1h57kf5cpq17m0eml12example}}\n%s\n", url, strings.Join(more, "\n"))
}

// as is a server's address with a user and a password.
func as(s *embedredis.Server, user string) string {
	return "unix://" + user + "@" + strings.TrimPrefix(s.URL(), "unix://")
}

func TestAFitConfigurationIsFitWithoutAWarning(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	file := onePool(s.URL(), "roster_keys: [{file: "+keyFile(t, 1)+"}]")
	c := checkFile(t, file)
	c.allFine(t)
	c.want(t, "roster_keys/keys", fine, keyID(1), "seals and opens")
	c.want(t, "redis/answers", fine, s.URL(), " ms")
	c.want(t, "redis/version", fine, "Redis 7")
	c.want(t, "redis/durability", fine, "appendonly yes, appendfsync always")
	c.want(t, "redis/clock", fine, "the same as this machine's")
	c.want(t, "quota eu-west-1/numbers", fine, "17.1/s of 30.0/s")
	c.want(t, "pool prod/client", fine, "eu-west-1, client 1h57…mple, no secret")
	c.want(t, "pool prod/workers", fine, "none serves the pool yet", "start one with  worker --config ")
}

func TestTheTableHasALineForEachCheck(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, "--appendonly", "yes")
	file := onePool(s.URL())
	n := len(checkFile(t, file).Checks)
	var out bytes.Buffer
	if err := run(t.Context(), []string{"worker", "check", "--config", configFile(t, file)}, nowhere, nil, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != n+2 || !strings.HasPrefix(lines[0], "RESULT") {
		t.Fatalf("%d checks are\n%s", n, &out)
	}
	for _, l := range lines[1 : n+1] {
		if first, _, _ := strings.Cut(l, " "); first != "ok" && first != "warn" {
			t.Errorf("a line begins with %q: %s", first, l)
		}
	}
	if last := lines[n+1]; !strings.HasPrefix(last, "Fit to send") || !strings.Contains(last, "--probe") || !strings.HasSuffix(last, "Warnings: 2.") {
		t.Errorf("it ends with %q", last)
	}
}

func TestWithoutRedisNothingElseOfItIsLookedAt(t *testing.T) {
	t.Parallel()
	c := checkFile(t, onePool("unix:///nowhere/redis.sock"))
	c.want(t, "redis/answers", failed, "no Redis answers at unix:///nowhere/redis.sock")
	if len(c.Checks) != 3 || !strings.Contains(c.err.Error(), "not fit to send: 1 of 3 checks failed; quotas and pools were not looked at") {
		t.Errorf("%v: %s", c.err, c.out)
	}
}

func TestOnlyThePoolAskedForIsChecked(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	text := "redis: " + s.URL() + "\npools:\n  prod: {region: eu-west-1, client_id: abc}\n  test: {region: us-east-1, client_id: abc}\n"
	if c := checkFile(t, text, "--pool", "test"); strings.Contains(c.out, "prod") || strings.Contains(c.out, "eu-west-1") {
		t.Error(c.out)
	}
	c := checkFile(t, text)
	c.want(t, "pool prod/client", fine)
	c.want(t, "pool test/client", fine)
	for _, args := range [][]string{{"--pool", "none"}, {"--output", "xml"}, {"now"}} {
		err := run(t.Context(), append([]string{"worker", "check", "--config", configFile(t, text)}, args...), nowhere, nil, io.Discard, io.Discard)
		if cli.Code(err) != cli.CodeUsage {
			t.Errorf("%v: %v", args, err)
		}
	}
}
