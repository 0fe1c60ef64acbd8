// Command bench measures rekey against what people would use instead, and
// against the goals that it was built for: each table's rows one after the
// other on the same machine in one run, the medians of three runs.
//
//	go run ./bench                                 every table
//	go run ./bench load send                       these
//	go run ./bench -short                          does the program still work? two or three minutes
//	go run ./bench -document docs/performance.md   and write their figures into the document
//
// It starts what it needs: redis-server must be on PATH, and it runs on Linux.
// Of what rekey is held against, asynq alone is a library of rekey's; the rest is
// in bench/peers, a module of its own. Where one of them cannot be had, since
// there is no Node, no PostgreSQL or no way to their packages, its row is empty
// and a note says so.
// It promises that what it prints was measured in that run, and that nothing it
// started outlives it. Its weak spot is the machine: redis-server, the twin of
// Cognito, the workers and whatever they are compared with share its processors,
// so the ratios say more than the figures, and what else runs spoils both.
//
// A table is added in one place: write a file with a function that returns a
// [table], and name it in [tables]. measure is one run: it starts what it needs
// on the stage that it is given, which ends after it, and returns the rows. The
// medians or the worst, the ratios, the goals' marks and both ways of printing are done for
// it; [Stage.Size] of the rig gives it the size for -short.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rekeyhq/rekey/bench/internal/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if part := os.Getenv(partVariable); part != "" {
		os.Exit(exitCode(runPart(ctx, part, os.Args[1:]), os.Stderr))
	}
	os.Exit(exitCode(run(ctx, os.Args[1:], os.Stdout, os.Stderr), os.Stderr))
}

func exitCode(err error, stderr io.Writer) int {
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, context.Canceled):
		return 130
	}
	_, _ = fmt.Fprintln(stderr, "bench:", err)
	return 1
}

// options are what the flags say.
type options struct {
	short    bool
	runs     int
	markdown bool
	document string
	again    bool
	tables   []table
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.short, "short", false, "small sizes and one run: shows that the program works, and nothing else")
	flags.IntVar(&o.runs, "runs", 3, "how often; the medians are printed, and the worst of what must never happen")
	flags.BoolVar(&o.markdown, "markdown", false, "print Markdown")
	flags.StringVar(&o.document, "document", "", "write the tables into this `file`, between their marks, and what was measured beside it, as JSON")
	flags.BoolVar(&o.again, "again", false, "with -document: measure nothing, write what was measured before once more")
	flags.Usage = func() {
		_, _ = fmt.Fprintf(stderr, "usage: go run ./bench [flags] [table...]\ntables: %s\n", strings.Join(names(tables()), " "))
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.short {
		o.runs = 1
	}
	if o.runs < 1 || o.again && o.document == "" || o.short && o.document != "" {
		return o, errors.New("-runs is 1 or more; -again goes with -document, -short does not")
	}
	var err error
	o.tables, err = named(flags.Args())
	return o, err
}

func names(all []table) []string {
	var list []string
	for _, t := range all {
		list = append(list, t.name)
	}
	return list
}

// named returns the tables of these names, all where there is none.
func named(wanted []string) ([]table, error) {
	all := tables()
	if len(wanted) == 0 {
		return all, nil
	}
	var some []table
	for _, name := range wanted {
		i := slices.IndexFunc(all, func(t table) bool { return t.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no table %q: write one of %s", name, strings.Join(names(all), " "))
		}
		some = append(some, all[i])
	}
	return some, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.again {
		return rewrite(o.document)
	}
	about := machine(ctx) // its load average is one without the programs' compiling
	r, err := rig.New(ctx, o.short, stderr)
	if err != nil {
		return err
	}
	s := session{options: o, rig: r, about: about, stdout: stdout, stderr: stderr}
	s.about.Runs = o.runs
	for _, t := range o.tables {
		if err = s.table(ctx, t); err != nil {
			break
		}
	}
	return errors.Join(err, r.Close())
}

// session is a run of the program.
type session struct {
	options
	rig            *rig.Rig
	about          about
	stdout, stderr io.Writer
}

// table measures a table, prints it, and writes it down.
func (s session) table(ctx context.Context, t table) error {
	began := time.Now().UTC().Truncate(time.Second)
	m, err := measure(ctx, s.rig, t, s.runs, s.stderr)
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	m.About = s.about
	m.About.At = began
	text := m.text(t)
	if s.markdown {
		text = m.markdown(t)
	}
	if _, err := io.WriteString(s.stdout, text+"\n"); err != nil {
		return err
	}
	if s.document == "" {
		return nil
	}
	return write(s.document, t.name, m)
}

// measure runs a table as often as asked for, and takes the medians.
func measure(ctx context.Context, r *rig.Rig, t table, runs int, stderr io.Writer) (measured, error) {
	var all []report
	for i := range runs {
		_, _ = fmt.Fprintf(stderr, "%s, run %d of %d\n", t.name, i+1, runs) // only for who waits
		s, err := r.Stage(i)
		if err != nil {
			return measured{}, err
		}
		one, err := t.measure(ctx, s)
		if err := errors.Join(err, s.Close()); err != nil {
			return measured{}, err
		}
		t.against(&one)
		all = append(all, one)
	}
	return t.medians(all), nil
}
