package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// twin is the program while it runs.
type twin struct {
	url string
	// end stops it and returns what run returned.
	end func() error
}

var listening = regexp.MustCompile(`^listening on (http://127\.0\.0\.1:[1-9][0-9]*) .*\n$`)

// start runs the program on a free port.
func start(t *testing.T, args ...string) twin {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, stderr := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"cognitosim", "--addr", "127.0.0.1:0", "--latency", "0"}, args...), os.Getenv, strings.NewReader(""), io.Discard, stderr)
		ended <- errors.Join(err, stderr.CloseWithError(err))
	}()
	t.Cleanup(cancel)
	in := bufio.NewReader(out)
	first, err := in.ReadString('\n')
	m := listening.FindStringSubmatch(first)
	if m == nil {
		t.Fatalf("its first line is %q, %v", first, err)
	}
	rest := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(in)
		rest <- b
	}()
	return twin{url: m[1], end: func() error {
		cancel()
		if b := <-rest; len(b) > 0 {
			t.Errorf("it said more than its one line: %q", b)
		}
		return <-ended
	}}
}

// forgot makes one call and returns its status and body.
func (w twin) forgot(t *testing.T, fields map[string]string) (int, string) {
	t.Helper()
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.ForgotPassword")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func user(name string) map[string]string {
	return map[string]string{"ClientId": "rekeytwin", "Username": name}
}

// write makes a file of the test's own.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestItServesUntilItIsTold(t *testing.T) {
	t.Parallel()
	journal := filepath.Join(t.TempDir(), "calls.ndjson")
	w := start(t, "--users", "3", "--journal", journal)
	for name, want := range map[string]int{"user000002": 200, "user000003": 400} {
		if status, body := w.forgot(t, user(name)); status != want {
			t.Errorf("%s: %d %s, want %d", name, status, body, want)
		}
	}
	b, err := os.ReadFile(journal)
	if err != nil || bytes.Count(b, []byte("\n")) != 2 {
		t.Errorf("after two answers the journal is %q, %v", b, err)
	}
	if info, err := os.Stat(journal); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the journal, which has usernames, is %v, %v", info.Mode(), err)
	}
	if err := w.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestFlagsReachTheTwin(t *testing.T) {
	t.Parallel()
	users := write(t, "users.csv", "username,status\nann,confirmed\nbob,disabled\n")
	faults := write(t, "faults.ndjson", `{"at":2,"answer":"ResourceNotFound"}`)
	for _, c := range []struct {
		why    string
		args   []string
		fields map[string]string
		want   string // in the second answer
	}{
		{"users file", []string{"--users-file", users}, user("bob"), "User is disabled."},
		{"hidden", []string{"--users-file", users, "--hide-unknown-users"}, user("bob"), "CodeDeliveryDetails"},
		{"broken", []string{"--broken", "1"}, user("user000000"), "__type"},
		{"case", []string{"--users", "5", "--case-sensitive"}, user("USER000001"), "UserNotFoundException"},
		{"client id", []string{"--client-id", "another"}, user("user000001"), "User pool client rekeytwin does not exist."},
		{"secret", []string{"--client-secret-file", write(t, "secret", "s3cret\n")}, user("user000001"), "secret was not received"},
		{"script", []string{"--faults", faults}, user("user000001"), "ResourceNotFoundException"},
		{"user limit", []string{"--per-user-hour", "1"}, user("user000001"), "Attempt limit exceeded"},
		{"daily mail", []string{"--daily-email", "1"}, user("user000001"), "daily email limit"},
		{"burst", []string{"--quota", "0.001", "--burst", "1"}, user("user000001"), "Rate exceeded"},
		{"others", []string{"--quota", "0.001", "--burst", "2", "--others", "100000"}, user("user000001"), "Rate exceeded"},
		{"form", []string{"--error-form", "namespace"}, user("nobody"), "#UserNotFoundException"},
		{"no quota", []string{"--quota", "0"}, user("user000001"), "CodeDeliveryDetails"},
	} {
		w := start(t, c.args...)
		w.forgot(t, c.fields)
		if _, body := w.forgot(t, c.fields); !strings.Contains(body, c.want) {
			t.Errorf("%s: %s, want %q", c.why, body, c.want)
		}
		if err := w.end(); err != nil {
			t.Errorf("%s: it ended with %v", c.why, err)
		}
	}
}

// once runs the program to its end.
func once(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	err := run(t.Context(), args, os.Getenv, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), exitCode(err)
}

func TestWhatCannotBeDoneIsSaidAndExits2(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want string
		args []string
	}{
		{"unknown flag: --usres; did you mean --users?", []string{"--usres", "3"}},
		{`there is no command "serve"; there are users`, []string{"serve"}},
		{`"x" is one argument too many`, []string{"users", "x"}},
		{"--quota and --burst cannot be negative", []string{"--quota", "-1"}},
		{`--others: "-1" is no rate`, []string{"--others", "-1"}},
		{"--users and --daily-email cannot be negative", []string{"--users", "-1"}},
		{"--broken is a share", []string{"--broken", "5"}},
		{"--users cannot be negative", []string{"users", "--users", "-1"}},
		{"--per-user-hour: write 1 or more", []string{"--per-user-hour", "0"}},
		{"--hour must be longer", []string{"--hour", "0s"}},
		{"--faults: open tornado: no such file", []string{"--faults", "tornado"}},
		{"line 1: answer:", []string{"--faults", write(t, "f", `{"answer":"x"}`)}},
		{"--users-file: open", []string{"--users-file", "nowhere.csv"}},
		{"no column with usernames", []string{"--users-file", write(t, "u", "a,b\n")}},
		{"is empty", []string{"--client-secret-file", write(t, "s", "\n")}},
		{"at most two secrets", []string{"--client-secret-file", "a", "--client-secret-file", "b", "--client-secret-file", "c"}},
		{"must be bare, namespace, url or mixed", []string{"--error-form", "xml"}},
		{"did you mean storm?", []string{"--faults", "strom"}},
		{"write 5s or 5m", []string{"--latency", "5"}},
		{"--journal:", []string{"--journal", t.TempDir()}},
	} {
		out, errs, code := once(t, append([]string{"cognitosim"}, c.args...)...)
		if code != cli.CodeUsage || !strings.Contains(errs, c.want) || !strings.HasPrefix(errs, "cognitosim: ") || out != "" {
			t.Errorf("%v: exit %d, %q, want 2 and %q", c.args, code, errs, c.want)
		}
	}
}

func TestATakenPortExits1(t *testing.T) {
	t.Parallel()
	w := start(t)
	_, errs, code := once(t, "cognitosim", "--addr", strings.TrimPrefix(w.url, "http://"))
	if code != cli.CodeFailed || !strings.Contains(errs, "127.0.0.1:0 takes a free port") {
		t.Errorf("exit %d, %q", code, errs)
	}
	if err := w.end(); err != nil {
		t.Error(err)
	}
}

func TestHelpUsesTheNameItWasCalledBy(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"/usr/bin/rekey-sim", "--help"}, {"/usr/bin/rekey-sim", "users", "--help"}} {
		out, _, code := once(t, args...)
		if code != cli.CodeDone || !strings.Contains(out, "rekey-sim ") || strings.Contains(out, "  cognitosim") {
			t.Errorf("exit %d, %s", code, out)
		}
	}
}

func TestUsersPrintsThoseTheTwinHas(t *testing.T) {
	t.Parallel()
	out, _, code := once(t, "cognitosim", "users", "--users", "40", "--broken", "0.2")
	users, err := cognitosim.ReadUsers(strings.NewReader(out))
	if code != cli.CodeDone || err != nil || len(users) != 40 {
		t.Fatalf("exit %d, %d users, %v", code, len(users), err)
	}
	w := start(t, "--users", "40", "--broken", "0.2", "--quota", "0")
	for _, u := range users {
		if status, body := w.forgot(t, user(u.Username)); (status == 200) != (u.Status == cognitosim.Confirmed) {
			t.Errorf("%s is %s: %d %s", u.Username, u.Status, status, body)
		}
	}
	if err := w.end(); err != nil {
		t.Error(err)
	}
}

// TestMain lets the tests' own binary be the program, to be killed by signals.
func TestMain(m *testing.M) {
	if os.Getenv("COGNITOSIM_IS_MAIN") != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

func TestSignalsEndIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGTERM, cli.CodeDone}, {syscall.SIGINT, cli.CodeInterrupted}, {syscall.SIGKILL, -1}} {
		journal := filepath.Join(t.TempDir(), "calls.ndjson")
		cmd := exec.Command(os.Args[0], "--addr", "127.0.0.1:0", "--latency", "0", "--journal", journal)
		cmd.Env = append(os.Environ(), "COGNITOSIM_IS_MAIN=1")
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(stderr).ReadString('\n')
		m := listening.FindStringSubmatch(line)
		if m == nil {
			_ = cmd.Process.Kill()
			t.Fatalf("its first line is %q", line)
		}
		twin{url: m[1]}.forgot(t, user("user000001"))
		if err := cmd.Process.Signal(c.signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the exit code says it
		if got := cmd.ProcessState.ExitCode(); got != c.code {
			t.Errorf("%v: exit %d, want %d", c.signal, got, c.code)
		}
		if b, err := os.ReadFile(journal); err != nil || !bytes.Contains(b, []byte(`"sent":true`)) {
			t.Errorf("%v: the answered call is not in the journal: %q, %v", c.signal, b, err)
		}
	}
}
