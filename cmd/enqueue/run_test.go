package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/scripttest"
)

// inProcess is a program that runs inside the test.
type inProcess struct {
	t      *testing.T
	rdb    *redis.Client
	getenv func(string) string
	dir    string
}

func process(t *testing.T) inProcess {
	s := redistest.Server(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "rekey.yaml")
	if err := os.WriteFile(path, []byte(scripttest.Config), 0o600); err != nil {
		t.Fatal(err)
	}
	return inProcess{t, redistest.Client(t, s), func(name string) string {
		return map[string]string{"REKEY_CONFIG": path, "REKEY_REDIS": s.URL()}[name]
	}, dir}
}

func (p inProcess) run(ctx context.Context, stdin io.Reader, stderr io.Writer, args ...string) (string, error) {
	var out bytes.Buffer
	err := run(ctx, append([]string{"enqueue"}, args...), p.getenv, stdin, &out, stderr)
	return out.String(), err
}

// when calls do as soon as cond holds.
func (p inProcess) when(cond func() bool, do func()) {
	p.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			p.t.Error("it never came to that")
			break
		}
		<-tick.C
	}
	do()
}

func TestAnInterruptedLoadIsTakenUpByTheSameCommand(t *testing.T) {
	t.Parallel()
	p := process(t)
	ctx, cancel := context.WithCancel(t.Context())
	in, feed := io.Pipe()
	defer func() { _ = feed.Close() }()
	users := "username\n" + strings.Repeat("x", 100) + "\n" + "y\n"
	go func() { _, _ = io.WriteString(feed, users) }() // and then the pipe stays open
	loading := func() bool { return p.rdb.HGet(t.Context(), "rekey:{prod}:c:a", "state").Val() == "loading" }
	var wg sync.WaitGroup
	wg.Go(func() { p.when(loading, cancel) })
	rejects := filepath.Join(p.dir, "a.rejects.csv")
	_, err := p.run(ctx, in, io.Discard, "--campaign", "a", "--rejects", rejects, "-")
	wg.Wait()
	if cli.Code(err) != cli.CodeInterrupted || err.Error() != "interrupted; the same command loads it again" {
		t.Errorf("%d: %v", cli.Code(err), err)
	}
	if got := p.rdb.HGet(t.Context(), "rekey:{prod}:c:a", "state").Val(); got != "loading" && got != "" {
		t.Errorf("it is %q", got)
	}
	out, err := p.run(t.Context(), strings.NewReader(users), io.Discard, "--campaign", "a", "--rejects", rejects, "-")
	if err != nil || !strings.Contains(out, "a, pool prod: a draft.") || !strings.Contains(out, "--confirm 2\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAnInterruptedWaitLeavesTheUserEnqueued(t *testing.T) {
	t.Parallel()
	p := process(t)
	ctx, cancel := context.WithCancel(t.Context())
	stderr := &seen{want: "no worker is serving pool prod: start one with  worker\n", then: cancel}
	_, err := p.run(ctx, nil, stderr, "--username", "anna", "--wait")
	if cli.Code(err) != cli.CodeInterrupted || !strings.Contains(err.Error(), "-prod#0 stays enqueued") {
		t.Errorf("%d: %v", cli.Code(err), err)
	}
}

// seen calls then when it has been told what is wanted.
type seen struct {
	text, want string
	then       func()
}

func (s *seen) Write(p []byte) (int, error) {
	if s.text += string(p); strings.Contains(s.text, s.want) {
		s.then()
	}
	return len(p), nil
}

func TestEveryParameterOfARowReachesTheRoster(t *testing.T) {
	t.Parallel()
	p := process(t)
	_, err := p.run(t.Context(), nil, io.Discard, "--username", "anna", "--client-metadata", "lang=de", "--client-metadata", "why=a=b",
		"--analytics-endpoint-id", "ep", "--ip-address", "192.0.2.1", "--encoded-data", "ZW5j")
	if err != nil {
		t.Fatal(err)
	}
	req := p.only(t)
	if req.Username.Reveal() != "anna" || req.AnalyticsEndpointID.Reveal() != "ep" || req.UserContext.IPAddress.Reveal() != "192.0.2.1" ||
		req.UserContext.EncodedData.Reveal() != "ZW5j" || req.ClientMetadata["lang"].Reveal() != "de" || req.ClientMetadata["why"].Reveal() != "a=b" {
		t.Errorf("the request is not what the flags said: %d entries of metadata", len(req.ClientMetadata))
	}
	_, err = p.run(t.Context(), nil, io.Discard, "--username", "anna", "--client-metadata", "a=1", "--client-metadata", "a=2")
	if cli.Code(err) != cli.CodeUsage || !strings.Contains(err.Error(), `has the key "a" twice`) {
		t.Error(err)
	}
}

// only returns the request of the only row.
func (p inProcess) only(t *testing.T) reset.Request {
	t.Helper()
	s, err := campaign.Open(t.Context(), p.rdb, campaign.Pool{Name: "prod", Hour: reset.Hour(time.Hour), Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Campaigns(t.Context())
	if err != nil || len(all) != 1 || all[0].Total != 1 {
		t.Fatalf("%v, campaigns %+v", err, all)
	}
	row, err := s.Request(t.Context(), all[0].Ref(0))
	if err != nil {
		t.Fatal(err)
	}
	return row.Request
}
