package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
)

func (p *program) report() *cobra.Command {
	output := cli.OneOf("csv", "ndjson")
	state, cause := cli.NoneOr(rowStates()...), cli.NoneOr(causeWords()...)
	cmd := &cobra.Command{
		Use: "report ID", Short: "Print a line a user: what became of it", Args: cli.Args("ID"),
		Long: `Prints a line a user: row, line in the file, username, state, cause of the last
answer, attempts, medium, and the time of the last change or, of a row that
waits, the time before which it is not called. Attempts are the calls that
Cognito held against the user or never answered, not all that were made. Dead
letters are the rows in state dead, and those of in_doubt that are parked.

In CSV an apostrophe and a space stand before a username that a spreadsheet
would take for a formula, such as +15551234567; enqueue takes them away again.
NDJSON has every username as it is.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			filter, err := parseFilter(state.String(), cause.String())
			if err != nil {
				return err
			}
			return p.at(cmd.Context(), args[0], func(t *target) error {
				c, err := t.Campaign(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return p.rows(cmd.Context(), t, c, filter, output.String())
			})
		},
	}
	cmd.Flags().Var(output, "output", "how to print")
	cmd.Flags().Var(state, "state", "only rows in this `state`: "+strings.Join(rowStates(), ", "))
	cmd.Flags().Var(cause, "cause", "only rows of a `cause` or family of causes, such as CodeDeliveryFailure")
	return cmd
}

// rows streams the report. What cannot be read is named, and the rest goes on.
func (p *program) rows(ctx context.Context, t *target, c campaign.Campaign, f campaign.Filter, format string) error {
	if c.Expired {
		_, _ = fmt.Fprintf(p.Stderr, "%s: %v; usernames are not known any more\n", p.Name, campaign.ErrExpired{ID: c.ID})
	}
	w := bufio.NewWriterSize(p.Stdout, 1<<16)
	lines, err := newLineWriter(w, format)
	if err != nil {
		return err
	}
	watched, progress := p.watched(ctx, "report of "+c.ID)
	if !cli.Terminal(p.Stdout) { // there the lines are progress enough
		ctx = watched
	}
	defer progress.End()
	unread := unread{program: p, progress: progress}
	said := false
	for line, err := range t.Rows(ctx, c, f) {
		switch {
		case unread.note(err):
		case err == nil:
			// A writer that failed once has nothing else to say.
			if err := lines.write(line); err != nil {
				return err
			}
		case said:
			return errors.Join(err, w.Flush())
		default: // refused: not even the head
			return err
		}
		said = true
	}
	progress.End()
	return errors.Join(w.Flush(), unread.err("the report is complete"))
}
