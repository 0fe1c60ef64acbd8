package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/roster"
)

// watched shows on stderr how far something is that takes its time.
func (p *program) watched(ctx context.Context, what string) (context.Context, *cli.Progress) {
	progress := p.Progress(what)
	return campaign.WithProgress(ctx, func(done, total int64) {
		progress.Show(done, total, cli.Count(done)+" of "+cli.Count(total)+" rows")
	}), progress
}

// unread names on stderr what cannot be read, and counts it. A key that is
// missing is named once: it is missing for every chunk.
type unread struct {
	*program
	progress *cli.Progress
	parts    int
	keys     map[string]bool
	noKey    error // the first for want of a key; it says what to do
}

// note reports whether err is about what cannot be read, and says so.
func (u *unread) note(err error) bool {
	if !campaign.Unreadable(err) {
		return false
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			u.note(one)
		}
		return true
	}
	u.parts++
	if missing, ok := errors.AsType[roster.ErrNoKey](err); ok {
		if u.keys[missing.ID] {
			return true
		}
		if u.keys == nil {
			u.keys, u.noKey = map[string]bool{}, missing
		}
		u.keys[missing.ID] = true
	}
	if u.progress != nil {
		u.progress.End()
	}
	_, _ = fmt.Fprintf(u.Stderr, "%s: %v\n", u.Name, err)
	return true
}

// err says that something was done but for what cannot be read.
func (u *unread) err(done string) error {
	if u.parts == 0 {
		return nil
	}
	more := ""
	if u.parts > 1 {
		more = fmt.Sprintf(", %d parts in all", u.parts)
	}
	done += " but for what is named above" + more
	if u.noKey != nil {
		return fmt.Errorf("%s: it is %w", done, u.noKey)
	}
	return errors.New(done)
}
