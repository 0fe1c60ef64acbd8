package tasks

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/reset"
)

const (
	// copyAge is how old a handler's copy of a campaign's state may be.
	copyAge = 250 * time.Millisecond
	// copyEvery leaves time for the reading.
	copyEvery = 150 * time.Millisecond
)

// mayCall says whether a row may be called now, as far as its campaign goes.
// The feeder asks it before feeding, the handler before standing in line; what
// must hold at the moment of the call Begin checks.
func mayCall(c campaign.Campaign, ref reset.Ref) bool {
	return c.State == campaign.Running && c.Generation == ref.Generation
}

// watch keeps copies of the campaigns that handlers are at work for, so that
// sixty handlers in line cost one reading and leave the line together when
// their campaign is paused.
type watch struct {
	read func(ctx context.Context, id string) (campaign.Campaign, error)

	mu   sync.Mutex
	seen map[string]*glimpse
}

func newWatch(read func(context.Context, string) (campaign.Campaign, error)) *watch {
	return &watch{read: read, seen: map[string]*glimpse{}}
}

// glimpse is the copy of one campaign.
type glimpse struct {
	users int // under watch.mu

	mu  sync.Mutex
	c   campaign.Campaign
	err error
	at  time.Time
	// running ends when the campaign no longer runs.
	running context.Context
	stop    context.CancelCauseFunc
}

// enter returns the campaign, and a context that ends with ctx or when the
// campaign stops running. The caller leaves when it is done.
func (w *watch) enter(ctx context.Context, ref reset.Ref) (campaign.Campaign, context.Context, func(), error) {
	s := w.join(ref.Campaign)
	c, running, err := s.look(ctx, w.read, ref.Campaign)
	if err != nil {
		w.leave(ref.Campaign)
		return campaign.Campaign{}, ctx, func() {}, err
	}
	ctx, cancel := or(ctx, running)
	return c, ctx, func() { cancel(); w.leave(ref.Campaign) }, nil
}

func (w *watch) join(id string) *glimpse {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.seen[id]
	if s == nil {
		s = &glimpse{}
		s.running, s.stop = context.WithCancelCause(context.Background())
		w.seen[id] = s
	}
	s.users++
	return s
}

func (w *watch) leave(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[id].users--
}

// look returns the copy, read anew if it is too old.
func (s *glimpse) look(ctx context.Context, read func(context.Context, string) (campaign.Campaign, error), id string) (campaign.Campaign, context.Context, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) > copyAge {
		s.update(read(ctx, id))
	}
	return s.c, s.running, s.err
}

// update takes a reading in. A reading that failed leaves what was known, and
// its age: Begin decides, and it cannot be reached either.
func (s *glimpse) update(c campaign.Campaign, err error) {
	var unknown campaign.ErrUnknown
	if err != nil && !errors.As(err, &unknown) {
		s.err = err
		return
	}
	if err != nil {
		c = campaign.Campaign{} // there is none: nothing of it may be called
	}
	s.c, s.err, s.at = c, nil, time.Now()
	ended := s.running.Err() != nil
	switch runs := c.State == campaign.Running; {
	case !runs:
		s.stop(errNotRunning)
	case ended:
		s.running, s.stop = context.WithCancelCause(context.Background())
	}
}

// run keeps the copies that are in use fresh, and forgets the others.
func (w *watch) run(ctx context.Context) {
	every(ctx, copyEvery, func() {
		for id, s := range w.inUse() {
			c, err := w.read(ctx, id)
			s.mu.Lock()
			s.update(c, err)
			s.mu.Unlock()
		}
	})
}

func (w *watch) inUse() map[string]*glimpse {
	w.mu.Lock()
	defer w.mu.Unlock()
	used := make(map[string]*glimpse, len(w.seen))
	for id, s := range w.seen {
		if s.users > 0 {
			used[id] = s
			continue
		}
		s.stop(nil) // frees the context
		delete(w.seen, id)
	}
	return used
}
