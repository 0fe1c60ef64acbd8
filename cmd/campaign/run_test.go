package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
	"github.com/rekeyhq/rekey/internal/scripttest"
)

// inProcess is a program that runs inside the test, on a pool of its own.
type inProcess struct {
	*campaign.Store
	rdb    *redis.Client
	getenv func(string) string
}

func process(t *testing.T) inProcess {
	t.Helper()
	return processOn(t, redistest.Server(t))
}

func processOn(t *testing.T, server *embedredis.Server) inProcess {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rekey.yaml")
	if err := os.WriteFile(path, []byte(scripttest.Config), 0o600); err != nil {
		t.Fatal(err)
	}
	rdb := redistest.Client(t, server)
	s, err := campaign.Open(t.Context(), rdb, campaign.Pool{Name: "prod", Hour: reset.Hour(time.Hour), Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return inProcess{s, rdb, func(name string) string {
		return map[string]string{"REKEY_CONFIG": path, "REKEY_REDIS": server.URL()}[name]
	}}
}

func (p inProcess) load(t *testing.T, id string, users int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("username\n")
	for i := range users {
		b.WriteString("user" + strings.Repeat("x", i%50) + string(rune('a'+i%26)) + time.Duration(i).String() + "\n")
	}
	r, err := roster.NewReader(strings.NewReader(b.String()), roster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Load(t.Context(), campaign.Spec{ID: id}, r); err != nil {
		t.Fatal(err)
	}
}

func (p inProcess) run(ctx context.Context, stderr io.Writer, args ...string) (string, error) {
	var out bytes.Buffer
	err := run(ctx, append([]string{"campaign"}, args...), p.getenv, strings.NewReader(""), &out, stderr)
	return out.String(), err
}

func TestADamagedChunkIsNamedAndNoOtherRowIsLost(t *testing.T) {
	t.Parallel()
	p := process(t)
	p.load(t, "a", 2*roster.ChunkRows+5)
	if err := p.rdb.Set(t.Context(), "rekey:{prod}:c:a:r:1", "not a chunk", 0).Err(); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	out, err := p.run(t.Context(), &stderr, "report", "a")
	if cli.Code(err) != cli.CodeFailed || !strings.Contains(err.Error(), "but for what is named above") {
		t.Errorf("%d: %v", cli.Code(err), err)
	}
	if !strings.Contains(stderr.String(), "rows 1024 to 2047 of a cannot be read") {
		t.Error(stderr.String())
	}
	if n := strings.Count(out, "\n"); n != 1+2*roster.ChunkRows+5 {
		t.Errorf("the report has %d lines", n)
	}
	if !strings.Contains(out, "\na#1024,0,,planned,") || !strings.Contains(out, "\na#2048,2050,user") {
		t.Error("the rows of the damaged chunk are not there without, or those after it not with their names")
	}
}

// slow counts what is written at a time, as a pipe does.
type slow struct {
	bytes.Buffer
	writes int
}

func (s *slow) Write(p []byte) (int, error) {
	s.writes++
	return s.Buffer.Write(p)
}

func TestNoFileNameReachesAnotherOperatorsTerminalRaw(t *testing.T) {
	t.Parallel()
	p := process(t)
	r, err := roster.NewReader(strings.NewReader("username\nanna\n"), roster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Load(t.Context(), campaign.Spec{ID: "a", File: "a\x1b[2J\nb.csv"}, r); err != nil {
		t.Fatal(err)
	}
	out, err := p.run(t.Context(), io.Discard, "show", "a")
	if err != nil || !strings.Contains(out, "\n  file               a\\x1b[2J\\nb.csv\n") {
		t.Errorf("%v\n%q", err, out)
	}
}

// full is a disk that is: every write is refused.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestAReportThatCannotBeWrittenSaysSoOnce(t *testing.T) {
	t.Parallel()
	p := process(t)
	p.load(t, "a", 3000)
	err := run(t.Context(), []string{"campaign", "report", "a"}, p.getenv, nil, full{}, io.Discard)
	if err == nil || err.Error() != errFull.Error() {
		t.Errorf("said %q", err)
	}
}

func TestAReportThatIsRefusedPrintsNothing(t *testing.T) {
	t.Parallel()
	p := process(t)
	p.load(t, "a", 3)
	if err := p.rdb.HSet(t.Context(), "rekey:{prod}:c:a", "state", "loading").Err(); err != nil {
		t.Fatal(err)
	}
	out, err := p.run(t.Context(), io.Discard, "report", "a")
	if cli.Code(err) != cli.CodeRefused || out != "" {
		t.Errorf("%v, %q", err, out)
	}
}

func TestAReportIsWrittenInBlocks(t *testing.T) {
	t.Parallel()
	p := process(t)
	p.load(t, "a", 3000)
	for _, format := range []string{"csv", "ndjson"} {
		var out slow
		err := run(t.Context(), []string{"campaign", "report", "a", "--output", format}, p.getenv, nil, &out, io.Discard)
		if err != nil || out.writes > out.Len()/(1<<15)+1 {
			t.Errorf("%s: %v, %d writes of %d bytes", format, err, out.writes, out.Len())
		}
	}
}

func TestAnInterruptedWaitLeavesTheCampaignRunning(t *testing.T) {
	t.Parallel()
	p := process(t)
	p.load(t, "a", 3)
	if err := p.Start(t.Context(), "a", 3); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel) // by then it waits
	_, err := p.run(ctx, io.Discard, "wait", "a")
	if cli.Code(err) != cli.CodeInterrupted || err.Error() != "interrupted; a goes on" {
		t.Errorf("%d: %v", cli.Code(err), err)
	}
	if c, err := p.Campaign(t.Context(), "a"); err != nil || c.State != campaign.Running {
		t.Errorf("%v, %v", c.State, err)
	}
}

func TestAPauseWaitsForTheCallsInFlight(t *testing.T) {
	t.Parallel()
	p := process(t)
	p.load(t, "a", 3)
	if err := p.Start(t.Context(), "a", 3); err != nil {
		t.Fatal(err)
	}
	c, err := p.Campaign(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	m := campaign.Mark{Ref: c.Ref(0), Token: "t", Username: reset.Hide("anna"), NotAfter: time.Now().Add(time.Hour)}
	if b, err := p.Begin(t.Context(), m); err != nil || b.Answer != campaign.AnswerGo {
		t.Fatal(b.Answer, err)
	}
	settled := make(chan error, 1)
	out := &then{at: "1 call is in flight", do: func() {
		_, err := p.Settle(t.Context(), m, campaign.Verdict{Outcome: reset.Accepted, State: campaign.Accepted})
		settled <- err
	}}
	if err := run(t.Context(), []string{"campaign", "pause", "a", "--wait"}, p.getenv, nil, out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := <-settled; err != nil || out.String() != "a is paused. 1 call is in flight.\nThe calls in flight have ended.\n" {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// then does something when it has been told what it waits for.
type then struct {
	bytes.Buffer
	at string
	do func()
}

func (w *then) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.at) {
		go w.do()
	}
	return w.Buffer.Write(p)
}
