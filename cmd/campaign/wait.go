package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
)

func (p *program) wait() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "wait ID", Short: "Wait until a campaign is done, halted or cancelled", Args: cli.Args("ID"),
		Long: `Waits until a campaign is done, halted or cancelled. Exit code 0: every user
was accepted; 4: it ended with rows that were not; 1: it is halted, or the time
of --timeout is over.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.at(cmd.Context(), args[0], func(t *target) error {
				return p.until(cmd.Context(), t, args[0], timeout)
			})
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up after this long, such as 90s or 2h (default: never)")
	return cmd
}

// ticks yields at once and then again and again, until ctx ends.
func ticks(ctx context.Context, every time.Duration) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		tick := time.NewTicker(every)
		defer tick.Stop()
		now := time.Now()
		for ctx.Err() == nil && yield(now) {
			select {
			case now = <-tick.C:
			case <-ctx.Done():
			}
		}
	}
}

// until follows a campaign to its end.
func (p *program) until(ctx context.Context, t *target, id string, timeout time.Duration) error {
	progress := p.Progress(id)
	defer progress.End()
	began := time.Now()
	for now := range ticks(ctx, 500*time.Millisecond) {
		v, err := t.viewOf(ctx, id)
		if err != nil {
			return interrupted(err, id)
		}
		if ended(v) {
			progress.End()
			return p.end(v)
		}
		final := v.Counts.Accepted + v.Counts.Dead + v.Counts.Skipped + v.Parked
		if timeout > 0 && now.Sub(began) >= timeout {
			return fmt.Errorf("%s is %s after %s: %s of %s users are done with; it goes on",
				id, v.State, timeout, cli.Count(final), cli.Count(v.Total))
		}
		progress.Show(final, v.Total, notes(v)...)
	}
	return interrupted(ctx.Err(), id)
}

func interrupted(err error, id string) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	return cli.WithCode(cli.CodeInterrupted, fmt.Errorf("interrupted; %s goes on", id))
}

func ended(v view) bool {
	s := campaign.Status(v.State)
	return s.Ended() && v.Counts.Calling == 0 || s == campaign.Halted
}

// notes are what progress says behind the percentage, where there is no room the
// last alone.
func notes(v view) []string {
	so := v.State
	switch {
	case v.State != string(campaign.Running):
	case v.ends.IsZero():
		so = v.LimitedBy
	default:
		so = "ends " + cli.Minute(v.ends)
	}
	return []string{
		fmt.Sprintf("%s accepted, %s dead, %s, %s", cli.Count(v.Counts.Accepted), cli.Count(v.Counts.Dead), cli.Rate(v.Rate.Measured), so), so,
	}
}

// end says how the campaign ended, and with which code.
func (p *program) end(v view) error {
	if campaign.Status(v.State) == campaign.Halted {
		return &cli.Error{Code: cli.CodeFailed, Err: fmt.Errorf("%s is %s", v.ID, stateLine(v)), Hint: "Next:  " + v.Next}
	}
	not := v.Total - v.Counts.Accepted
	if err := p.printf("%s is %s: %s of %s users accepted\n", v.ID, v.State, cli.Count(v.Counts.Accepted), cli.Count(v.Total)); err != nil || not == 0 {
		return err
	}
	return &cli.Error{
		Code: cli.CodeNotAccepted, Hint: "Next:  " + p.next("show %s", v.ID),
		Err: fmt.Errorf("%s of %s not accepted: %s dead, %s in doubt, %s skipped, %s never called", rows(not), v.ID,
			cli.Count(v.Counts.Dead), cli.Count(v.Counts.InDoubt), cli.Count(v.Counts.Skipped), cli.Count(v.Counts.Planned+v.Counts.Waiting)),
	}
}
