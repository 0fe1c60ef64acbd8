package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// How often --wait looks at the row, and at its campaign.
const (
	lookAtRow      = 200 * time.Millisecond
	lookAtCampaign = 10 // of the looks at the row
)

// one sends a reset to one user.
func (c *command) one(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(cmd, "FILE and --username exclude each other")
	}
	if err := refuse(cmd, ofFile, "is for files, and does not go with --username"); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	req, err := c.request(ctx)
	if err != nil {
		return err
	}
	t, err := c.configured()
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.open(ctx); err != nil {
		return err
	}
	ref, existed, err := t.store.Append(ctx, req, c.event)
	if err != nil {
		return t.explain(err)
	}
	return c.appended(ctx, t, ref, existed)
}

// request is the one request, valid.
func (c *command) request(ctx context.Context) (reset.Request, error) {
	req, err := c.defaults()
	if err != nil {
		return req, err
	}
	name := c.username
	if name == "-" {
		if name, err = firstLine(cli.Interruptible(ctx, c.Stdin)); err != nil {
			return req, again(err, "interrupted; nothing has been enqueued")
		}
	}
	req.Username = reset.Hide(name)
	return req, cli.WithCode(cli.CodeUsage, roster.Validate(req))
}

// firstLine reads a name that is not to stand among a process's arguments,
// where others of the machine see it.
func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func (c *command) appended(ctx context.Context, t *target, ref reset.Ref, existed bool) error {
	if c.wait {
		if existed {
			_, _ = fmt.Fprintf(c.Stderr, "%s was enqueued before, with the same --id; nothing was changed\n", ref)
		}
		return t.explain(c.await(ctx, t, ref))
	}
	text := "enqueued"
	if existed {
		text = "enqueued before, with the same --id; nothing was changed"
	}
	_, err := fmt.Fprintln(c.Stdout, ref, text)
	return err
}

// await looks at the row until it is final, or until its campaign stands still.
func (c *command) await(ctx context.Context, t *target, ref reset.Ref) error {
	progress := c.Progress(ref.String())
	defer progress.End()
	tick := time.NewTicker(lookAtRow)
	defer tick.Stop()
	for look := 0; ; look++ {
		r, err := t.store.Record(ctx, ref)
		if err == nil && r.State.Final() {
			progress.End()
			return c.became(ctx, t, ref, r)
		}
		if err == nil && look%lookAtCampaign == 0 {
			err = c.standsStill(ctx, t, ref, look == 0)
		}
		if err != nil {
			return again(err, fmt.Sprintf("interrupted; %s stays enqueued", ref))
		}
		progress.Show(0, 0, doing(r))
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// standsStill returns an error when nothing will happen to the row unless
// somebody acts. That there is no worker is only said: one may be starting.
func (c *command) standsStill(ctx context.Context, t *target, ref reset.Ref, first bool) error {
	found, err := t.store.Campaign(ctx, ref.Campaign)
	if err != nil {
		return err
	}
	if found.State != campaign.Running && found.State != campaign.Done {
		text := fmt.Sprintf("%s stays enqueued: %s is %s", ref, found.ID, found.State)
		if found.Reason != "" {
			text += " (" + found.Reason + ")"
		}
		return &cli.Error{Code: cli.CodeFailed, Err: errors.New(text), Hint: found.Next}
	}
	workers, err := t.store.Workers(ctx)
	if err == nil && first && len(workers) == 0 {
		_, _ = fmt.Fprintf(c.Stderr, "no worker is serving pool %s: start one with  %s%s\n",
			t.pool.Name, c.Sibling("worker"), c.ConfigFlag())
	}
	return err
}

func doing(r campaign.Record) string {
	text := r.State.String()
	if r.Cause != reset.NoCause {
		text += " " + r.Cause.String()
	}
	if r.State == campaign.Waiting || r.State == campaign.InDoubt {
		text += " until " + cli.Time(r.At)
	}
	return text
}

// became prints the row's end: its state, and how the code goes out or why it
// does not, with what Cognito said.
func (c *command) became(ctx context.Context, t *target, ref reset.Ref, r campaign.Record) error {
	why := r.Cause.String()
	if r.State == campaign.Accepted {
		why = r.Medium.String()
	}
	if _, err := fmt.Fprintln(c.Stdout, strings.TrimSpace(fmt.Sprint(ref, " ", r.State, " ", why))); err != nil {
		return err
	}
	if r.State == campaign.Accepted {
		return nil
	}
	if r.State == campaign.Skipped {
		return cli.WithCode(cli.CodeNotAccepted, fmt.Errorf("%s was not sent: the user holds a code that is still alive", ref))
	}
	found, err := t.store.Campaign(ctx, ref.Campaign)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s was not accepted", ref)
	if sample := found.Samples[r.Cause]; sample != "" {
		text += "; Cognito says of this cause: " + sample
	}
	return cli.WithCode(cli.CodeNotAccepted, errors.New(text))
}
