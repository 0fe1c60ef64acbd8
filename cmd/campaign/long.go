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
	keys     []noKey
}

// noKey is a key that is missing; it says what to do.
type noKey struct {
	roster.ErrNoKey
	parts int // that are sealed with it
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
	if missing, ok := errors.AsType[roster.ErrNoKey](err); ok && u.again(missing) {
		return true
	}
	if u.progress != nil {
		u.progress.End()
	}
	_, _ = fmt.Fprintf(u.Stderr, "%s: %v\n", u.Name, err)
	return true
}

// again counts a part for want of a key, and reports whether it is not the first.
func (u *unread) again(missing roster.ErrNoKey) bool {
	for i := range u.keys {
		if u.keys[i].ID == missing.ID {
			u.keys[i].parts++
			return true
		}
	}
	u.keys = append(u.keys, noKey{missing, 1})
	return false
}

// err says that something was done but for what cannot be read.
func (u *unread) err(done string) error {
	if u.parts == 0 {
		return nil
	}
	done += " but for what is named above"
	if u.parts > 1 {
		done += fmt.Sprintf(", %d parts in all", u.parts)
	}
	if len(u.keys) == 1 && u.keys[0].parts == u.parts {
		return fmt.Errorf("%s: it is %w", done, u.keys[0].ErrNoKey)
	}
	err := errors.New(done)
	for _, k := range u.keys {
		verb := "are"
		if k.parts == 1 {
			verb = "is"
		}
		err = fmt.Errorf("%w; %d %s %w", err, k.parts, verb, k.ErrNoKey)
	}
	return err
}
