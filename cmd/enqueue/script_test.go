package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/reset"
)

func TestMain(m *testing.M) {
	enqueue := func() { os.Exit(cli.Main(run)) }
	testscript.Main(m, map[string]func(){
		"enqueue": enqueue, "rekey-enqueue": enqueue,
		"redis":   func() { tool(redisCommand) },
		"present": func() { tool(present) },
		"settle":  func() { tool(settle) },
		"pause":   func() { tool(pause) },
		"gz":      func() { tool(gz) },
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
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "mode": mode},
		Condition: func(cond string) (bool, error) {
			return cond == "redis-server" && embedredis.Available(), nil
		},
	})
}

const defaultConfig = `pools:
  prod: {region: eu-west-1, client_id: 1h57kf5cpq17m0eml12example, quota: acme/eu-west-1}
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

// mode wants a file's permissions: mode FILE 600
func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := strconv.FormatUint(uint64(info.Mode().Perm()), 8); got != args[1] {
		ts.Fatalf("the mode of %s is %s", args[0], got)
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

// gz compresses a file: gz FROM TO
func gz(_ context.Context, args []string) error {
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		return err
	}
	return errors.Join(z.Close(), os.WriteFile(args[1], b.Bytes(), 0o600))
}

// present makes a worker serve the pool: present NAME
func present(ctx context.Context, args []string) error {
	s, err := store(ctx)
	if err != nil {
		return err
	}
	return s.Presence(ctx, args[0], "")
}

// settle is a worker that calls a row and gets an answer: settle CAMPAIGN#ROW CAUSE SAMPLE
func settle(ctx context.Context, args []string) error {
	s, err := store(ctx)
	if err != nil {
		return err
	}
	ref, err := reset.ParseRef(args[0])
	if err != nil {
		return err
	}
	c, err := find(ctx, s, ref.Campaign)
	if err != nil {
		return err
	}
	return call(ctx, s, c.Ref(ref.Row), args[1:])
}

// find returns a campaign; "intake" is the day's standing one, whatever the day.
func find(ctx context.Context, s *campaign.Store, id string) (campaign.Campaign, error) {
	if id != "intake" {
		return s.Campaign(ctx, id)
	}
	all, err := s.Campaigns(ctx)
	if err != nil || len(all) == 0 {
		return campaign.Campaign{}, errors.Join(err, errors.New("no standing campaign"))
	}
	return all[0], nil
}

// pause pauses a campaign: pause CAMPAIGN REASON
func pause(ctx context.Context, args []string) error {
	s, err := store(ctx)
	if err != nil {
		return err
	}
	c, err := find(ctx, s, args[0])
	if err != nil {
		return err
	}
	_, err = s.Pause(ctx, c.ID, args[1])
	return err
}

func call(ctx context.Context, s *campaign.Store, ref reset.Ref, answer []string) error {
	row, err := s.Request(ctx, ref)
	if err != nil {
		return err
	}
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	m := campaign.Mark{Ref: ref, Token: "token-" + ref.String(), Username: row.Request.Username, NotAfter: now.Add(3600e9)}
	b, err := s.Begin(ctx, m)
	if err != nil || b.Answer != campaign.AnswerGo {
		return errors.Join(err, fmt.Errorf("Begin answered %v", b.Answer))
	}
	v := campaign.Verdict{Outcome: reset.Accepted, Medium: reset.Email, State: campaign.Accepted}
	if answer[0] != "OK" {
		v = campaign.Verdict{Outcome: reset.Refused, State: campaign.Dead, Sample: strings.Join(answer[1:], " ")}
		if v.Cause, err = reset.ParseCause(answer[0]); err != nil {
			return err
		}
	}
	_, err = s.Settle(ctx, m, v)
	return err
}
