// Package fleet runs rekey as its users do: the built programs, a Redis and
// the twin, each a process of its own, for tests that kill some of them.
//
// It promises that everything it started ends with the test, and that what a
// process said is shown when the test fails. Its weak spot: all of it is
// on one machine, so a network that loses and delays is not seen here.
package fleet

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/test/process"
)

// Hour is Cognito's hour in these tests, the shortest there is.
const Hour = 10 * time.Second

// Burst is the quota's.
const Burst = 10

// patience is how long a test waits for what must happen. It is long because
// machines are shared; nothing is measured by it.
const patience = 4 * time.Minute

// Options say what the fleet is like.
type Options struct {
	Users  int
	Rate   float64  // rekey's rate and, with some room, the twin's quota
	Twin   []string // more arguments of the twin
	Pool   string   // more lines of the pool's settings, YAML flow: "concurrency: 32, "
	Server []string // more arguments of redis-server

	// Redis is the address of one that is there already, instead of one of the
	// fleet's own.
	Redis  string
	Config string                        // more lines of rekey.yaml
	Env    func(program string) []string // more of a program's environment
	Bin    string                        // where [Build] has put the programs
}

// Fleet is a running Redis and twin, a configuration, and the programs.
type Fleet struct {
	Redis *embedredis.Server // nil where Options named one
	Users string             // a CSV file of the twin's users
	Twin  string             // the twin's address

	t       testing.TB
	o       Options
	dir     string
	bin     string
	journal string
	env     func(program string) []string
}

// Start builds the programs and starts the Redis and the twin. The Redis in
// memory is too slow for these rates, so a test that gets none is skipped.
func Start(t testing.TB, o Options) *Fleet {
	t.Helper()
	f := &Fleet{t: t, o: o, dir: t.TempDir(), bin: o.Bin, env: o.Env}
	if o.Redis == "" {
		f.Redis = redistest.Real(t, append([]string{"--appendonly", "yes", "--appendfsync", "always"}, o.Server...)...)
		f.o.Redis = f.Redis.URL()
	}
	if f.bin == "" {
		f.bin = Build(t)
	}
	f.journal = filepath.Join(f.dir, "journal")
	f.Users = filepath.Join(f.dir, "users.csv")
	twin := f.Go("cognitosim", append([]string{
		"--addr", "127.0.0.1:0", "--client-id", "rekeytwin", "--users", fmt.Sprint(o.Users), "--hour", Hour.String(),
		// Room for the bursts that the bucket gives, or each of them is throttled.
		"--quota", fmt.Sprint(o.Rate * 1.2), "--burst", fmt.Sprint(2 * Burst), "--latency", "20ms", "--journal", f.journal,
	}, o.Twin...)...)
	var err error
	if f.Twin, err = twin.Address(patience); err != nil {
		t.Fatalf("the twin: %v", err)
	}
	f.Configure("rekey.yaml", f.o.Redis, f.Twin)
	f.Write("users.csv", f.Run("cognitosim", "users", "--users", fmt.Sprint(o.Users)))
	return f
}

// Configure writes a configuration with other addresses, for a worker that
// reaches Redis and the twin on ways of its own, and returns its path.
func (f *Fleet) Configure(name, redis, twin string) string {
	f.t.Helper()
	return f.Write(name, fmt.Sprintf(`
redis: %s
listen: 127.0.0.1:0
%s
pools:
  test: {region: eu-west-1, client_id: rekeytwin, endpoint: "http://%s", hour: %s, %squota: twin}
quotas:
  twin: {limit: %g, share: 1, echo: 0, burst: %d}
`, redis, f.o.Config, twin, Hour, f.o.Pool, f.o.Rate, Burst))
}

// Build builds the programs, once for each test. The flags are go build's.
func Build(t testing.TB, flags ...string) string {
	t.Helper()
	bin := t.TempDir()
	if err := process.Build(t.Context(), bin, flags...); err != nil {
		t.Fatal(err)
	}
	return bin
}

// Write writes a file among the fleet's, and returns its path.
func (f *Fleet) Write(name, text string) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

func (f *Fleet) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(f.bin, program), args...)
	cmd.Dir = f.dir
	cmd.Env = append(os.Environ(), "REKEY_CONFIG="+filepath.Join(f.dir, "rekey.yaml"))
	if f.env != nil {
		cmd.Env = append(cmd.Env, f.env(program)...)
	}
	return cmd
}

// Try runs a program to its end and returns its standard output and exit code.
func (f *Fleet) Try(program string, args ...string) (string, int) {
	f.t.Helper()
	return f.TryWith(nil, program, args...)
}

// TryWith is [Fleet.Try] with more of an environment.
func (f *Fleet) TryWith(env []string, program string, args ...string) (string, int) {
	f.t.Helper()
	cmd := f.command(program, args...)
	cmd.Env = append(cmd.Env, env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		f.t.Logf("%s %s: %v\n%s", program, strings.Join(args, " "), err, process.Tail(stderr.String()))
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// Run is [Fleet.Try] for what must succeed.
func (f *Fleet) Run(program string, args ...string) string {
	f.t.Helper()
	out, code := f.Try(program, args...)
	if code != 0 {
		f.t.Fatalf("%s %s: exit code %d", program, strings.Join(args, " "), code)
	}
	return out
}

// Go starts a program that stays until the test ends or it is killed.
func (f *Fleet) Go(program string, args ...string) *process.Process {
	f.t.Helper()
	p, err := process.Start(f.command(program, args...))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		p.Kill()
		if f.t.Failed() {
			f.t.Logf("%s said:\n%s", program, process.Tail(p.Said()))
		}
	})
	return p
}
