package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/test/process"
)

// asProgram makes the test binary the program, so that a test can kill it.
const asProgram = "REKEY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// program is the worker as a process of its own.
type program struct{ *process.Process }

func start(t *testing.T, args ...string) program {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "REKEY_CONFIG=", "REKEY_REDIS=", "REKEY_LISTEN=", "REKEY_LOG_LEVEL=")
	p, err := process.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%v said:\n%s", args, process.Tail(p.Said()))
		}
	})
	return program{p}
}

func until(t *testing.T, what string, within time.Duration, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

func nowhere(string) string { return "" }

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rekey.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInitWritesAConfigurationAndNeverOverwritesOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rekey.yaml")
	args := []string{"worker", "init", "--region", "eu-west-1", "--client-id", "1h57kf5cpq17m0eml12example", "--config", path}
	var out bytes.Buffer
	if err := run(t.Context(), args, nowhere, nil, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(first, []byte("1h57kf5cpq17m0eml12example")) {
		t.Fatalf("%s, %v", first, err)
	}
	if !strings.Contains(out.String(), path) {
		t.Errorf("it says %q", out.String())
	}
	if err := run(t.Context(), args, nowhere, nil, io.Discard, io.Discard); cli.Code(err) != cli.CodeUsage {
		t.Errorf("over a file that is there: %v", err)
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(first, again) {
		t.Errorf("the file was changed: %v", err)
	}
}

func TestBadInputIsAUsageErrorThatSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"init"}, "--region REGION"},
		{[]string{"init", "--region", "Europe", "--client-id", "abc"}, "--region"},
		{[]string{"demo", "--users", "0"}, "--users"},
		{[]string{"demo", "--rate", "0"}, "--rate"},
		{[]string{"demo", "--faults", "bad"}, "none"},
		{[]string{"demo", "--file", filepath.Join(t.TempDir(), "no.csv"), "--once"}, "--file"},
		{[]string{"serve"}, "serve"},
		{[]string{"--config", filepath.Join(t.TempDir(), "no.yaml")}, "worker init"},
	} {
		err := run(t.Context(), append([]string{"worker"}, c.args...), nowhere, nil, io.Discard, io.Discard)
		if cli.Code(err) != cli.CodeUsage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v (code %d)", c.args, err, cli.Code(err))
		}
	}
}

func TestWithoutARedisNothingStarts(t *testing.T) {
	t.Parallel()
	path := configFile(t, "redis: unix:///nowhere/redis.sock\npools: {prod: {region: eu-west-1, client_id: abc}}\nlisten: \"\"\n")
	err := run(t.Context(), []string{"worker", "--config", path}, nowhere, nil, io.Discard, io.Discard)
	if cli.Code(err) != cli.CodeFailed || !strings.Contains(err.Error(), "no Redis answers at unix:///nowhere/redis.sock") {
		t.Errorf("%v", err)
	}
}

func TestWorkerSaysWhatItServesAnswersProbesAndEndsOnSIGTERM(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	rdb := redistest.Server(t, "--appendonly", "yes", "--appendfsync", "always")
	path := configFile(t, "redis: "+rdb.URL()+"\nlisten: "+taken.Addr().String()+
		"\npools: {prod: {region: eu-west-1, client_id: 1h57kf5cpq17m0eml12example, endpoint: \"http://127.0.0.1:9\"}}\n")
	p := start(t, "--config", path)
	until(t, "it serves", 20*time.Second, func() bool { return strings.Contains(p.Said(), `"listen":"`) })
	first, _, _ := strings.Cut(p.Said(), "\n")
	for _, want := range []string{"prod", "not AWS but http://127.0.0.1:9", "quota eu-west-1: 17.1/s of 30.0/s", rdb.URL()} {
		if !strings.Contains(first, want) {
			t.Errorf("the first line does not say %q: %s", want, first)
		}
	}
	if rdb.Real() && !strings.Contains(first, "appendonly yes, appendfsync always") {
		t.Errorf("the first line does not say how durable Redis is: %s", first)
	}
	_, rest, _ := strings.Cut(p.Said(), `"listen":"`)
	addr, _, _ := strings.Cut(rest, `"`)
	until(t, "it is ready", 10*time.Second, func() bool { code, _ := get(t, addr, "/readyz"); return code == http.StatusOK })
	if code, _ := get(t, addr, "/livez"); code != http.StatusOK {
		t.Errorf("/livez: %d", code)
	}
	until(t, "it tells its rate", 10*time.Second, func() bool {
		_, body := get(t, addr, "/metrics")
		return strings.Contains(body, "rekey_build_info") && strings.Contains(body, `rekey_rate{quota="eu-west-1"}`)
	})
	p.terminate(t, 0)
}

// terminate sends SIGTERM and waits for the code.
func (p program) terminate(t *testing.T, code int) {
	t.Helper()
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.Ended():
	case <-time.After(15 * time.Second):
		t.Fatal("SIGTERM does not end it")
	}
	if got := p.State().ExitCode(); got != code {
		t.Errorf("it ended with %d: %v", got, p.State())
	}
}

func get(t *testing.T, addr, path string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + addr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// output is written by a program in this process and read by a test.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func TestDemoAccountsForEveryRow(t *testing.T) {
	t.Parallel()
	var out output
	args := []string{"worker", "demo", "--users", "150", "--rate", "100", "--faults", "none", "--once"}
	if err := run(t.Context(), args, nowhere, nil, &out, io.Discard); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if !strings.HasPrefix(out.String(), demoBanner+"\n") {
		t.Errorf("the first line is not the banner: %s", &out)
	}
	for _, want := range []string{"done: 150 rows, 150 of them final", "0   users with two live codes", "go build -o bin/ ./cmd/...", "bin/worker init", "bin/campaign start breach-2026"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
}

func TestDemoOfAFileGoesOnUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(path, []byte("email,plan\nann@example.org,a\nbob@example.org,b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out output
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"worker", "demo", "--file", path, "--faults", "none"}, nowhere, nil, &out, io.Discard)
	}()
	until(t, "it offers what to try", 30*time.Second, func() bool { return strings.Contains(out.String(), "Look around") })
	_, rest, _ := strings.Cut(out.String(), "  demo=")
	config, _, _ := strings.Cut(rest, "\n")
	if _, err := os.Stat(config); err != nil {
		t.Errorf("the configuration that it names: %v", err)
	}
	if strings.Contains(out.String(), "example.org") {
		t.Error("it prints an address")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(config); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it left its directory behind: %v", err)
	}
}
