package topology

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/test/fleet"
	"github.com/rekeyhq/rekey/test/process"
)

// kinds are the Redises that stay up. Each returns what the fleet must know.
var kinds = map[string]func(*testing.T) fleet.Options{
	"unix socket": func(*testing.T) fleet.Options { return fleet.Options{} },
	"password": func(t *testing.T) fleet.Options {
		n := start(t, "--requirepass", password)
		return fleet.Options{Redis: "redis://" + n.addr() + "/0", Config: "redis_password_file: " + passwordFile(t)}
	},
	"TLS": func(t *testing.T) fleet.Options {
		a := newAuthority(t)
		n := secure(t, a)
		n.speaksTLS(t)
		return fleet.Options{
			Redis: "rediss://" + n.addr() + "/0",
			Env:   func(string) []string { return []string{"SSL_CERT_FILE=" + a.ca} },
		}
	},
}

func passwordFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// failovers are those whose primary is killed in the middle of the campaign.
var failovers = map[string]func(*testing.T) failover{
	"sentinels":                 func(t *testing.T) failover { return overSentinels(t, 0) },
	"sentinels, and marks wait": func(t *testing.T) failover { return overSentinels(t, 1) },
	"a Cluster, and marks wait, with users of few rights": func(t *testing.T) failover { return overCluster(t, 1) },
}

// The programs are built once, which is why this is one test.
func TestEveryUserIsAccountedForOnEveryKindOfRedis(t *testing.T) {
	t.Parallel()
	bin := fleet.Build(t)
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := kind(t)
			o.Bin = bin
			campaign(t, o)
		})
	}
	for name, over := range failovers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over(t).run(t, bin)
		})
	}
	t.Run("users of few rights", func(t *testing.T) {
		t.Parallel()
		fewRights(t, bin)
	})
	t.Run("an authority that is not trusted", func(t *testing.T) {
		t.Parallel()
		untrusted(t, bin)
	})
}

func campaign(t *testing.T, o fleet.Options) {
	t.Helper()
	const users = 300
	o.Users, o.Rate = users, 200
	f := fleet.Start(t, o)
	f.Go("worker")
	f.Campaign("c", users)
	f.Run("campaign", "wait", "c", "--timeout", patience.String())
	f.Check("c")
}

func untrusted(t *testing.T, bin string) {
	t.Helper()
	n := secure(t, newAuthority(t))
	f := fleet.Start(t, fleet.Options{Bin: bin, Users: 1, Rate: 1, Redis: "rediss://" + n.addr() + "/0"})
	if _, code := f.Try("enqueue", "--campaign", "c", f.Users); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	if _, code := f.TryWith([]string{"REKEY_REDIS=redis://" + n.addr()}, "campaign", "list"); code != 1 {
		t.Errorf("without TLS: exit code %d, want 1", code)
	}
}

// failover is a Redis with a replica that takes over.
type failover struct {
	options fleet.Options
	primary node
	// moved is nil once the other one has taken over.
	moved func() error
	// waits: marks wait for the replica. It is gone with the failover, being the
	// primary now, so nothing is sent until the killed one is back.
	waits bool
	// strict are nodes that should have had nothing to deny.
	strict []node
}

func (o failover) run(t *testing.T, bin string) {
	t.Helper()
	const users = 600
	o.options.Users, o.options.Rate, o.options.Bin = users, 100, bin
	o.options.Twin = []string{"--latency", "200ms"}
	f := fleet.Start(t, o.options)
	workers := []*process.Process{f.Go("worker"), f.Go("worker")}
	f.Campaign("c", users)
	f.Until("c", "in the middle", func(s fleet.Show) bool { return s.Counts["accepted"] > users/4 && s.Counts["calling"] > 5 })
	o.primary.Kill()
	began := time.Now()
	until(t, "another takes over", o.moved)
	t.Logf("failed over after %s: %+v", time.Since(began).Round(100*time.Millisecond), f.Show("c").Counts)
	if o.waits {
		o.nothingIsSent(t, f, workers)
	}
	s := f.Until("c", "done", func(s fleet.Show) bool { return s.State == "done" })
	if s.Counts["accepted"] != users {
		t.Errorf("%+v, want all of them accepted", s.Counts)
	}
	o.check(t, f)
	for _, n := range o.strict {
		nothingDenied(t, n.client(t))
	}
}

// nothingIsSent brings the killed one back after a while, as a replica.
func (o failover) nothingIsSent(t *testing.T, f *fleet.Fleet, workers []*process.Process) {
	t.Helper()
	from := time.Now()
	for _, w := range workers {
		until(t, "the worker says that replicas are missing", func() error {
			if !strings.Contains(w.Said(), "0 of 1 replicas had the mark") {
				return errors.New("it does not")
			}
			return nil
		})
	}
	to := time.Now()
	if err := o.primary.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, calls := range f.Journal() {
		for _, c := range calls {
			if c.At.After(from) && c.At.Before(to) {
				t.Errorf("a call at %s, between %s and %s, while no replica could have its mark", c.At, from, to)
			}
		}
	}
}

// check: whatever was lost, everybody is accounted for. That nobody had two
// live codes is promised only where marks wait: a mark that the killed primary
// alone had is forgotten, and its row called again.
func (o failover) check(t *testing.T, f *fleet.Fleet) {
	t.Helper()
	if o.waits {
		f.Check("c")
		return
	}
	_, journal := f.CheckRows("c")
	twice := 0
	for _, calls := range journal {
		if _, two := fleet.TwoLive(calls); two {
			twice++
		}
	}
	t.Logf("%d marks were lost: so many users held two live codes", twice)
}

func overSentinels(t *testing.T, replicas int) failover {
	t.Helper()
	secret := []string{"--requirepass", password, "--masterauth", password}
	primary := start(t, secret...)
	start(t, append(secret, "--replicaof", "127.0.0.1 "+primary.port)...)
	primary.follow(t, 1)
	// Sentinels without a password, and such with the primary's.
	s := watch(t, primary, replicas > 0)
	return failover{
		options: fleet.Options{
			Redis:  "redis+sentinel://" + strings.Join(s.addrs, ",") + "/" + primaryName + "/0",
			Config: fmt.Sprintf("redis_password_file: %s\nwait_replicas: %d", passwordFile(t), replicas),
		},
		primary: primary,
		waits:   replicas > 0,
		moved: func() error {
			port, err := s.primary(t.Context())
			if err == nil && port == primary.port {
				err = errors.New("still the old one")
			}
			return err
		},
	}
}

func overCluster(t *testing.T, replicas int) failover {
	t.Helper()
	c := startCluster(t)
	// The shard that has the pool's campaigns.
	slot, err := c.primaries[0].client(t).ClusterKeySlot(t.Context(), "rekey:{test}:calls").Result()
	if err != nil {
		t.Fatal(err)
	}
	shard := int(slot) * 3 / 16384
	for _, n := range append(slices.Clone(c.primaries), c.replicas...) {
		grant(t, n, onCluster(t)...)
	}
	return failover{
		options: fleet.Options{
			Redis: "redis+cluster://" + c.hosts(), Env: asUsers("redis+cluster", c.hosts()),
			Config: fmt.Sprintf("wait_replicas: %d", replicas),
		},
		primary: c.primaries[shard],
		strict:  append(slices.Delete(slices.Clone(c.primaries), shard, shard+1), c.replicas...),
		waits:   replicas > 0,
		moved:   c.agree(t, int(slot), shard),
	}
}
