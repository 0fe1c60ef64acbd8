// Package scripttest runs a program's scripts: texts in testdata/script that
// call it as a user would, and say what it prints and how it ends.
//
// It promises that each script has a Redis of its own and a rekey.yaml, and
// that what a worker would have done meanwhile can be said in a line of the
// script. Its weak spot is that no worker runs: what takes one is tested with
// the built programs.
package scripttest

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
	"go.uber.org/goleak"

	"github.com/rekeyhq/rekey/internal/embedredis"
)

// Main is the TestMain of a package whose program is run. In scripts it goes by
// the name of its source and by the one that packages install. At the end no
// goroutine may be left.
func Main(m *testing.M, name string, program func()) {
	testscript.Main(leakless{m}, map[string]func(){
		name: program, "rekey-" + name: program,
		"redis": tool(redisCommand), "present": tool(present), "load": tool(load), "settle": tool(settle), "pause": tool(pause), "gz": tool(gz),
	})
}

// leakless fails a package whose tests leave a goroutine behind.
type leakless struct{ *testing.M }

// Run runs the tests.
func (l leakless) Run() int {
	code := l.M.Run()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// Run runs the scripts of testdata/script. Beside the programs and testscript's
// own commands they know
//
//	exits CODE PROGRAM ...   it must end with this exit code
//	mode FILE 600            the file must have these permissions
//
// and the condition redis-server.
func Run(t *testing.T) {
	t.Helper()
	if os.Getenv("REKEY_TEST_REDIS") == "required" && !embedredis.Available() {
		t.Fatal("REKEY_TEST_REDIS=required, and there is no redis-server on PATH")
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error { return setup(context.WithoutCancel(t.Context()), e) },
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "mode": mode},
		Condition: func(cond string) (bool, error) {
			return cond == "redis-server" && embedredis.Available(), nil
		},
	})
}

// Config is the rekey.yaml of a script that brings none.
const Config = `pools:
  prod: {region: eu-west-1, client_id: 1h57kf5cpq17m0eml12example, quota: acme/eu-west-1}
quotas:
  acme/eu-west-1: {limit: 30}
`

func setup(ctx context.Context, e *testscript.Env) error {
	s, err := embedredis.Start(ctx, embedredis.Options{})
	if err != nil {
		return err
	}
	e.Defer(func() { _ = s.Close() })
	e.Setenv("REKEY_REDIS", s.URL())
	e.Setenv("GORACE", "atexit_sleep_ms=0") // or every program takes a second longer under -race
	path := filepath.Join(e.WorkDir, "rekey.yaml")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(path, []byte(Config), 0o600)
	}
	return nil
}

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

func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := strconv.FormatUint(uint64(info.Mode().Perm()), 8); got != args[1] {
		ts.Fatalf("the mode of %s is %s", args[0], got)
	}
}
