package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/redistest"
)

// Every fault is provoked at a real server, and repaired: its line must go.
func TestEveryFaultOfRedisIsSaidAndItsLineGoesWithTheRightSetting(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		wrong []string // settings, in pairs
		right []string
		check string
		level level
		words []string
	}{
		{"nothing is kept", []string{"appendonly", "no"}, []string{"appendonly", "yes"},
			"durability", failed, []string{"a crash of Redis loses campaigns", "set appendonly yes, appendfsync always"}},
		{"a second is lost", []string{"appendfsync", "everysec"}, []string{"appendfsync", "always"},
			"durability", warned, []string{"a second code", "set appendfsync always"}},
		{"keys are thrown away", []string{"maxmemory", "100mb", "maxmemory-policy", "volatile-lru"}, []string{"maxmemory-policy", "noeviction"},
			"eviction", failed, []string{"maxmemory-policy volatile-lru", "throws away live codes", "set maxmemory-policy noeviction"}},
		{"keys would be thrown away", []string{"maxmemory-policy", "allkeys-lfu"}, []string{"maxmemory-policy", "noeviction"},
			"eviction", warned, []string{"allkeys-lfu", "does nothing while there is no maxmemory"}},
		{"full", []string{"maxmemory", "100kb"}, []string{"maxmemory", "100mb"},
			"writes", failed, []string{"is full (maxmemory)"}},
		{"full, as memory sees it", []string{"maxmemory", "100kb"}, []string{"maxmemory", "100mb"},
			"memory", warned, []string{"nearly full", "raise maxmemory"}},
		{"cut off from its replicas", []string{"min-replicas-to-write", "1"}, []string{"min-replicas-to-write", "0"},
			"writes", failed, []string{"NOREPLICAS", "lower min-replicas-to-write"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := redistest.Real(t, keeping...)
			set(t, s, c.wrong)
			got := checkFile(t, onePool(s.URL()))
			got.want(t, "redis/"+c.check, c.level, c.words...)
			if looked := strings.Contains(got.out, `"quota `); looked == (got.of(t, "redis/writes").Level == failed) {
				t.Errorf("quotas are looked at: %v: %s", looked, got.out)
			}
			set(t, s, c.right)
			checkFile(t, onePool(s.URL())).allFine(t)
		})
	}
}

func set(t *testing.T, s *embedredis.Server, settings []string) {
	t.Helper()
	for pair := range slices.Chunk(settings, 2) {
		if err := redistest.Client(t, s).ConfigSet(t.Context(), pair[0], pair[1]).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNearlyFullIsSaidBeforeItIsFull(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	rdb := redistest.Client(t, s)
	// So much that the connections of the check itself do not count; made by the
	// server, since a long command would leave a long buffer behind for a while.
	if err := rdb.SetRange(t.Context(), "ballast", 30<<20, "x").Err(); err != nil {
		t.Fatal(err)
	}
	used := readInfo(t.Context(), node{Client: rdb}).number("used_memory")
	set(t, s, []string{"maxmemory", strconv.FormatInt(used*23/20, 10)})
	c := checkFile(t, onePool(s.URL()))
	c.want(t, "redis/memory", warned, "nearly full")
	c.want(t, "redis/writes", fine)
	set(t, s, []string{"maxmemory", strconv.FormatInt(used*2, 10)})
	checkFile(t, onePool(s.URL())).allFine(t)
}

func TestAWrongPasswordIsAFailAndNotPrinted(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, slices.Concat(keeping, []string{"--requirepass", "correct"})...)
	c := checkFile(t, onePool(as(s, ":hunter2")))
	c.want(t, "redis/answers", failed, "refuses the user or the password")
	if strings.Contains(c.out+c.err.Error(), "hunter2") {
		t.Error(c.out)
	}
	checkFile(t, onePool(s.URL())).want(t, "redis/answers", failed, "asks for a password")
	checkFile(t, onePool(as(s, ":correct"))).allFine(t)
}

func TestReplicasAndWhoWaitsForThem(t *testing.T) {
	t.Parallel()
	primary, port := redistest.Listening(t, listening())
	alone := checkFile(t, onePool(primary.URL(), "wait_replicas: 1"))
	alone.want(t, "redis/replicas", failed, "0 online, wait_replicas 1: no call would go out", "lower wait_replicas")
	checkFile(t, onePool(primary.URL())).allFine(t)
	replica, _ := redistest.Listening(t, listening("--replicaof", "127.0.0.1 "+port, "--replica-read-only", "no"))
	rdb := node{Client: redistest.Client(t, primary)}
	until(t, "the replica follows", 20*time.Second, func() bool { return strings.Contains(readInfo(t.Context(), rdb)["slave0"], "online") })

	checkFile(t, onePool(primary.URL())).want(t, "redis/replicas", warned, "1 online, wait_replicas 0", "a second code", "set wait_replicas")
	checkFile(t, onePool(primary.URL(), "wait_replicas: 1")).allFine(t)
	behind := lens(t, primary, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("state=online"), []byte("state=wait_b")) })
	checkFile(t, onePool("redis://"+behind, "wait_replicas: 1")).want(t, "redis/replicas", failed, "0 online, wait_replicas 1")
	checkFile(t, onePool(primary.URL(), "wait_replicas: 2")).want(t, "redis/replicas", failed, "1 online, wait_replicas 2: no call would go out")
	onReplica := checkFile(t, onePool(replica.URL()))
	onReplica.want(t, "redis/writes", failed, "this is a replica", "name the primary")
	onReplica.want(t, "redis/version", fine)
}

func listening(args ...string) func(port string) embedredis.Options {
	return func(port string) embedredis.Options {
		all := append([]string{"--bind", "127.0.0.1", "--port", port, "--repl-diskless-sync-delay", "0"}, keeping...)
		return embedredis.Options{Args: append(all, args...)}
	}
}

func TestEveryServerOfAClusterIsLookedAt(t *testing.T) {
	t.Parallel()
	args := []string{"--cluster-enabled", "yes", "--cluster-require-full-coverage", "yes"}
	first, port := redistest.Listening(t, listening(args...))
	second, port2 := redistest.Listening(t, listening(args...))
	a, b := redistest.Client(t, first), redistest.Client(t, second)
	for _, err := range []error{
		a.ClusterAddSlotsRange(t.Context(), 0, 8000).Err(), b.ClusterAddSlotsRange(t.Context(), 8001, 16383).Err(),
		b.Do(t.Context(), "cluster", "set-config-epoch", 2).Err(), a.ClusterMeet(t.Context(), "127.0.0.1", port2).Err(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the cluster is up", 30*time.Second, func() bool { return clusterOK(t, a) && clusterOK(t, b) })
	file := onePool("redis+cluster://127.0.0.1:" + port)
	c := checkFile(t, file)
	c.allFine(t)
	c.want(t, "redis/answers", fine, "2 primaries")
	set(t, second, []string{"appendonly", "no"})
	checkFile(t, file).want(t, "redis/durability", failed, "127.0.0.1:"+port2+": appendonly no")
	checkFile(t, onePool("redis://127.0.0.1:"+port)).want(t, "redis/answers", failed, "write redis+cluster://")
	plain := checkFile(t, onePool("redis+cluster://"+lens(t, redistest.Real(t, keeping...), nil)))
	plain.want(t, "redis/answers", failed, "is not a Redis Cluster: write redis://")
}

func clusterOK(t *testing.T, rdb *redis.Client) bool {
	t.Helper()
	info, err := rdb.ClusterInfo(t.Context()).Result()
	return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:2")
}

func TestARedisInFrontOfItsTimeOrBehindIsTooOldOrWarnedOf(t *testing.T) {
	t.Parallel()
	s := redistest.Real(t, keeping...)
	old := regexp.MustCompile(`redis_version:\d`)
	c := checkFile(t, onePool("redis://"+lens(t, s, func(b []byte) []byte { return old.ReplaceAll(b, []byte("redis_version:6")) })))
	c.want(t, "redis/version", failed, "Redis 6.", "memory full", "take Redis 7 or later")
	checkFile(t, onePool("redis://"+lens(t, s, func(b []byte) []byte { return shifted(b, -300) }))).
		want(t, "redis/clock", warned, "300.0 s behind this machine's", "its queue goes by the workers'", "NTP")
	checkFile(t, onePool("redis://"+lens(t, s, func(b []byte) []byte { return shifted(b, 60) }))).
		want(t, "redis/clock", warned, "60.0 s ahead of this machine's")
	checkFile(t, onePool("redis://"+lens(t, s, nil))).allFine(t)
}

// seconds10 is the first half of the answer to TIME.
var seconds10 = regexp.MustCompile(`^\*2\r\n\$10\r\n(\d{10})\r\n`)

func shifted(answer []byte, by int64) []byte {
	m := seconds10.FindSubmatchIndex(answer)
	if m == nil {
		return answer
	}
	at, _ := strconv.ParseInt(string(answer[m[2]:m[3]]), 10, 64)
	return slices.Replace(slices.Clone(answer), m[2], m[3], []byte(strconv.FormatInt(at+by, 10))...)
}

// lens stands before a server, and changes what it says; nil changes nothing.
// It returns its address.
func lens(t *testing.T, s *embedredis.Server, change func([]byte) []byte) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); _ = ln.Close() })
	go func() {
		for {
			from, err := ln.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("unix", s.Options().Addr)
			if err != nil {
				_ = from.Close()
				continue
			}
			context.AfterFunc(ctx, func() { _ = from.Close(); _ = to.Close() })
			go pass(from, to, nil)
			go pass(to, from, change)
		}
	}()
	return ln.Addr().String()
}

func pass(from, to net.Conn, change func([]byte) []byte) {
	defer func() { _ = to.Close() }()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		out := b[:n]
		if change != nil {
			out = change(out)
		}
		if _, gone := to.Write(out); err != nil || gone != nil {
			return
		}
	}
}

func TestARedisWhoseScriptsKnowNoFlagsIsTooOld(t *testing.T) {
	t.Parallel()
	s, err := embedredis.Start(t.Context(), embedredis.Options{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c := checkFile(t, onePool(s.URL()))
	c.want(t, "redis/version", failed, "cannot ask to run with memory full", "Redis 7")
	c.want(t, "redis/rights", warned, "cannot tell")
	c.want(t, "redis/durability", warned, "cannot tell (CONFIG is forbidden)", "appendfsync always", "ElastiCache's failover can lose")
}

// What one machine cannot have: clocks that differ among servers, and distance.
func TestServersOfAClusterMustAgreeOnTheTimeAndBeNear(t *testing.T) {
	t.Parallel()
	at := func(a, b time.Duration) *surveyed {
		return &surveyed{clocks: []clock{{addr: "a", ahead: a}, {addr: "b", ahead: b}}}
	}
	for _, c := range []struct {
		a, b time.Duration
		want level
		text string
	}{
		{0, time.Second, fine, "1.0 s ahead of this machine's"},
		{-90 * time.Second, -91 * time.Second, warned, "91.0 s behind this machine's"},
		{-2 * time.Second, 2 * time.Second, warned, "b is 4.0 s ahead of a"},
		{11 * time.Second, 0, failed, "a is 11.0 s ahead of b"},
	} {
		if f := at(c.a, c.b).clock(10 * time.Second); f.Level != c.want || !strings.Contains(f.text(), c.text) {
			t.Errorf("%v and %v: %s, %s", c.a, c.b, f.Level, f.text())
		}
	}
	for trip, want := range map[time.Duration]level{99 * time.Millisecond: fine, 101 * time.Millisecond: warned} {
		far := &surveyed{clocks: []clock{{trip: time.Millisecond}, {trip: trip}}}
		if f := far.answers(config.Redis{Topology: config.Cluster}); f.Level != want {
			t.Errorf("%v away: %s, %s", trip, f.Level, f.text())
		}
	}
}

func TestARedisThatHangsDoesNotHangTheCheck(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "rekey-check-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ln, err := net.Listen("unix", filepath.Join(dir, "s")) // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	k := &check{cfg: &config.Config{Redis: config.Redis{Addrs: []string{filepath.Join(dir, "s")}}}}
	k.redis(ctx)
	if d := time.Since(began); d > 5*time.Second || len(k.found) != 1 || !k.blind || !strings.Contains(k.found[0].Says, "it takes too long") {
		t.Errorf("after %v: %+v", d, k.found)
	}
}
