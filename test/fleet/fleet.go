// Package fleet runs rekey as its users do: the built programs, a Redis and
// the twin, each a process of its own, for tests that kill some of them.
//
// It promises that everything it started ends with the test, and that what a
// process said is shown when the test fails.
package fleet

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/redistest"
)

// Hour is Cognito's hour in these tests, the shortest there is.
const Hour = 10 * time.Second

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
}

// Fleet is a running Redis and twin, a configuration, and the programs.
type Fleet struct {
	Redis *embedredis.Server
	Users string // a CSV file of the twin's users

	t       *testing.T
	dir     string
	bin     string
	twin    string
	journal string
}

// Process is one of the fleet's.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	mu    sync.Mutex
	said  bytes.Buffer
	lines chan string
}

// Start builds the programs and starts the Redis and the twin.
func Start(t *testing.T, o Options) *Fleet {
	t.Helper()
	f := &Fleet{t: t, dir: t.TempDir(), bin: Build(t)}
	f.Redis = redistest.Server(t, append([]string{"--appendonly", "yes", "--appendfsync", "always"}, o.Server...)...)
	f.journal = filepath.Join(f.dir, "journal")
	f.Users = filepath.Join(f.dir, "users.csv")
	twin := f.Go("cognitosim", append([]string{
		"--addr", "127.0.0.1:0", "--client-id", "rekeytwin", "--users", fmt.Sprint(o.Users), "--hour", Hour.String(),
		"--quota", fmt.Sprint(o.Rate * 1.2), "--latency", "20ms", "--journal", f.journal,
	}, o.Twin...)...)
	f.twin = twin.address(t)
	f.write("rekey.yaml", fmt.Sprintf(`
redis: %s
listen: 127.0.0.1:0
pools:
  test: {region: eu-west-1, client_id: rekeytwin, endpoint: "http://%s", hour: %s, %squota: twin}
quotas:
  twin: {limit: %g, share: 1, echo: 0, burst: 10}
`, f.Redis.URL(), f.twin, Hour, o.Pool, o.Rate))
	f.write("users.csv", f.Run("cognitosim", "users", "--users", fmt.Sprint(o.Users)))
	return f
}

// Build builds the programs, once for each test.
func Build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	cmd := exec.Command("go", "build", "-o", bin, "github.com/rekeyhq/rekey/cmd/...")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

func (f *Fleet) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *Fleet) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(f.bin, program), args...)
	cmd.Dir = f.dir
	cmd.Env = append(os.Environ(), "REKEY_CONFIG="+filepath.Join(f.dir, "rekey.yaml"))
	return cmd
}

// Try runs a program to its end and returns its standard output and exit code.
func (f *Fleet) Try(program string, args ...string) (string, int) {
	f.t.Helper()
	cmd := f.command(program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		f.t.Logf("%s %s: %v\n%s", program, strings.Join(args, " "), err, tail(stderr.String()))
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
func (f *Fleet) Go(program string, args ...string) *Process {
	f.t.Helper()
	p := &Process{cmd: f.command(program, args...), ended: make(chan struct{}), lines: make(chan string, 1)}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	go p.listen(bufio.NewScanner(stderr))
	f.t.Cleanup(func() {
		p.Kill()
		if f.t.Failed() {
			f.t.Logf("%s said:\n%s", program, tail(p.Said()))
		}
	})
	return p
}

func (p *Process) listen(s *bufio.Scanner) {
	for s.Scan() {
		p.mu.Lock()
		p.said.WriteString(s.Text() + "\n")
		p.mu.Unlock()
		select {
		case p.lines <- s.Text():
		default:
		}
	}
	_ = p.cmd.Wait() // how it ended is told by what it said
	close(p.ended)
}

// Said returns what the process wrote to its standard error.
func (p *Process) Said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// Signal sends a signal.
func (p *Process) Signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// Kill ends the process as kill -9 does, and returns when it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// address reads where the twin listens from its first line.
func (p *Process) address(t *testing.T) string {
	t.Helper()
	select {
	case line := <-p.lines:
		for word := range strings.FieldsSeq(line) {
			word = strings.Trim(strings.TrimPrefix(word, "http://"), "/,;")
			if strings.HasPrefix(word, "127.0.0.1:") {
				return word
			}
		}
		t.Fatalf("no address in %q", line)
	case <-time.After(patience):
		t.Fatal("the twin does not listen")
	}
	return ""
}

// Show is the part of campaign show --output json that these tests read.
type Show struct {
	State  string             `json:"state"`
	Reason string             `json:"reason"`
	Total  int                `json:"total"`
	Counts map[string]int     `json:"counts"`
	Parked int                `json:"parked"`
	Causes map[string]int     `json:"causes"`
	Rate   map[string]float64 `json:"rate"`
}

// Show asks for a campaign and checks that its counters add up.
func (f *Fleet) Show(id string) Show {
	f.t.Helper()
	var s Show
	if err := json.Unmarshal([]byte(f.Run("campaign", "show", id, "--output", "json")), &s); err != nil {
		f.t.Fatal(err)
	}
	sum := 0
	for _, n := range s.Counts {
		sum += n
	}
	if sum != s.Total {
		f.t.Fatalf("the counters add up to %d of %d: %v", sum, s.Total, s.Counts)
	}
	return s
}

// Until shows the campaign until it is as wanted.
func (f *Fleet) Until(id, what string, ok func(Show) bool) Show {
	f.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		s := f.Show(id)
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%s: not %s after %s: %+v", id, what, patience, s)
		}
	}
	return Show{}
}

// Line is a line of the report.
type Line struct{ Row, Username, State, Cause string }

// Report returns the campaign's report by username.
func (f *Fleet) Report(id string) map[string]Line {
	f.t.Helper()
	rows, err := csv.NewReader(strings.NewReader(f.Run("campaign", "report", id, "--output", "csv"))).ReadAll()
	if err != nil {
		f.t.Fatal(err)
	}
	column := make(map[string]int)
	for i, name := range rows[0] {
		column[name] = i
	}
	lines := make(map[string]Line, len(rows))
	for _, r := range rows[1:] {
		l := Line{r[column["row"]], r[column["username"]], r[column["state"]], r[column["cause"]]}
		if _, twice := lines[l.Username]; twice {
			f.t.Errorf("%s has two lines", l.Row)
		}
		lines[l.Username] = l
	}
	return lines
}

// Entry is a line of the twin's journal.
type Entry struct {
	At       time.Time `json:"at"`
	Username string    `json:"username"`
	Answer   string    `json:"answer"`
	Sent     bool      `json:"sent"`
}

// Journal returns what the twin did, by username, in its order.
func (f *Fleet) Journal() map[string][]Entry {
	f.t.Helper()
	text, err := os.ReadFile(f.journal)
	if err != nil {
		f.t.Fatal(err)
	}
	calls := make(map[string][]Entry)
	for line := range bytes.Lines(text) {
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			f.t.Fatalf("the journal: %v in %q", err, line)
		}
		calls[e.Username] = append(calls[e.Username], e)
	}
	return calls
}

func tail(s string) string { return s[max(0, len(s)-4000):] }
