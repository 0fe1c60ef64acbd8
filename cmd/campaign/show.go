package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
)

func (p *program) list() *cobra.Command {
	output := cli.OneOf("table", "json")
	state := cli.NoneOr(statuses()...)
	cmd := &cobra.Command{
		Use: "list", Short: "List campaigns, the youngest first", Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			unread := unread{program: p}
			all, err := p.views(cmd.Context(), campaign.Status(state.String()), &unread)
			switch {
			case err != nil:
				return err
			case output.String() == "json":
				err = cli.JSON(p.Stdout, all)
			default:
				err = p.listTable(all)
			}
			return errors.Join(err, unread.err("everything is listed"))
		},
	}
	cmd.Flags().Var(output, "output", "how to print")
	cmd.Flags().Var(state, "state", "only those in this state")
	return cmd
}

func statuses() []string {
	return []string{
		string(campaign.Loading), string(campaign.Draft), string(campaign.Running), string(campaign.Paused),
		string(campaign.Halted), string(campaign.Done), string(campaign.Cancelled),
	}
}

// views looks at the campaigns of all pools asked for.
func (p *program) views(ctx context.Context, state campaign.Status, damaged *unread) ([]view, error) {
	all := []view{} // an empty list in JSON, not null
	err := p.each(ctx, func(t *target) error {
		s, err := t.look(ctx)
		if err != nil {
			return err
		}
		damaged.note(s.damaged)
		for _, c := range s.others {
			if state != "" && c.State != state {
				continue
			}
			v, err := t.view(ctx, c, s)
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b view) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
	return all, err
}

func (p *program) listTable(all []view) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(p.Stderr, "there are no campaigns")
		return err
	}
	rows := make([][]string, len(all))
	for i, v := range all {
		todo := v.Counts.Planned + v.Counts.Calling + v.Counts.Waiting + v.Counts.InDoubt - v.Parked
		rows[i] = []string{
			v.ID, v.Pool, v.State, cli.Count(v.Total), cli.Count(v.Counts.Accepted), cli.Count(v.Counts.Dead + v.Parked),
			cli.Count(todo), v.CreatedAt,
		}
	}
	return cli.Table(p.Stdout, []string{"ID", "POOL", "STATE", "USERS ", "ACCEPTED ", "DEAD ", "TO DO ", "CREATED"}, rows)
}

func (p *program) show() *cobra.Command {
	output := cli.OneOf("table", "json")
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show a campaign: counts, causes, rates, what limits it, when it ends", Args: cli.Args("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.at(cmd.Context(), args[0], func(t *target) error {
				v, err := t.viewOf(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if output.String() == "json" {
					return cli.JSON(p.Stdout, v)
				}
				return p.showTable(v, t)
			})
		},
	}
	cmd.Flags().Var(output, "output", "how to print")
	return cmd
}

func (t *target) viewOf(ctx context.Context, id string) (view, error) {
	c, err := t.Campaign(ctx, id)
	if err != nil {
		return view{}, err
	}
	s, err := t.look(ctx)
	if err != nil {
		return view{}, err
	}
	return t.view(ctx, c, s)
}

// showTable prints a campaign for people.
func (p *program) showTable(v view, t *target) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, pool %s: %s\n", v.ID, v.Pool, stateLine(v))
	writeCounts(&b, v)
	writeFacts(&b, v, t.quota.Name)
	if _, err := io.WriteString(p.Stdout, b.String()); err != nil {
		return err
	}
	if err := p.causes(v); err != nil {
		return err
	}
	if step := p.step(v, t); step != "" {
		return p.printf("Next:  %s\n", cli.Plain(step))
	}
	return nil
}

func stateLine(v view) string {
	if v.Reason == "" {
		return v.State
	}
	return v.State + ": " + cli.Plain(v.Reason)
}

func writeCounts(b *strings.Builder, v view) {
	row := func(label string, n int64, note string) {
		text := fmt.Sprintf("  %-16s%12s   %s", label, cli.Count(n), note)
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	share := func(n int64) string {
		if n == 0 {
			return ""
		}
		return cli.Percent(n, v.Total)
	}
	row("users", v.Total, "")
	row("planned", v.Counts.Planned, share(v.Counts.Planned))
	row("calling", v.Counts.Calling, "")
	row("waiting", v.Counts.Waiting, "")
	row("accepted", v.Counts.Accepted, share(v.Counts.Accepted))
	row("dead", v.Counts.Dead, share(v.Counts.Dead))
	parked := ""
	if v.Parked > 0 {
		parked = cli.Count(v.Parked) + " of them parked: dead letters until they are replayed"
	}
	row("in_doubt", v.Counts.InDoubt, parked)
	row("skipped", v.Counts.Skipped, "")
}

// awayText says that some workers are there and make no calls.
func awayText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %s of them without a way to Cognito", cli.Count(n))
}

func writeFacts(b *strings.Builder, v view, quota string) {
	row := func(label, text string) {
		if text != "" {
			fmt.Fprintf(b, "  %-16s   %s\n", label, cli.Plain(text))
		}
	}
	row("rate", fmt.Sprintf("%s measured, %s allowed now, %s configured, of %s/s (quota %s)", cli.Rate(v.Rate.Measured),
		cli.Rate(v.Rate.Allowed), cli.Rate(v.Rate.Configured), cli.Number(v.Rate.Limit), quota))
	row("workers", cli.Count(v.Workers)+awayText(v.Away))
	row("limited by", v.LimitedBy)
	row("rules", fmt.Sprintf("priority %s, on doubt %s, on live %s, guard %s", v.Priority, v.OnDoubt, v.OnLive, v.Guard))
	row("file", v.File)
	row("created", v.CreatedAt)
	row("started", v.StartedAt)
	switch {
	case v.ends.IsZero():
	case campaign.Status(v.State).Ended():
		row("ended", v.EndsAt)
	default:
		row("ends", fmt.Sprintf("%s, in %s at this rate", cli.Minute(v.ends), cli.Span(max(0, time.Until(v.ends)))))
	}
}

// causes prints why rows are dead, in doubt or waiting, the most frequent first.
func (p *program) causes(v view) error {
	if len(v.Causes) == 0 {
		return nil
	}
	var rows [][]string
	for cause := range v.Causes {
		rows = append(rows, []string{cause, cli.Count(v.Causes[cause]), v.Samples[cause]})
	}
	slices.SortFunc(rows, func(a, b []string) int {
		return cmp.Or(cmp.Compare(v.Causes[b[0]], v.Causes[a[0]]), cmp.Compare(a[0], b[0]))
	})
	return cli.Table(p.Stdout, []string{"CAUSE", "ROWS ", "A SAMPLE"}, rows)
}

// step is what the operator would do next, if anything.
func (p *program) step(v view, t *target) string {
	switch state := campaign.Status(v.State); {
	case v.Next != "":
		return v.Next
	case state == campaign.Draft:
		return p.next("start %s --confirm %d", v.ID, v.Total)
	case state == campaign.Paused, state == campaign.Halted:
		return p.next("resume %s", v.ID)
	case state == campaign.Loading:
		return "load it again: the load was interrupted, or still goes on"
	case state == campaign.Running && v.Workers == 0:
		return fmt.Sprintf("no worker is serving pool %s: start one with  %s%s", t.pool.Name, p.Sibling("worker"), p.ConfigFlag())
	case v.Counts.Dead+v.Parked > 0:
		return p.next("report %s --state %s", v.ID, deadWord(v))
	}
	return ""
}

func deadWord(v view) string {
	if v.Counts.Dead > 0 {
		return campaign.Dead.String()
	}
	return campaign.InDoubt.String()
}
