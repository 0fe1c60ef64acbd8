package embedredis

import (
	"context"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, o Options) (*Server, *redis.Client) {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(s.Options())
	t.Cleanup(func() { _ = rdb.Close(); _ = s.Close() })
	return s, rdb
}

func needServer(t *testing.T) {
	t.Helper()
	if !Available() && os.Getenv("REKEY_TEST_REDIS") != "required" {
		t.Skip("no redis-server on PATH")
	}
}

func TestTheOneInMemoryAnswersAtItsURL(t *testing.T) {
	s, _ := start(t, Options{InMemory: true})
	if s.Real() {
		t.Error("Real() = true, want false")
	}
	o, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(o)
	defer func() { _ = rdb.Close() }()
	if err := rdb.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

func TestAKilledServerComesBackWithWhatItAcknowledged(t *testing.T) {
	needServer(t)
	s, rdb := start(t, Options{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
	ctx := t.Context()
	if err := rdb.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := rdb.Get(ctx, "k").Err(); err == nil {
		t.Fatal("a killed server answered")
	}
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if got := rdb.Get(ctx, "k").Val(); got != "v" {
		t.Errorf("after the restart k = %q, want v", got)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	needServer(t)
	s, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := s.opts.Dir
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

func TestBadArgumentsSayWhatTheServerSaid(t *testing.T) {
	needServer(t)
	_, err := Start(context.Background(), Options{Args: []string{"--no-such-option", "1"}})
	if err == nil {
		t.Fatal("started with an option that does not exist")
	}
}
