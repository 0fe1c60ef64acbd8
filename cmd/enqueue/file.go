package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// file loads a file, prints the plan, and starts if that was asked for.
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
	in, err := c.input(ctx, args[0])
	if err != nil {
		return err
	}
	defer in.close()
	p, err := c.load(ctx, t, spec, in)
	if err != nil {
		return err
	}
	if err := p.write(c.Stdout); err != nil {
		return err
	}
	if !c.start {
		return p.writeNext(c.Stdout)
	}
	return c.startIt(ctx, t, p)
}

// spec checks everything that can be checked before a file is opened.
func (c *command) spec(cmd *cobra.Command, args []string) (campaign.Spec, error) {
	spec := campaign.Spec{
		ID: c.campaign, Priority: campaign.Priority(c.priority.String()),
		OnDoubt: campaign.OnDoubt(c.onDoubt.String()), OnLive: campaign.OnLive(c.onLive.String()),
		By: c.Getenv("USER"),
	}
	if len(args) == 0 {
		return spec, usage(cmd, "FILE is missing: a file, - for stdin, or --username for one user")
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
	spec.Guard, spec.MaxRejects, spec.File = guard, most, base(args[0])
	err := errors.Join(campaign.ValidateID(c.campaign), err1, err2)
	return spec, cli.WithCode(cli.CodeUsage, err)
}

func usage(cmd *cobra.Command, text string) error {
	return &cli.Error{Code: cli.CodeUsage, Err: errors.New(text), Hint: "see  " + cmd.CommandPath() + " --help"}
}

func base(path string) string {
	if path == "-" {
		return "stdin"
	}
	return filepath.Base(path)
}

// input is the file as it is read.
type input struct {
	name    string
	file    *os.File // nil for stdin
	size    int64    // 0 where it is not known
	rejects *roster.RejectWriter
	path    string // of the rejects
	reader  *roster.Reader
}

// input opens the file and reads its beginning, so that a file that cannot be
// one is refused before anything is connected or written.
func (c *command) input(ctx context.Context, path string) (*input, error) {
	defaults, err := c.defaults()
	if err != nil {
		return nil, err
	}
	in := &input{name: base(path), path: c.rejects}
	if in.path == "" {
		in.path = c.campaign + ".rejects.csv"
	}
	r := c.Stdin
	if path != "-" {
		if err := in.open(path); err != nil {
			return nil, err
		}
		r = in.file
	}
	in.rejects = roster.NewRejectWriter(in.path)
	in.reader, err = roster.NewReader(c.watched(ctx, in, r), c.options(in, defaults))
	if err != nil {
		in.close()
		return nil, again(fmt.Errorf("%s: %w", in.name, err), "interrupted; nothing has been loaded")
	}
	return in, nil
}

func (c *command) options(in *input, defaults reset.Request) roster.Options {
	o := roster.Options{UsernameColumn: c.usernameColumn, NoHeader: c.noHeader, Defaults: defaults, Rejects: in.rejects.Write}
	return o
}

func (in *input) open(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %s", path)
	}
	if err != nil {
		return err
	}
	in.file = f
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if info.IsDir() {
		return errors.Join(fmt.Errorf("%s is a directory; name a file", path), f.Close())
	}
	if other, err := os.Stat(in.path); err == nil && os.SameFile(info, other) {
		return errors.Join(cli.Usage("--rejects names the file that is loaded; name another one"), f.Close())
	}
	if info.Mode().IsRegular() {
		in.size = info.Size()
	}
	return nil
}

func (in *input) close() {
	in.rejects.Abort()
	if in.file != nil {
		_ = in.file.Close() // it was only read
	}
}

// watched shows progress while r is read, and ends with the context.
func (c *command) watched(ctx context.Context, in *input, r io.Reader) io.Reader {
	return &counter{r: cli.Interruptible(ctx, r), size: in.size, progress: c.Progress("loading " + in.name)}
}

// counter counts what has been read.
type counter struct {
	r        io.Reader
	read     atomic.Int64
	size     int64
	progress *cli.Progress
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	done := c.read.Add(int64(n))
	c.progress.Show(done, c.size, fmt.Sprintf("%.1f MB", float64(done)/1e6))
	if err != nil {
		c.progress.End()
	}
	return n, err
}

// load makes the draft and says what it plans.
func (c *command) load(ctx context.Context, t *target, spec campaign.Spec, in *input) (*plan, error) {
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	loaded, err := t.store.Load(ctx, spec, in.reader)
	// Also of a file that was refused: the rejects say why.
	if !errors.Is(err, context.Canceled) {
		err = errors.Join(err, in.rejects.Close())
	}
	if err != nil {
		return nil, t.refused(err, in)
	}
	workers, err := t.store.Workers(ctx)
	if err != nil {
		return nil, t.explain(err)
	}
	return &plan{
		Plan: loaded, id: spec.ID, pool: t.pool, quota: t.config.QuotaOf(t.pool), rejects: in.path,
		ignored: in.reader.Stats().IgnoredColumns, workers: len(workers), now: time.Now(),
		campaign: c.Sibling("enqueue", "campaign"), worker: c.Sibling("enqueue", "worker"), config: c.ConfigFlag(),
	}, nil
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
	_, err = fmt.Fprintf(c.Stdout, "Started.\nNext:  %s show %s%s\n", p.campaign, p.id, p.config)
	return err
}
