package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
)

func (p *program) replay() *cobra.Command {
	var confirm cli.Confirmation
	state, cause := cli.NoneOr(campaign.Dead.String(), campaign.InDoubt.String()), cli.NoneOr(causeWords()...)
	cmd := &cobra.Command{
		Use: "replay ID [--state dead|in_doubt] [--cause C] --confirm N", Args: cli.Args("ID"),
		Short: "Let dead letters stand in line again; N: how many they are",
		RunE: func(cmd *cobra.Command, args []string) error {
			filter, err := parseFilter(state.String(), cause.String())
			if err != nil {
				return err
			}
			return p.at(cmd.Context(), args[0], func(t *target) error {
				ctx, progress := p.watched(cmd.Context(), "replaying "+args[0])
				defer progress.End()
				moved, err := t.Replay(ctx, args[0], filter, number(confirm))
				progress.End()
				if errors.Is(err, context.Canceled) {
					return cli.WithCode(cli.CodeInterrupted, fmt.Errorf("interrupted; %s, the others are as they were", standing(args[0], moved)))
				}
				unread := unread{program: p, progress: progress}
				if err != nil && !unread.note(err) {
					return p.confirmed(err, strings.Join(append([]string{"replay", args[0]}, given(state.String(), cause.String())...), " "))
				}
				return errors.Join(p.replayed(cmd.Context(), t, args[0], moved), unread.err("all was replayed"))
			})
		},
	}
	cmd.Flags().Var(&confirm, "confirm", "rows that are replayed")
	cmd.Flags().Var(state, "state", "only rows in this state; of those in_doubt the parked ones")
	cmd.Flags().Var(cause, "cause", "only rows of this `cause` or family of causes")
	return cmd
}

func given(state, cause string) []string {
	var flags []string
	if state != "" {
		flags = append(flags, "--state "+state)
	}
	if cause != "" {
		flags = append(flags, "--cause "+cause)
	}
	return flags
}

func (p *program) replayed(ctx context.Context, t *target, id string, moved int64) error {
	c, err := t.Campaign(ctx, id)
	if err != nil {
		return err
	}
	text := standing(id, moved) + ".\n"
	if c.State != campaign.Running {
		text += fmt.Sprintf("%s is %s.\n", id, c.State)
	}
	if c.State == campaign.Paused || c.State == campaign.Halted {
		text += fmt.Sprintf("Next:  %s\n", p.next("resume %s", id))
	}
	return p.printf("%s", text)
}

// standing says how many rows were replayed.
func standing(id string, moved int64) string {
	verb := "stand"
	if moved == 1 {
		verb = "stands"
	}
	return fmt.Sprintf("%s of %s %s in line again", rows(moved), id, verb)
}

func rows(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return cli.Count(n) + " rows"
}
