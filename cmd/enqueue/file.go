package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/ratelimit"
)

// thriftyGC lets the heap grow by a quarter between collections, and not to its
// double. What a load keeps is the duplicates' tables, up to 30 bytes a row and
// without a pointer in them: a collection costs next to nothing, and at eleven
// million rows 70 MB fewer are needed.
const thriftyGC = 25

// thrifty sets the collector up for a load, unless whoever started the program
// did. It returns what sets it back.
func (c *command) thrifty() (back func()) {
	if c.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(thriftyGC)
	return func() { debug.SetGCPercent(before) }
}

// file loads files, prints the plan, and starts if that was asked for.
func (c *command) file(cmd *cobra.Command, args []string) error {
	spec, err := c.spec(cmd, args)
	if err != nil {
		return err
	}
	t, err := c.configured()
	if err != nil {
		return err
	}
	defer t.close()
	// Whatever reads the file ends with this command.
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	in, err := c.input(ctx, t, args)
	if err != nil {
		return err
	}
	defer in.close()
	defer c.thrifty()()
	p, err := c.load(ctx, t, spec, in)
	if err != nil {
		return err
	}
	if err := p.write(c.words()); err != nil {
		return err
	}
	if !c.start {
		return p.writeNext(c.words())
	}
	return c.startIt(ctx, t, p)
}

// words is where the plan goes. Rejects on stdout are a file of somebody's, and
// nothing else may stand in it.
func (c *command) words() io.Writer {
	if c.rejects == stdout {
		return c.Stderr
	}
	return c.Stdout
}

// spec checks everything that can be checked before a file is opened.
func (c *command) spec(cmd *cobra.Command, args []string) (campaign.Spec, error) {
	spec := campaign.Spec{
		ID: c.campaign, Priority: campaign.Priority(c.priority.String()),
		OnDoubt: campaign.OnDoubt(c.onDoubt.String()), OnLive: campaign.OnLive(c.onLive.String()),
		By: c.Getenv("USER"),
	}
	if len(args) == 0 {
		return spec, usage(cmd, "FILE is missing: a file or several, - for stdin, or --username for one user")
	}
	if c.campaign == "" {
		return spec, usage(cmd, "--campaign is missing: the id of the new campaign")
	}
	if c.confirm.Given && !c.start {
		return spec, usage(cmd, "--confirm goes with --start")
	}
	if err := refuse(cmd, ofSingle, "is for one user, and goes with --username"); err != nil {
		return spec, err
	}
	guard, err1 := campaign.ParseGuard(c.guard)
	most, err2 := campaign.ParseMaxRejects(c.maxRejects)
	spec.Guard, spec.MaxRejects, spec.File = guard, most, bases(args)
	err := errors.Join(campaign.ValidateID(c.campaign), err1, err2)
	return spec, cli.WithCode(cli.CodeUsage, err)
}

func usage(cmd *cobra.Command, text string) error {
	return &cli.Error{Code: cli.CodeUsage, Err: errors.New(text), Hint: "see  " + cmd.CommandPath() + " --help"}
}

// load makes the draft and says what it plans.
func (c *command) load(ctx context.Context, t *target, spec campaign.Spec, in *input) (*plan, error) {
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	loaded, err := t.store.Load(ctx, spec, in.reader)
	in.progress.end()
	// Also of a file that was refused: the rejects say why.
	if !errors.Is(err, context.Canceled) {
		// What ended the load may be what the closing says as well.
		if closing := in.closeRejects(err == nil); !errors.Is(err, closing) {
			err = errors.Join(err, closing)
		}
	}
	if err != nil {
		return nil, t.refused(err, in)
	}
	read := in.reader.Stats()
	p := &plan{
		Plan: loaded, id: spec.ID, pool: t.pool, quota: t.config.QuotaOf(t.pool), rejects: in.path, files: len(in.files),
		ignored:  read.IgnoredColumns,
		campaign: c.Sibling("campaign"), worker: c.Sibling("worker"), config: c.ConfigFlag(),
	}
	if !c.noHeader {
		p.usernames = read.UsernameColumns
	}
	return p, t.explain(p.look(ctx, t, spec.Priority))
}

// look looks at what bears on the end: who is there to send, how much the quota
// gives, and who goes first.
func (p *plan) look(ctx context.Context, t *target, priority campaign.Priority) error {
	workers, err := t.store.Workers(ctx)
	if err != nil {
		return err
	}
	others, err := t.store.Campaigns(ctx)
	if err != nil && !campaign.Unreadable(err) { // one that is damaged is not fed either
		return err
	}
	bucket, err := ratelimit.Peek(ctx, t.rdb, p.quota.Name)
	if err != nil {
		return err
	}
	started := campaign.Campaign{ID: p.id, Priority: priority, Counts: campaign.Counts{Planned: p.Users}}
	p.workers, p.bucket = len(workers), bucket.Under(ratelimit.Quota(p.quota))
	p.ahead = started.CallsUntilDone(others) - p.Users
	return nil
}

// closeRejects ends the file of the rejects. The draft is complete without it.
func (in *input) closeRejects(loaded bool) error {
	err := in.rejects.Close()
	if err != nil && loaded {
		return fmt.Errorf("the users are loaded, and the rejects cannot be written: %w. The same command writes them again", err)
	}
	return err
}

// refused says what to do about a load that failed.
func (t *target) refused(err error, in *input) error {
	if errors.As(err, new(campaign.ErrRejects)) {
		return &cli.Error{Code: cli.CodeFailed, Err: err, Hint: "The rejected rows and the reasons are in " + in.path + "."}
	}
	return again(t.explain(err), "interrupted; the same command loads it again")
}

// startIt starts the draft if the number is the plan's.
func (c *command) startIt(ctx context.Context, t *target, p *plan) error {
	confirm := int64(-1)
	if c.confirm.Given {
		confirm = c.confirm.N
	}
	err := t.store.Start(ctx, p.id, confirm)
	var wrong campaign.ErrConfirm
	switch {
	case errors.As(err, &wrong):
		return &cli.Error{Code: cli.CodeRefused, Hint: p.next(), Err: fmt.Errorf(
			"not started: the number to confirm is %d (%s); %s stays a draft", wrong.Want, wrong.Of, p.id)}
	case err != nil:
		return t.explain(err)
	}
	_, err = fmt.Fprintf(c.words(), "Started.\nNext:  %s show %s%s\n", p.campaign, p.id, p.config)
	return err
}
