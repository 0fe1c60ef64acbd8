package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/reset"
)

func TestMain(m *testing.M) {
	program := func() { os.Exit(cli.Main(run)) }
	testscript.Main(m, map[string]func(){
		"campaign": program, "rekey-campaign": program,
		"redis":   func() { tool(redisCommand) },
		"present": func() { tool(present) },
		"load":    func() { tool(load) },
		"settle":  func() { tool(settle) },
	})
}

// Each script has a Redis of its own, and a rekey.yaml that it may replace.
func TestScripts(t *testing.T) {
	t.Parallel()
	if os.Getenv("REKEY_TEST_REDIS") == "required" && !embedredis.Available() {
		t.Fatal("REKEY_TEST_REDIS=required, and there is no redis-server on PATH")
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error { return setup(t, e) },
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Condition: func(cond string) (bool, error) {
			return cond == "redis-server" && embedredis.Available(), nil
		},
	})
}

const defaultConfig = `pools:
  prod: {region: eu-west-1, client_id: abc, quota: acme/eu-west-1}
quotas:
  acme/eu-west-1: {limit: 30}
`

func setup(t *testing.T, e *testscript.Env) error {
	s, err := embedredis.Start(context.WithoutCancel(t.Context()), embedredis.Options{})
	if err != nil {
		return err
	}
	e.Defer(func() { _ = s.Close() })
	e.Setenv("REKEY_REDIS", s.URL())
	e.Setenv("GORACE", "atexit_sleep_ms=0") // or every program takes a second longer under -race
	path := filepath.Join(e.WorkDir, "rekey.yaml")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(path, []byte(defaultConfig), 0o600)
	}
	return nil
}

// exits runs a program and wants an exit code: exits 3 enqueue ...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if neg || got != want {
		ts.Fatalf("%s exited with %d, want %d", args[1], got, want)
	}
}

// tool is a program for scripts alone.
func tool(do func(context.Context, []string) error) {
	if err := do(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// store opens pool prod of the script's Redis.
func store(ctx context.Context) (*campaign.Store, error) {
	r, err := config.ParseRedis(os.Getenv("REKEY_REDIS"))
	if err != nil {
		return nil, err
	}
	return campaign.Open(ctx, cli.NewRedis(r), campaign.Pool{Name: "prod", Hour: reset.Hour(3600e9), Retention: 720 * 3600e9})
}

// redisCommand prints what a command of Redis answers: redis KEYS *
func redisCommand(ctx context.Context, args []string) error {
	r, err := config.ParseRedis(os.Getenv("REKEY_REDIS"))
	if err != nil {
		return err
	}
	words := make([]any, len(args))
	for i, a := range args {
		words[i] = a
	}
	answer, err := cli.NewRedis(r).Do(ctx, words...).Result()
	if err != nil {
		return err
	}
	_, err = fmt.Println(answer)
	return err
}

// present makes a worker serve the pool: present NAME
func present(ctx context.Context, args []string) error {
	s, err := store(ctx)
	if err != nil {
		return err
	}
	return s.Presence(ctx, args[0], "")
}
