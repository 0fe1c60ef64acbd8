package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// brokenShare is how many of the twin's users cannot be reset, so that there
// are dead letters to look at.
const brokenShare = 0.02

// stage is the demonstration's own small world. It is gone after close.
type stage struct {
	o          demoOptions
	dir        string
	configPath string
	logPath    string
	url        string // the twin's
	someone    string // a user whose name may be shown: the twin's own

	cfg    *config.Config
	redis  *embedredis.Server
	rdb    redis.UniversalClient
	twin   *cognitosim.Sim
	store  *campaign.Store
	worker *worker

	// ends undo what was started, the last one first.
	ends  []func() error
	mu    sync.Mutex
	ended error // of a part that ended before its time
}

// newStage starts everything but the campaign. What fails half way is closed.
func newStage(ctx context.Context, o demoOptions) (*stage, error) {
	s := &stage{o: o, someone: "user000001"}
	for _, step := range []func(context.Context) error{s.makeDir, s.startRedis, s.startTwin, s.configure, s.startWorker} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

func (s *stage) makeDir(context.Context) (err error) {
	if s.dir, err = os.MkdirTemp("", "rekey-demo-"); err != nil {
		return err
	}
	s.ends = append(s.ends, func() error { return os.RemoveAll(s.dir) })
	return nil
}

func (s *stage) startRedis(ctx context.Context) (err error) {
	if s.redis, err = embedredis.Start(ctx, embedredis.Options{}); err != nil {
		return err
	}
	s.ends = append(s.ends, s.redis.Close)
	if !s.redis.Real() && s.o.users > demoMemory {
		return cli.Usage("--users: without a redis-server on PATH at most %s, the Redis in memory bears no more; install redis-server", cli.Count(demoMemory))
	}
	return nil
}

// startTwin gives it the file's users, or made up ones, and a quota that the
// worker stays below.
func (s *stage) startTwin(ctx context.Context) error {
	users, err := s.users()
	if err != nil {
		return err
	}
	faults, err := s.o.faultsOf()
	if err != nil {
		return err
	}
	journal, err := s.create("journal.ndjson")
	if err != nil {
		return err
	}
	s.twin = cognitosim.New(cognitosim.Options{
		Users: users, Quota: 1.25*s.o.rate + 5, Burst: int(s.o.rate/4) + 5, Hour: demoHour, Latency: demoLatency,
		Faults: faults, Seed: s.o.seed, Journal: journal,
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.url = "http://" + ln.Addr().String()
	s.play(ctx, func(ctx context.Context) error { return s.twin.Serve(ctx, ln) })
	return nil
}

func (s *stage) users() (cognitosim.Users, error) {
	users := cognitosim.Users{N: s.o.users, Broken: brokenShare}
	if s.o.file == "" {
		return users, nil
	}
	users.N, s.someone = 0, "NAME"
	r, end, err := s.read(nil)
	if err != nil {
		return users, err
	}
	defer end()
	for row, err := range r.Rows() {
		if err != nil {
			return users, cli.WithCode(cli.CodeUsage, fmt.Errorf("--file: %w", err))
		}
		users.List = append(users.List, cognitosim.User{Username: row.Request.Username.Reveal()})
	}
	if !s.redis.Real() && len(users.List) > demoMemory {
		return users, cli.Usage("--file: without a redis-server on PATH at most %s users; install redis-server", cli.Count(demoMemory))
	}
	return users, nil
}

// read opens the roster: the file, or the made up users as one.
func (s *stage) read(rejects func(roster.Reject) error) (*roster.Reader, func(), error) {
	var in io.ReadCloser = io.NopCloser(strings.NewReader(""))
	if s.o.file == "" {
		var b strings.Builder
		if err := (cognitosim.Users{N: s.o.users}).WriteCSV(&b); err != nil {
			return nil, nil, err
		}
		in = io.NopCloser(strings.NewReader(b.String()))
	} else {
		f, err := os.Open(s.o.file)
		if err != nil {
			return nil, nil, cli.WithCode(cli.CodeUsage, fmt.Errorf("--file: %w", err))
		}
		in = f
	}
	end := func() { _ = in.Close() } // it was only read
	r, err := roster.NewReader(in, roster.Options{Rejects: rejects})
	if err != nil {
		end()
		return nil, nil, cli.WithCode(cli.CodeUsage, fmt.Errorf("--file: %w", err))
	}
	return r, end, nil
}

// configure writes a rekey.yaml, so that the other commands work here too, and
// reads it as a worker would, but for the environment.
func (s *stage) configure(ctx context.Context) (err error) {
	s.configPath = filepath.Join(s.dir, "rekey.yaml")
	text := fmt.Sprintf(`# Of a demonstration: it calls Cognito's twin.
redis: %s
listen: ""
pools:
  demo: {region: eu-west-1, client_id: %s, endpoint: "%s", hour: %s, quota: demo}
quotas:
  demo: {limit: %v, share: 1, echo: 0, burst: 2}
`, s.redis.URL(), cognitosim.DefaultClientID, s.url, demoHour, s.o.rate)
	if err := os.WriteFile(s.configPath, []byte(text), 0o600); err != nil {
		return err
	}
	if s.cfg, err = config.Load(s.configPath, func(string) string { return "" }); err != nil {
		return err
	}
	if s.rdb, err = cli.OpenRedis(ctx, s.cfg.Redis); err != nil {
		return err
	}
	s.ends = append(s.ends, s.rdb.Close)
	s.store, err = campaign.Open(ctx, s.rdb, campaign.Pool{Name: "demo", Hour: reset.Hour(demoHour), Retention: s.cfg.Pools["demo"].Retention})
	return err
}

func (s *stage) startWorker(ctx context.Context) error {
	log, err := s.create("worker.log")
	if err != nil {
		return err
	}
	s.logPath = log.Name()
	s.worker, err = newWorker(ctx, s.cfg, surroundings{name: workerName(), rdb: s.rdb, log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		return err
	}
	// After the worker and before the twin, which waits for open connections.
	s.ends = append(s.ends, func() error { s.worker.close(); return nil })
	s.worker.introduce(ctx, s.cfg)
	s.play(ctx, func(ctx context.Context) error { return s.worker.run(ctx, s.cfg.Listen) })
	return nil
}

func (s *stage) create(name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		s.ends = append(s.ends, f.Close)
	}
	return f, err
}

// play runs a part until it is its turn to end: Ctrl-C ends the demonstration,
// and the demonstration its parts, in order.
func (s *stage) play(ctx context.Context, part func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() {
		err := part(ctx)
		s.mu.Lock()
		s.ended = errors.Join(s.ended, err)
		s.mu.Unlock()
		ended <- err
	}()
	s.ends = append(s.ends, func() error { cancel(); return <-ended })
}

// failed is why a part ended before its time.
func (s *stage) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// close ends everything and leaves nothing behind.
func (s *stage) close() error {
	var err error
	for _, end := range slices.Backward(s.ends) {
		err = errors.Join(err, end())
	}
	return err
}

// load makes the draft, and says what was left out of the file.
func (s *stage) load(ctx context.Context, p *cli.Program) (campaign.Plan, error) {
	left := 0
	r, end, err := s.read(func(r roster.Reject) error {
		if left++; left > 5 {
			return nil
		}
		return say(p.Stderr, "  left out: line %d, %s\n", r.Line, r.Reason)
	})
	if err != nil {
		return campaign.Plan{}, err
	}
	defer end()
	every, err := campaign.ParseMaxRejects("100%") // what is left out was said
	if err != nil {
		return campaign.Plan{}, err
	}
	// Without the guard: a storm that halts the campaign would show less of it.
	return s.store.Load(ctx, campaign.Spec{ID: demoID, Guard: campaign.GuardOff(), MaxRejects: every, File: filepath.Base(s.o.file)}, r)
}
