package tasks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
)

const (
	// keyEvery is how often a worker that lacks a key looks who else has it.
	keyEvery = 2 * time.Second
	// keyGrace is how long a look counts, and how long a worker that has just
	// found out takes no tasks: else it would go through all that the queue holds.
	keyGrace = 3 * keyEvery
	// keyRest is how long a row rests whose key no worker has. It asks for no
	// token, and nothing of it is spent.
	keyRest = time.Minute
)

// keyless is what this worker knows of roster keys that it lacks. When another
// worker could do all that this one can, and has the key too, this one takes no
// tasks: it is the one that a rotation has forgotten, or that has yet to be
// deployed, and would only carry rows around. When nobody has the key, it works
// on for the campaigns that it can read.
type keyless struct {
	mu     sync.Mutex
	lacked map[string]lack // by the key's id
	until  time.Time       // it takes no tasks before
	looked time.Time
}

// lack is a key that a row wanted.
type lack struct {
	campaign  string
	known     bool // whether somebody has it
	elsewhere bool // somebody who can do all that this worker can
}

// note takes in that a row wanted a key, and returns how long the row rests.
func (k *keyless) note(key, campaign string) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lacked == nil {
		k.lacked = map[string]lack{}
	}
	l, ok := k.lacked[key]
	if !ok {
		k.lacked[key] = lack{campaign: campaign}
		k.until, k.looked = time.Now().Add(keyGrace), time.Time{}
	}
	if l.known && !l.elsewhere {
		return keyRest
	}
	return keyEvery
}

// aside reports whether this worker leaves the tasks to others.
func (k *keyless) aside() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Now().Before(k.until)
}

// due returns the keys to look for, at most every keyEvery.
func (k *keyless) due() map[string]lack {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.lacked) == 0 || time.Since(k.looked) < keyEvery {
		return nil
	}
	k.looked = time.Now()
	return maps.Clone(k.lacked)
}

// learn takes in what a look for keys has found: those that are still wanted.
func (k *keyless) learn(looked, found map[string]lack) {
	k.mu.Lock()
	defer k.mu.Unlock()
	elsewhere, all := false, true
	for key := range looked {
		if l, ok := found[key]; ok {
			k.lacked[key] = l
		} else {
			delete(k.lacked, key)
		}
	}
	for _, l := range k.lacked {
		elsewhere, all = elsewhere || l.elsewhere, all && l.known
	}
	switch {
	case elsewhere:
		k.until = time.Now().Add(keyGrace)
	case all:
		k.until = time.Time{}
	}
}

// err is why the worker leaves its tasks to others, or nil.
func (k *keyless) err(pool string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, l := range k.lacked {
		if l.elsewhere && time.Now().Before(k.until) {
			return fmt.Errorf("pool %s: this worker lacks roster key %s of %s, which others have: put it into its roster_keys and start it again", pool, key, l.campaign)
		}
	}
	return nil
}

// sealed is the fate of a task whose row is sealed with a key that is not here.
// Nothing is wrong with the row: it is left to a worker that has the key.
func (s *Server) sealed(e campaign.ErrNoKey) error {
	s.log.Warn("a row is left to others", "row", e.Campaign, "err", e)
	return rest(s.keyless.note(e.Err.ID, e.Campaign), "roster key "+e.Err.ID)
}

// lookForKeys finds out whether others have the keys that rows have wanted.
func (s *Server) lookForKeys(ctx context.Context) {
	due := s.keyless.due()
	if len(due) == 0 {
		return
	}
	workers, err := s.pool.Store.Workers(ctx)
	if err != nil {
		return // the round after knows more
	}
	found := map[string]lack{}
	for key, before := range due {
		if wanted, err := s.wanted(ctx, before.campaign); err != nil || !wanted {
			if err != nil {
				found[key] = before
			}
			continue
		}
		l := lack{campaign: before.campaign, known: true, elsewhere: s.better(workers, key)}
		if l != before {
			s.sayLack(key, l)
		}
		found[key] = l
	}
	s.keyless.learn(due, found)
}

// wanted reports whether a campaign still has rows to do.
func (s *Server) wanted(ctx context.Context, id string) (bool, error) {
	c, err := s.pool.Store.Campaign(ctx, id)
	if errors.As(err, new(campaign.ErrUnknown)) {
		return false, nil
	}
	return c.State == campaign.Running && c.Counts.ToDo() > 0, err
}

// better reports whether a worker has the key, and all that this one has.
func (s *Server) better(workers []campaign.Worker, key string) bool {
	for _, w := range workers {
		if w.Name != s.opts.Worker && w.Opens(key) && opensAll(w, s.pool.Store.Pool().Keys.IDs()) {
			return true
		}
	}
	return false
}

func opensAll(w campaign.Worker, keys []string) bool {
	for _, key := range keys {
		if !w.Opens(key) {
			return false
		}
	}
	return true
}

func (s *Server) sayLack(key string, l lack) {
	const next = "put the key into roster_keys and start the worker again"
	if l.elsewhere {
		s.log.Error("this worker takes no tasks: it lacks a roster key that others have", "key", key, "campaign", l.campaign, "next", next)
		return
	}
	s.log.Error("rows of a campaign rest: its roster key is not here", "key", key, "campaign", l.campaign, "next", next)
}
