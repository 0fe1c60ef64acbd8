// Command chaos runs rekey while everything around it breaks, by a seeded
// script: workers and Redis are killed, stopped and cut off, the twin fails,
// the operator pauses, resumes and replays. In the end every report is held
// against the twin's journal, row by row.
//
// It promises that a run which passes lost nobody, gave nobody two live codes,
// with doubts parked messaged nobody twice, and never went faster than the
// bucket allows; and that it would have seen otherwise: -sabotage takes a
// safeguard out of the programs, and the run fails. A failing seed repeats its
// script, though not the moment within each call: that is its weak spot, and why
// a failure may need several runs to come back.
//
//	go run ./test/chaos -users 20000 -duration 10m
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	var o Options
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.Uint64Var(&o.Seed, "seed", uint64(time.Now().UnixNano()%1e6), "of the script; one that failed is printed")
	flags.DurationVar(&o.Duration, "duration", 10*time.Minute, "how long things break")
	flags.IntVar(&o.Users, "users", 20000, "of the campaign")
	flags.BoolVar(&o.Park, "park", false, "doubts are parked: nobody may be messaged twice")
	name := flags.String("sabotage", "", "take this safeguard out, or all, one after the other: the run must complain")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *name != "" {
		return runSabotages(ctx, *name)
	}
	fmt.Fprintf(os.Stderr, "seed %d\n", o.Seed)
	broken := runAlone(ctx, os.Stderr, func(t testing.TB) { fmt.Print(Run(t, o)) })
	if len(broken) == 0 {
		return 0
	}
	fmt.Fprintf(os.Stderr, "FAIL, again with: go run ./test/chaos -seed %d -users %d -duration %v -park=%t\n", o.Seed, o.Users, o.Duration, o.Park)
	return 1
}
