package campaign

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// Found is what a search found.
type Found struct {
	// Lines are the rows of the user, those of the youngest campaign first.
	Lines []Line
	// Expired are the campaigns that were not searched: their rosters were
	// deleted after their retention.
	Expired []string
}

// Find returns the rows of a username, as the pool compares them: in one
// campaign, or with an empty id in all of the pool whose roster is still there.
// It reads whole rosters, a million rows in a fraction of a second. Like
// [Store.Rows] it goes on after a damaged chunk, and returns what it found
// together with [ErrDamaged].
func (s *Store) Find(ctx context.Context, id string, username reset.Personal) (Found, error) {
	f := &finding{Store: s, username: username, everywhere: id == ""}
	if err := f.choose(ctx, id); err != nil {
		return Found{}, err
	}
	group, inner := errgroup.WithContext(ctx)
	for range max(searchers, runtime.GOMAXPROCS(0)) {
		group.Go(func() error { return f.search(inner) })
	}
	if err := group.Wait(); err != nil {
		return f.found(), err
	}
	return f.found(), errors.Join(f.damages...)
}

// searchers hide the way to Redis; more of them than cores do no harm.
const searchers = 4

// finding is one search. Its searchers take the next few chunks in turn.
type finding struct {
	*Store
	username   reset.Personal
	everywhere bool

	mu      sync.Mutex
	in      []Campaign
	at      int   // the campaign of the next chunks
	chunk   int64 // the first of them
	done    int64 // rows
	total   int64
	lines   []foundLine
	expired []string
	damages []error
}

// foundLine is a line of a campaign of in.
type foundLine struct {
	in int
	Line
}

// choose says which campaigns are searched.
func (f *finding) choose(ctx context.Context, id string) error {
	all, err := f.candidates(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range all {
		switch {
		case c.Expired && !f.everywhere:
			return ErrExpired{ID: c.ID}
		case c.Expired:
			f.expired = append(f.expired, c.ID)
		case c.State == Loading && !f.everywhere:
			return c.unloaded("find")
		case c.State != Loading:
			f.in = append(f.in, c)
			f.total += c.Total
		}
	}
	return nil
}

func (f *finding) candidates(ctx context.Context, id string) ([]Campaign, error) {
	if f.everywhere {
		all, err := f.Campaigns(ctx)
		if Unreadable(err) {
			f.damages, err = append(f.damages, err), nil
		}
		return all, err
	}
	c, err := f.Campaign(ctx, id)
	return []Campaign{c}, err
}

// task is a few chunks of one campaign.
type task struct {
	in       int
	c        Campaign
	from, to int64
}

// rows is how many there are in them.
func (t task) rows() int64 {
	return min(t.to*roster.ChunkRows, t.c.Total) - t.from*roster.ChunkRows
}

// next hands out chunks that nobody has searched.
func (f *finding) next() (t task, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.at < len(f.in) {
		c := f.in[f.at]
		if f.chunk < c.chunks() {
			t = task{f.at, c, f.chunk, min(f.chunk+pageChunks, c.chunks())}
			f.chunk = t.to
			return t, true
		}
		f.at, f.chunk = f.at+1, 0
	}
	return task{}, false
}

// search is one searcher.
func (f *finding) search(ctx context.Context) error {
	search := roster.NewSearch(f.username, f.pool.CaseSensitive)
	for t, ok := f.next(); ok; t, ok = f.next() {
		if err := f.chunks(ctx, search, t); err != nil {
			return err
		}
		f.mu.Lock()
		f.done += t.rows()
		progress(ctx, f.done, f.total)
		f.mu.Unlock()
	}
	return ctx.Err()
}

// gone is a campaign that was deleted, or whose retention ended, since it was
// looked at.
func (f *finding) gone(t task, expired bool) error {
	switch {
	case expired && f.everywhere:
		f.mu.Lock()
		defer f.mu.Unlock()
		if !slices.Contains(f.expired, t.c.ID) {
			f.expired = append(f.expired, t.c.ID)
		}
		return nil
	case expired:
		return ErrExpired{ID: t.c.ID}
	case f.everywhere:
		return nil
	}
	return ErrUnknown{ID: t.c.ID, Pool: t.c.Pool}
}

// damaged notes what could not be searched.
func (f *finding) damaged(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.damages = append(f.damages, err)
}

// found puts in order what the searchers found.
func (f *finding) found() Found {
	slices.SortFunc(f.lines, func(a, b foundLine) int {
		return cmp.Or(cmp.Compare(a.in, b.in), cmp.Compare(a.Ref.Row, b.Ref.Row))
	})
	found := Found{Expired: f.expired}
	for _, line := range f.lines {
		found.Lines = append(found.Lines, line.Line)
	}
	return found
}
