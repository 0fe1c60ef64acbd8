package topology

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/redistest"
)

// patience is for machines that are shared; nothing is measured by it.
const patience = 2 * time.Minute

// node is a redis-server that others reach as well.
type node struct {
	*embedredis.Server
	port     string
	password string
}

func (n node) addr() string { return "127.0.0.1:" + n.port }

// start starts a redis-server that keeps what it acknowledges.
func start(t *testing.T, args ...string) node {
	t.Helper()
	n := startWith(t, func(port string) []string { return append([]string{"--port", port}, args...) })
	if i := slices.Index(args, "--requirepass"); i >= 0 {
		n.password = args[i+1]
	}
	return n
}

func startWith(t *testing.T, args func(port string) []string) node {
	t.Helper()
	s, port := redistest.Listening(t, func(port string) embedredis.Options {
		return embedredis.Options{Args: append([]string{
			"--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0",
		}, args(port)...)}
	})
	return node{Server: s, port: port}
}

// client is an administrator's, over the unix socket.
func (n node) client(t *testing.T) *redis.Client {
	t.Helper()
	o := n.Options()
	o.Password = n.password
	rdb := redis.NewClient(o)
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func until(t *testing.T, what string, ok func() error) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ok()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s: %v", patience, what, err)
		}
	}
}

// follow waits until the node has as many replicas, and they have what it has.
func (n node) follow(t *testing.T, replicas int) {
	t.Helper()
	rdb := n.client(t)
	until(t, "replicas follow", func() error {
		info, err := rdb.Info(t.Context(), "replication").Result()
		if err != nil {
			return err
		}
		if got := strings.Count(info, "state=online"); got != replicas {
			return fmt.Errorf("%d of %d", got, replicas)
		}
		return nil
	})
}

// sentinels watch a primary.
type sentinels struct {
	addrs []string
	first *redis.SentinelClient
}

// The sentinels' name for it, and their password.
const (
	primaryName = "main"
	password    = "correct-horse-battery"
)

// watch starts three sentinels over the primary, and waits until they know each
// other and the replica. They may ask for a password as well.
func watch(t *testing.T, primary node, asking bool) sentinels {
	t.Helper()
	var s sentinels
	for range 3 {
		s.addrs = append(s.addrs, sentinel(t, primary, asking).addr())
	}
	o := &redis.Options{
		Addr:                     s.addrs[0],
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if asking {
		o.Password = password
	}
	s.first = redis.NewSentinelClient(o)
	t.Cleanup(func() { _ = s.first.Close() })
	until(t, "the sentinels know each other and the replica", func() error {
		known, err := s.first.Master(t.Context(), primaryName).Result()
		if err == nil && (known["num-slaves"] != "1" || known["num-other-sentinels"] != "2") {
			err = fmt.Errorf("%s replicas, %s other sentinels", known["num-slaves"], known["num-other-sentinels"])
		}
		return err
	})
	return s
}

func sentinel(t *testing.T, primary node, asking bool) node {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	// Two seconds are long enough for a loaded machine to answer a ping.
	lines := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]s 2\nsentinel auth-pass %[1]s %[3]q\n"+
		"sentinel down-after-milliseconds %[1]s 2000\nsentinel failover-timeout %[1]s 10000\n", primaryName, primary.port, password)
	if asking {
		lines += fmt.Sprintf("requirepass %[1]q\nsentinel sentinel-pass %[1]q\n", password)
	}
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	s, port := redistest.Listening(t, func(port string) embedredis.Options {
		return embedredis.Options{File: file, Args: []string{"--bind", "127.0.0.1", "--port", port, "--sentinel"}}
	})
	return node{Server: s, port: port}
}

// primary is who the sentinels say.
func (s sentinels) primary(ctx context.Context) (port string, err error) {
	addr, err := s.first.GetMasterAddrByName(ctx, primaryName).Result()
	if err != nil {
		return "", err
	}
	return addr[1], nil
}

// secure starts a redis-server that speaks TLS alone.
func secure(t *testing.T, a authority, args ...string) node {
	t.Helper()
	return startWith(t, func(port string) []string {
		return append([]string{
			"--tls-port", port, "--tls-cert-file", a.cert, "--tls-key-file", a.key, "--tls-ca-cert-file", a.ca, "--tls-auth-clients", "no",
		}, args...)
	})
}

// speaksTLS makes sure that the test would notice a client that does not.
func (n node) speaksTLS(t *testing.T) {
	t.Helper()
	c, err := tls.Dial("tcp", n.addr(), &tls.Config{InsecureSkipVerify: true}) // who it is does not matter here
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}
