//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/child"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/reset"
)

// loading is the program as a process of its own, which reads what it is fed.
type loading struct {
	*child.Child
	p      inProcess
	feed   *os.File
	stderr *bytes.Buffer
}

// start runs the program that [TestMain] has put on PATH.
func (p inProcess) start(args ...string) *loading {
	p.t.Helper()
	in, feed, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	l := &loading{p: p, feed: feed, stderr: new(bytes.Buffer)}
	cmd := exec.Command("enqueue", append([]string{"--rejects", p.rejects()}, args...)...)
	cmd.Env = append(os.Environ(), "REKEY_CONFIG="+p.getenv("REKEY_CONFIG"), "REKEY_REDIS="+p.getenv("REKEY_REDIS"))
	cmd.Stdin, cmd.Stderr = in, l.stderr
	l.Child, err = child.Start(cmd)
	_ = in.Close() // the child has its own
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = feed.Close() // the test may have closed it
		l.Kill()
	})
	return l
}

// give feeds it, and returns when so many chunks of the campaign are written.
func (l *loading) give(text string, chunks int) {
	l.p.t.Helper()
	if _, err := io.WriteString(l.feed, text); err != nil {
		l.p.t.Fatal(err)
	}
	l.p.when(func() bool { return l.p.state("a") == "loading" && l.p.chunks() == chunks }, func() {})
}

// exit is the code with which the process ends once it has been fed the rest.
func (l *loading) exit(rest string) int {
	_, _ = io.WriteString(l.feed, rest) // it may have ended already
	_ = l.feed.Close()
	<-l.Ended()
	return l.State().ExitCode()
}

func (p inProcess) chunks() int {
	n, _ := p.rdb.HGet(context.WithoutCancel(p.t.Context()), "rekey:{prod}:c:a", "chunks").Int() // there is none before the first
	return n
}

// users are the lines of a list, and the names in it.
func users(from, to int) (lines string, names []string) {
	for i := from; i < to; i++ {
		names = append(names, "user"+strconv.Itoa(i)+"@example.com")
	}
	return strings.Join(names, "\n") + "\n", names
}

// wantUsers says what campaign a holds: these, each once and in this order.
func (p inProcess) wantUsers(want []string) {
	p.t.Helper()
	s, err := campaign.Open(p.t.Context(), p.rdb, campaign.Pool{Name: "prod", Hour: reset.Hour(time.Hour), Retention: time.Hour})
	if err != nil {
		p.t.Fatal(err)
	}
	c, err := s.Campaign(p.t.Context(), "a")
	if err != nil {
		p.t.Fatal(err)
	}
	var got []string
	for line, err := range s.Rows(p.t.Context(), c, campaign.Filter{}) {
		if err != nil {
			p.t.Fatal(err)
		}
		got = append(got, line.Username.Reveal())
	}
	if c.State != campaign.Draft || c.Total != int64(len(want)) || !slices.Equal(got, want) {
		p.t.Errorf("campaign a is a %s of %d rows, %d can be read; want the draft of the %d in the file", c.State, c.Total, len(got), len(want))
	}
}

func TestALoadThatWasKilledIsLoadedAgainCompleteAndOnce(t *testing.T) {
	t.Parallel()
	p := process(t)
	const rows = 5000
	all, names := users(0, rows)
	for _, fed := range []int{3500, 1, rows} {
		text, _ := users(0, fed)
		l := p.start("--campaign", "a", "-")
		l.give("username\n"+text, fed/1024)
		l.Kill()
		if got := p.state("a"); got != "loading" {
			t.Fatalf("killed after %d rows, the campaign is %q", fed, got)
		}
	}
	path := p.file("all.csv", "username\n"+all)
	if l := p.start("--campaign", "a", path); l.exit("") != 0 {
		t.Fatal(l.stderr)
	}
	p.wantUsers(names)
}

// The rejects name users in clear: nothing of them may lie about for ever.
func TestOfRejectsThatAKilledLoadLeftTheNextLeavesNothing(t *testing.T) {
	t.Parallel()
	p := process(t)
	text, names := users(0, 1500)
	l := p.start("--campaign", "a", "-")
	l.give("username\nuser0@example.com\n"+text, 1)
	l.Kill()
	part := filepath.Join(p.dir, ".rejects.csv.part")
	if _, err := os.Stat(part); err != nil {
		t.Fatal(err)
	}
	if l := p.start("--campaign", "a", p.file("all.csv", "username\n"+text)); l.exit("") != 0 {
		t.Fatal(l.stderr)
	}
	p.wantUsers(names)
	if left, err := filepath.Glob(filepath.Join(p.dir, ".*")); len(left) > 0 || err != nil {
		t.Errorf("there is still %q, %v", left, err)
	}
}

// Between the instants that the test above can name lie others.
func TestALoadMayBeKilledAtAnyInstant(t *testing.T) {
	t.Parallel()
	p := process(t)
	all, names := users(0, 40_000)
	path := p.file("all.csv", "username\n"+all)
	start := time.Now()
	if l := p.start("--campaign", "whole", path); l.exit("") != 0 {
		t.Fatal(l.stderr)
	}
	const kills = 8
	took := time.Since(start)
	for i := range kills {
		l := p.start("--campaign", "a", path)
		select {
		case <-l.Ended():
		case <-time.After(took * time.Duration(i+1) / kills):
			l.Kill()
		}
		if got := p.state("a"); got != "" && got != "loading" && got != "draft" {
			t.Fatalf("the campaign is %q", got)
		}
	}
	if l := p.start("--campaign", "a", path); l.exit("") != 0 {
		t.Fatal(l.stderr)
	}
	p.wantUsers(names)
}

func TestOfTwoLoadsAtOnceTheOvertakenOneStops(t *testing.T) {
	t.Parallel()
	p := process(t)
	early, _ := users(0, 2500)
	rest, _ := users(2500, 9000)
	late, names := users(10_000, 13_000)
	first := p.start("--campaign", "a", "-")
	first.give("username\n"+early, 2)
	second := p.start("--campaign", "a", p.file("late.csv", "username\n"+late))
	if second.exit("") != 0 {
		t.Fatal(second.stderr)
	}
	if code := first.exit(rest); code != cli.CodeFailed || !strings.Contains(first.stderr.String(), "this load of a was overtaken by another one") {
		t.Errorf("the first ended with %d: %s", code, first.stderr)
	}
	p.wantUsers(names)
}

func TestALoadThatIsInterruptedSaysHowToGoOn(t *testing.T) {
	t.Parallel()
	text, names := users(0, 3000)
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		// A Redis for each: what one load has written says nothing of the next.
		p := process(t)
		l := p.start("--campaign", "a", "-")
		l.give("username\n"+text, 2)
		l.Signal(signal)
		<-l.Ended()
		if code := l.State().ExitCode(); code != cli.CodeInterrupted || !strings.Contains(l.stderr.String(), "interrupted; the same command loads it again") {
			t.Errorf("%v: it ended with %d: %s", signal, code, l.stderr)
		}
		again := p.start("--campaign", "a", "-")
		if code := again.exit(fmt.Sprint("username\n", text)); code != 0 {
			t.Fatalf("%v: %d: %s", signal, code, again.stderr)
		}
		p.wantUsers(names)
	}
}
