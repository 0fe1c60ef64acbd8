package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
	"github.com/rekeyhq/rekey/internal/redistest"
)

func TestAUserWithTooFewRightsIsToldWhichAndIsFitWithThem(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	admin := redistest.Client(t, s)
	user := func(rules string) {
		t.Helper()
		args := append([]any{"acl", "setuser", "rekey", "reset", "on", ">pw"}, anys(strings.Fields(rules))...)
		if err := admin.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	const everything = "~* &* +@all"
	for _, c := range []struct {
		rules string
		check string
		level level
		words []string
	}{
		{everything + " -eval", "rights", failed, []string{"eval", "ACL SETUSER rekey ~rekey:* ~asynq:*"}},
		{everything + " -evalsha", "rights", failed, []string{"permissions to run the 'evalsha' command"}},
		{everything + " -hset -time", "rights", failed, []string{"TIME, HSET "}},
		{"~rekey:* &* +@all", "rights", failed, []string{"HGET asynq:", " more; ACL SETUSER rekey"}},
		{"~rekey:* ~asynq:* +@all", "rights", failed, []string{"may not run SUBSCRIBE asynq:cancel"}},
		{"%R~* ~rekey:{* ~asynq:{* &* +@all", "rights", failed, []string{"HSET asynq:queues x x"}},
		{everything + " -wait", "rights", failed, []string{"may not run WAIT 1 1"}},
		{everything + " -set", "rights", failed, []string{"SET "}},
		{everything + " -config", "durability", warned, []string{"cannot tell (CONFIG is forbidden)", "appendfsync always", "MemoryDB keeps"}},
		{everything + " -info", "eviction", warned, []string{"cannot tell (INFO is forbidden)", "noeviction"}},
		{everything + " -info", "memory", warned, []string{"cannot tell (INFO is forbidden)"}},
		{everything + " -info", "replicas", warned, []string{"cannot tell (INFO is forbidden)", "wait_replicas"}},
		{everything + " -info", "version", fine, []string{"not told"}},
		{everything + " -time", "clock", warned, []string{"cannot tell (NOPERM"}},
	} {
		user(c.rules)
		file := onePool(as(s, "rekey:pw"))
		if strings.Contains(c.rules, "-wait") {
			checkFile(t, file).allFine(t)
			file = onePool(as(s, "rekey:pw"), "wait_replicas: 1")
		}
		checkFile(t, file).want(t, "redis/"+c.check, c.level, c.words...)
	}
	user(enoughRights)
	checkFile(t, onePool(as(s, "rekey:pw"))).allFine(t)
}

func anys(words []string) (all []any) {
	for _, w := range words {
		all = append(all, w)
	}
	return all
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

// A whole campaign is run with the rights that check advises; what it has sent,
// and the keys that it has made, must be what check asks for.
func TestWhatACampaignNeedsOfRedisIsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, slices.Concat(keeping, []string{"--user", "rekey", "on", ">pw"}, strings.Fields(enoughRights))...)
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
	asked := checkFile(t, file)
	asked.want(t, "redis/rights", fine)
	compare(t, node{Client: rdb}, wantedBy(t, file))
}

func wantedBy(t *testing.T, file string) []string {
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
func compare(t *testing.T, n node, wanted []string) {
	t.Helper()
	text, err := n.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	// The test's own, and what everybody may do.
	names, keys := []string{"hello", "auth", "info", "config|get", "acl|log"}, []string{}
	for _, w := range wanted {
		words := strings.Fields(w)
		names = append(names, strings.ToLower(words[0]))
		if len(words) > 1 {
			keys = append(keys, kindOf(words[1]))
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
