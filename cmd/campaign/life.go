package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/ratelimit"
)

func (p *program) start() *cobra.Command {
	var confirm cli.Confirmation
	cmd := &cobra.Command{
		Use: "start ID --confirm N", Short: "Let a draft run; N: users in the plan", Args: cli.Args("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.at(cmd.Context(), args[0], func(t *target) error {
				if err := t.Start(cmd.Context(), args[0], number(confirm)); err != nil {
					return p.confirmed(err, "start "+args[0])
				}
				return p.started(cmd.Context(), t, args[0])
			})
		},
	}
	cmd.Flags().Var(&confirm, "confirm", "users in the plan")
	return cmd
}

func (p *program) started(ctx context.Context, t *target, id string) error {
	v, err := t.viewOf(ctx, id)
	if err != nil {
		return fmt.Errorf("%s is running, but what is to be expected of it is not known: %w", id, err)
	}
	next := p.next("show %s", id)
	if v.Workers == 0 {
		next = p.step(v, t)
	}
	return p.printf("%s is running: %s users, at up to %s.\nNext:  %s\n", id, cli.Count(v.Total), cli.Rate(t.quota.Rate()), next)
}

func (p *program) cancel() *cobra.Command {
	var confirm cli.Confirmation
	cmd := &cobra.Command{
		Use: "cancel ID --confirm N", Short: "End a campaign for good; N: users not called yet", Args: cli.Args("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.at(cmd.Context(), args[0], func(t *target) error {
				if err := t.Cancel(cmd.Context(), args[0], number(confirm)); err != nil {
					return p.confirmed(err, "cancel "+args[0])
				}
				c, err := t.Campaign(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return p.printf("%s is cancelled, for good: %s of its %s users will not be called. %s\n",
					c.ID, cli.Count(c.Counts.ToDo()), cli.Count(c.Total), inFlight(c.Counts.Calling))
			})
		},
	}
	cmd.Flags().Var(&confirm, "confirm", "users not called yet")
	return cmd
}

func inFlight(n int64) string {
	switch n {
	case 0:
		return "No call is in flight."
	case 1:
		return "1 call is in flight."
	}
	return cli.Count(n) + " calls are in flight."
}

func (p *program) delete() *cobra.Command {
	var confirm cli.Confirmation
	cmd := &cobra.Command{
		Use: "delete ID --confirm N", Short: "Remove a campaign, its roster and its ledger; N: its users", Args: cli.Args("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.at(cmd.Context(), args[0], func(t *target) error {
				ctx, progress := p.watched(cmd.Context(), "deleting "+args[0])
				err := t.Delete(ctx, args[0], number(confirm))
				progress.End()
				if errors.Is(err, context.Canceled) {
					return cli.WithCode(cli.CodeInterrupted, fmt.Errorf("interrupted; what is left of %s is removed by the same command", args[0]))
				}
				if err != nil {
					return p.confirmed(err, "delete "+args[0])
				}
				return p.printf("%s is deleted. Codes that it has sent stay alive.\n", args[0])
			})
		},
	}
	cmd.Flags().Var(&confirm, "confirm", "users of the campaign")
	return cmd
}

func (p *program) pause() *cobra.Command {
	var reason string
	var all, wait bool
	cmd := &cobra.Command{
		Use: "pause ID|--all", Short: "Stop a campaign; after it has returned no call begins", Args: cli.AtMost("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.these(cmd, args, all, func(t *target, id string) error {
				n, err := t.Pause(cmd.Context(), id, reason)
				if err != nil {
					return err
				}
				if err := p.printf("%s is paused. %s\n", id, inFlight(n)); err != nil || !wait || n == 0 {
					return err
				}
				return p.landed(cmd.Context(), t, id)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every campaign that runs: of --pool, or of all pools")
	cmd.Flags().StringVar(&reason, "reason", "", "shown to whoever looks at the campaign")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the calls in flight have ended")
	return cmd
}

func (p *program) resume() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "resume ID|--all", Short: "Let a paused or halted campaign go on", Args: cli.AtMost("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.these(cmd, args, all, func(t *target, id string) error {
				others, err := t.Resume(cmd.Context(), id)
				if err != nil {
					return err
				}
				text := id + " goes on."
				if len(others) > 0 {
					text += " With it, since the whole pool was halted: " + strings.Join(others, ", ") + "."
				}
				// What blocked the pool beside the halt, a breaker mostly, goes on.
				s, err := ratelimit.Peek(cmd.Context(), t.rdb, t.quota.Name)
				if _, blocked := s.Blocked(t.pool.Name); err == nil && blocked {
					text += "\nCalls are on " + s.LimitedBy(t.pool.Name) + "."
				}
				return p.printf("%s\n", text)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every campaign that is paused or halted: of --pool, or of all pools")
	return cmd
}

// these runs do on the campaign of the argument, or on all. With all a campaign
// whose state does not ask for it is passed over.
func (p *program) these(cmd *cobra.Command, args []string, all bool, do func(*target, string) error) error {
	if all == (len(args) == 1) {
		return cli.Usage("name a campaign, or --all")
	}
	ctx := cmd.Context()
	if !all {
		return p.at(ctx, args[0], func(t *target) error { return do(t, args[0]) })
	}
	done, unread := 0, unread{program: p}
	err := p.each(ctx, func(t *target) error {
		campaigns, err := t.Campaigns(ctx)
		if err != nil && !unread.note(err) {
			return err
		}
		for _, c := range campaigns {
			err := do(t, c.ID)
			if errors.As(err, new(campaign.ErrState)) {
				continue
			}
			if err != nil {
				return err
			}
			done++
		}
		return nil
	})
	if err == nil && done == 0 {
		err = p.printf("There was nothing to %s.\n", cmd.Name())
	}
	return errors.Join(err, unread.err("the others were seen to"))
}

// landed waits until no call of the campaign is in flight.
func (p *program) landed(ctx context.Context, t *target, id string) error {
	for range ticks(ctx, 100*time.Millisecond) {
		c, err := t.Campaign(ctx, id)
		if err != nil {
			return err
		}
		if c.Counts.Calling == 0 {
			return p.printf("The calls in flight have ended.\n")
		}
	}
	return cli.WithCode(cli.CodeInterrupted, fmt.Errorf("interrupted; %s stays paused", id))
}
