// Package redistest gives every test a Redis of its own, which ends with it.
//
// It is a redis-server child on a unix socket where there is one on PATH, else
// one in memory. With REKEY_TEST_REDIS=required doing without is an error, so
// that a machine that should have one cannot pass by skipping. Its weak spot is
// the one in memory, which has no disk, no replica and no limit of memory: what a
// test promises of those needs [Real].
package redistest

import (
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/rekeyhq/rekey/internal/embedredis"
)

// New returns a client of a fresh server. The arguments are redis-server's.
func New(t testing.TB, args ...string) *redis.Client {
	t.Helper()
	return Client(t, Server(t, args...))
}

// Real is [New] for a test that needs a redis-server: without one it is skipped.
func Real(t testing.TB, args ...string) *embedredis.Server {
	t.Helper()
	Need(t)
	return Server(t, args...)
}

// Need skips a test that needs a redis-server where there is none.
func Need(t testing.TB) {
	t.Helper()
	if embedredis.Available() {
		return
	}
	if required() {
		t.Fatal("REKEY_TEST_REDIS=required, and there is no redis-server on PATH")
	}
	t.Skip("needs a redis-server on PATH")
}

// Server starts a fresh server, for tests that kill it or hand its URL on.
func Server(t testing.TB, args ...string) *embedredis.Server {
	t.Helper()
	s, err := start(t, embedredis.Options{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func start(t testing.TB, o embedredis.Options) (*embedredis.Server, error) {
	t.Helper()
	if required() && !embedredis.Available() {
		t.Fatal("REKEY_TEST_REDIS=required, and there is no redis-server on PATH")
	}
	s, err := embedredis.Start(t.Context(), o)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, nil
}

// Listening starts a redis-server that others reach as well, at 127.0.0.1 and a
// port that is free: replicas, sentinels, the nodes of a Cluster. Without a
// redis-server the test is skipped.
func Listening(t testing.TB, options func(port string) embedredis.Options) (s *embedredis.Server, port string) {
	t.Helper()
	Need(t)
	var err error
	for range 5 { // somebody else may be faster to take the port
		port = Port(t)
		if s, err = start(t, options(port)); err == nil {
			return s, port
		}
	}
	t.Fatal(err)
	return nil, ""
}

// Port returns a port of 127.0.0.1 that is free now.
func Port(t testing.TB) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = free.Close() }()
	return strconv.Itoa(free.Addr().(*net.TCPAddr).Port)
}

// Client returns a client of s that ends with the test.
func Client(t testing.TB, s *embedredis.Server) *redis.Client {
	t.Helper()
	rdb := redis.NewClient(s.Options())
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// Memory returns a client of a Redis inside a synctest bubble: its clock is the
// bubble's, keys expire by it, and no socket is opened.
func Memory(t testing.TB) (*redis.Client, *miniredis.Miniredis) {
	t.Helper()
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	rdb := redis.NewClient(&redis.Options{
		Addr:   "memory",
		Dialer: embedredis.Dialer(m),
		// Notifications of cluster maintenance need a server that knows them.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() { _ = rdb.Close(); m.Close() })
	return rdb, m
}

func required() bool { return os.Getenv("REKEY_TEST_REDIS") == "required" }
