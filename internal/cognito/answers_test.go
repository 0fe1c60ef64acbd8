package cognito

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

// refusal is the text of the pool's own Lambda in testdata.
const refusal = "This account is closed"

// recorded is a file of testdata/answers: where the answer comes from, what it
// means, and the answer itself.
type recorded struct {
	name, source, outcome, cause string
	status, head                 string
	body                         string
}

// recordings reads testdata/answers: a head of "key: value", an empty line, the
// status line and headers, an empty line, the body.
func recordings(t testing.TB) []recorded {
	t.Helper()
	files, err := filepath.Glob("testdata/answers/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no answers: %v", err)
	}
	var all []recorded
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parseRecording(t, filepath.Base(f), string(text)))
	}
	return all
}

func parseRecording(t testing.TB, name, text string) recorded {
	t.Helper()
	parts := strings.SplitN(text, "\n\n", 3)
	if len(parts) != 3 {
		t.Fatalf("%s: not of three parts", name)
	}
	r := recorded{name: strings.TrimSuffix(name, ".txt"), body: parts[2]}
	fields := map[string]*string{"source": &r.source, "outcome": &r.outcome, "cause": &r.cause}
	for line := range strings.Lines(parts[0]) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		to, ok := fields[key]
		if !ok {
			t.Fatalf("%s: %q is no key", name, key)
		}
		*to = strings.TrimSpace(value)
	}
	r.status, r.head, _ = strings.Cut(parts[1], "\n")
	return r
}

// wire is the answer as a server sends it.
func (r recorded) wire() []byte {
	var b bytes.Buffer
	b.WriteString(r.status + "\r\n")
	for line := range strings.Lines(r.head) {
		b.WriteString(strings.TrimSpace(line) + "\r\n")
	}
	b.WriteString("Content-Length: " + itoa(len(r.body)) + "\r\n\r\n" + r.body)
	return b.Bytes()
}

// answer is what the SDK makes of the recording, without a server.
func (r recorded) answer(t testing.TB) (code, text string) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(r.wire())), nil)
	if err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	defer resp.Body.Close()
	return decode(t, resp)
}

func TestAnswersAsTheWireCarriesThem(t *testing.T) {
	t.Parallel()
	for _, r := range recordings(t) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if r.source != "constructed" && !strings.HasPrefix(r.source, "https://") {
				t.Errorf("source %q is neither an address nor constructed", r.source)
			}
			_, e, requests := replay(t, r)
			if got, cause := outcomeOf(e); got != r.outcome || cause != r.cause {
				t.Errorf("%s %s (%v), want %s %s", got, cause, e, r.outcome, r.cause)
			}
			if e != nil && strings.Contains(e.Error(), "example.com") {
				t.Errorf("an address in %q", e)
			}
			// The SDK's default would make up to three of many of these.
			if requests != 1 {
				t.Errorf("%d requests, want 1", requests)
			}
		})
	}
}

func replay(t testing.TB, r recorded) (reset.Medium, *reset.Error, int64) {
	t.Helper()
	var requests atomic.Int64
	srv := listen(t, func(c net.Conn) {
		for in := bufio.NewReader(c); ; {
			if _, ok := readRequest(in); !ok {
				return
			}
			requests.Add(1)
			if _, err := c.Write(r.wire()); err != nil {
				return
			}
		}
	})
	c := client(t, srv.url(), func(c *Config) { c.LambdaRefusals = []string{refusal} })
	m, e := forgot(t, c, "alice@example.com")
	return m, e, requests.Load()
}

func outcomeOf(e *reset.Error) (outcome, cause string) {
	if e == nil {
		return reset.Accepted.String(), ""
	}
	return e.Outcome.String(), e.Cause.String()
}

// TestEveryRowHasAnAnswer also proves that no row is hidden by one above it,
// and that every text of a row is one that was recorded.
func TestEveryRowHasAnAnswer(t *testing.T) {
	t.Parallel()
	type spot struct{ row, text int }
	missing := map[spot]string{}
	rows := Rows(refusal)
	for i, r := range rows {
		for j := range max(1, len(r.Texts)) {
			missing[spot{i, j}] = r.Code + " " + r.texts()
		}
	}
	for _, rec := range recordings(t) {
		code, text := rec.answer(t)
		for i, r := range rows {
			if !r.Matches(code, text) {
				continue
			}
			for j, want := range append(r.Texts, "") {
				if strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
					delete(missing, spot{i, j})
				}
			}
			break
		}
	}
	for at, row := range missing {
		t.Errorf("no answer in testdata for text %d of row %d: %s", at.text, at.row, row)
	}
}

func TestMediumOfAcceptedRequests(t *testing.T) {
	t.Parallel()
	want := map[string]reset.Medium{
		"accepted-email": reset.Email, "accepted-sms": reset.SMS,
		"accepted-no-details": reset.NoMedium, "accepted-simulated": reset.Email,
	}
	for _, r := range recordings(t) {
		m, known := want[r.name]
		if !known {
			continue
		}
		delete(want, r.name)
		if got, e, _ := replay(t, r); e != nil || got != m {
			t.Errorf("%s: %v %v, want %v", r.name, got, e, m)
		}
	}
	if len(want) > 0 {
		t.Errorf("not recorded: %v", want)
	}
}

func TestUnknownCodeKeepsItsName(t *testing.T) {
	t.Parallel()
	for _, r := range recordings(t) {
		if r.name != "unknown-code" {
			continue
		}
		_, e, _ := replay(t, r)
		wantFailure(t, e, reset.Unanswered, reset.Other)
		if e.Code != "SerializationException" || !strings.Contains(e.Error(), "SerializationException") {
			t.Errorf("code %q in %q", e.Code, e)
		}
	}
}

// TestAnswersWithoutACodeNameTheStatus: it is all that an operator has.
func TestAnswersWithoutACodeNameTheStatus(t *testing.T) {
	t.Parallel()
	for _, r := range recordings(t) {
		if r.name == "html-403" {
			if _, e, _ := replay(t, r); e.Code != "HTTP403" {
				t.Errorf("code %q", e.Code)
			}
		}
	}
}

func TestHugeAnswersAreNotReadToTheirEnd(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"200 OK", "400 Bad Request"} {
		var written atomic.Int64
		done, finish := signal(t)
		srv := listen(t, func(c net.Conn) {
			defer finish()
			if _, ok := readRequest(bufio.NewReader(c)); !ok {
				return
			}
			io.WriteString(c, "HTTP/1.1 "+status+"\r\nContent-Length: 1000000000\r\n\r\n{\"x\":\"")
			n, _ := io.Copy(c, io.LimitReader(zeros{}, 1_000_000_000))
			written.Store(n)
		})
		_, e := forgot(t, client(t, srv.url()), "alice")
		wantFailure(t, e, reset.Unanswered, reset.Other)
		<-done
		// What fits into the sockets' buffers is on top of what was read.
		if n := written.Load(); n > 64<<20 {
			t.Errorf("%d bytes were taken", n)
		}
		if e.Code != "TooLarge" {
			t.Errorf("code %q", e.Code)
		}
	}
}

func TestSwitchingProtocolsIsNoAnswer(t *testing.T) {
	t.Parallel()
	srv := listen(t, func(c net.Conn) {
		if _, ok := readRequest(bufio.NewReader(c)); !ok {
			return
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		io.Copy(io.Discard, c)
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := client(t, srv.url()).ForgotPassword(ctx, user("alice"), soon())
	wantFailure(t, failureOf(t, err), reset.Unanswered, reset.Reset)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
