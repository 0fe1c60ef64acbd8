package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/redistest"
)

func TestAUserWithTooFewRightsIsToldWhichAndIsFitWithThem(t *testing.T) {
	t.Parallel()
	const everything = "~* &* +@all"
	for _, c := range []struct {
		rules string
		words []string
	}{
		{everything + " -eval", []string{"'eval'", "ACL SETUSER rekey +eval +evalsha (all of a worker's rights: docs/redis.md)"}},
		{everything + " -evalsha", []string{"'evalsha'", "+evalsha"}},
		{everything + " -hset -time", []string{"this user lacks the rights to TIME, HSET; ACL SETUSER rekey +time +hset ("}},
		{everything + " -subscribe", []string{"rights to SUBSCRIBE; ", "rekey +subscribe ("}},
		{everything + " -wait", []string{"rights to WAIT; ", "+wait"}},
		{everything + " -@write", []string{"rights to SET, SETEX, DEL, UNLINK and 20 more"}},
		{"~rekey:* &* +@all", []string{"rights to asynq:{rekey-prod}:check, asynq:", " more; ACL SETUSER rekey ~asynq:* ("}},
		{"~asynq:* ~rekey:{eu-west-1}:* &* +@all", []string{"rights to rekey:{ids}:check, rekey:{prod}:check, rekey:{ids}:ids, rekey:{prod}:campaigns and 14 more", "rekey ~rekey:* ("}},
		{"~asynq:* ~rekey:{prod}:* ~rekey:{ids}:* &* +@all", []string{"rights to rekey:{eu-west-1}:check, rekey:{eu-west-1}:bucket; "}},
		{"~rekey:* ~asynq:* +@all", []string{"rights to subscribe to asynq:cancel; ", "rekey &asynq:cancel ("}},
		{"%R~* ~rekey:{* ~asynq:{* &* +@all", []string{"rights to asynq:queues, asynq:servers, ", "rekey ~asynq:* ("}},
	} {
		s := redistest.Real(t, keeping...)
		setUser(t, s, "reset on >pw "+c.rules)
		file := onePool(as(s, "rekey:pw"), "wait_replicas: 1")
		got := checkFile(t, file)
		got.want(t, "redis/rights", failed, c.words...)
		_, advice, _ := strings.Cut(got.of(t, "redis/rights").Do, "SETUSER rekey ")
		advice, _, _ = strings.Cut(advice, "(")
		setUser(t, s, advice)
		checkFile(t, file).want(t, "redis/rights", fine)
	}
}

// What it lacks it would notice in the middle of a call.
func TestAWorkerThatLacksARightDoesNotServe(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	setUser(t, s, "reset on >pw ~* &* +@all -pexpire")
	path := configFile(t, onePool(as(s, "rekey:pw"), `listen: ""`))
	err := run(t.Context(), []string{"worker", "--config", path}, nowhere, nil, io.Discard, io.Discard)
	told, ok := errors.AsType[*cli.Error](err)
	if !ok || told.Code != cli.CodeFailed || !strings.Contains(told.Error(), "lacks the rights to PEXPIRE") || !strings.Contains(told.Hint, "+pexpire") {
		t.Errorf("%v", err)
	}
}

func setUser(t *testing.T, s *embedredis.Server, rules string) {
	t.Helper()
	args := []any{"acl", "setuser", "rekey"}
	for rule := range strings.FieldsSeq(rules) {
		args = append(args, rule)
	}
	if err := redistest.Client(t, s).Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatAUserMayNotAskIsSaidToBeUnknown(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	for _, c := range []struct {
		rules string
		check string
		level level
		words []string
	}{
		{"-config", "durability", warned, []string{"cannot tell (CONFIG is forbidden)", "appendfsync always", "MemoryDB keeps", "ElastiCache's failover can lose"}},
		{"-info", "eviction", warned, []string{"cannot tell (INFO is forbidden)", "noeviction"}},
		{"-info", "memory", warned, []string{"cannot tell (INFO is forbidden)"}},
		{"-info", "replicas", warned, []string{"cannot tell (INFO is forbidden)", "wait_replicas"}},
		{"-info", "version", fine, []string{"not told"}},
		{"-time", "clock", warned, []string{"cannot tell (NOPERM"}},
	} {
		setUser(t, s, "reset on >pw ~* &* +@all "+c.rules)
		checkFile(t, onePool(as(s, "rekey:pw"))).want(t, "redis/"+c.check, c.level, c.words...)
	}
	setUser(t, s, "reset on >pw ~* &* +@all")
	checkFile(t, onePool(as(s, "rekey:pw"))).allFine(t)
}

// documented are a worker's rights as docs/redis.md has them.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\nuser rekey-worker on >SECRET ")
	rules, _, _ := strings.Cut(rest, "\n")
	if !ok || !strings.Contains(rules, "+evalsha") {
		t.Fatal("docs/redis.md has no user rekey-worker")
	}
	return rules
}

func TestTheDocumentedUserIsFitAndEachOfItsRightsIsAskedFor(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	setUser(t, s, "reset on >pw "+documented(t))
	file := onePool(as(s, "rekey:pw"), "wait_replicas: 1")
	checkFile(t, file).want(t, "redis/rights", fine)
	c := checkFile(t, onePool(as(s, "rekey:pw")))
	c.allFine(t, "redis/durability", "redis/eviction", "redis/memory", "redis/replicas")
	if !c.Fit {
		t.Error(c.out)
	}
	asked := map[string]bool{"resetchannels": true, "+eval": true}
	for _, w := range wantedBy(t, file) {
		asked[w.rule] = true
	}
	for rule := range strings.FieldsSeq(documented(t)) {
		if !asked[rule] {
			t.Errorf("%s is documented, and not asked for", rule)
		}
	}
	setUser(t, s, "+info +config|get")
	checkFile(t, onePool(as(s, "rekey:pw"))).allFine(t)
}

var (
	numbersOfKeys = regexp.MustCompile(`:[0-9a-f-]{10,}$|:\d+$`)
	idsOfKeys     = regexp.MustCompile(`\{[^}]*\}`)
)

// kindOf is a key without what differs from one of its kind to the next.
func kindOf(key string) string {
	key = strings.Replace(key, "c:breach", "c:x", 1)
	return numbersOfKeys.ReplaceAllString(idsOfKeys.ReplaceAllString(key, "{}"), ":#")
}

// A whole campaign is run with the documented rights; what it has sent,
// and the keys that it has made, must be what check asks for.
func TestWhatACampaignNeedsOfRedisIsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, slices.Concat(keeping, []string{"--user", "rekey", "on", ">pw"}, strings.Fields(documented(t)+" +config|get"))...)
	rdb := redistest.Client(t, s)
	twin := simtest.Start(t, cognitosim.Options{Users: cognitosim.Users{N: 40}, Quota: -1, Hour: 10 * time.Second,
		Faults: []cognitosim.Fault{{From: 5, To: 7, Answer: "TooManyRequests"}}})
	store := running(t, rdb, 40)
	file := fmt.Sprintf("redis: %s\nlisten: \"\"\npools: {prod: {region: eu-west-1, client_id: %s, endpoint: %q, hour: 10s, quota: q}}\n"+
		"quotas: {q: {limit: 100, share: 1, echo: 0}}\n", as(s, "rekey:pw"), cognitosim.DefaultClientID, twin.URL())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"worker", "--config", configFile(t, file)}, nowhere, nil, io.Discard, io.Discard)
	}()
	until(t, "the campaign is done", 30*time.Second, func() bool {
		c, err := store.Campaign(t.Context(), "breach")
		return err == nil && c.State == campaign.Done
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if denied, err := rdb.Do(t.Context(), "acl", "log").Slice(); err != nil || len(denied) > 0 {
		t.Errorf("a right was missing: %v, %v", denied, err)
	}
	compare(t, node{Client: rdb}, wantedBy(t, file))
}

func wantedBy(t *testing.T, file string) []right {
	t.Helper()
	cfg, err := configOf(t, file)
	if err != nil {
		t.Fatal(err)
	}
	k := &check{cfg: cfg}
	for _, p := range cfg.Pools {
		k.pools = append(k.pools, p)
	}
	return k.wanted()
}

// compare goes through what was sent and made.
func compare(t *testing.T, n node, wanted []right) {
	t.Helper()
	text, err := n.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	// The test's own, and what everybody may do.
	names, keys := []string{"hello", "auth", "info", "config|get", "acl|log", "eval"}, []string{}
	for _, w := range wanted {
		name, command := strings.CutPrefix(w.rule, "+")
		if command {
			names = append(names, name)
		} else {
			keys = append(keys, kindOf(w.what))
		}
	}
	for line := range strings.Lines(text) {
		name, _, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":")
		if ok && !slices.Contains(names, name) {
			t.Errorf("%s was sent, and is not asked for", name)
		}
	}
	made, err := n.Keys(t.Context(), "*").Result()
	if err != nil || len(made) < 10 {
		t.Fatal(made, err)
	}
	for _, key := range made {
		if k := kindOf(key); !slices.Contains(keys, k) && !strings.HasPrefix(k, "asynq:{}:") && k != "rekey:{}:live:#" {
			t.Errorf("%s was made, and is not asked for", key)
		}
	}
}
