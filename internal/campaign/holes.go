package campaign

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/roster"
)

// holes looks whether all chunks of a roster are there. Redis may have lost some
// that it acknowledged: by a failover to a replica that lagged, by evictions.
// Ten thousand chunks, ten million rows, take some ten milliseconds.
func (s *Store) holes(ctx context.Context, id string, chunks int64) (ErrHoles, error) {
	found := ErrHoles{ID: id, Chunks: chunks}
	for from := int64(0); from < chunks; from += keysAtOnce {
		there := make([]*redis.IntCmd, 0, keysAtOnce)
		_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for n := from; n < min(from+keysAtOnce, chunks); n++ {
				there = append(there, p.Exists(ctx, s.keys.roster(id, n)))
			}
			return nil
		})
		if err != nil {
			return found, err
		}
		for i, exists := range there {
			if exists.Val() == 0 {
				found.add(from + int64(i))
			}
		}
	}
	return found, nil
}

func (e *ErrHoles) add(chunk int64) {
	if e.Missing++; e.Missing == 1 {
		e.First = chunk * roster.ChunkRows
	}
}

// whole refuses a campaign that lost chunks of its roster. After its retention
// they are meant to be gone.
func (s *Store) whole(ctx context.Context, c Campaign) error {
	if c.Expired {
		return nil
	}
	found, err := s.holes(ctx, c.ID, c.chunks())
	if found.State = c.State; err == nil && found.Missing > 0 {
		return found
	}
	return err
}

// startable refuses a draft that is not whole. What is no draft is refused by the
// script.
func (s *Store) startable(ctx context.Context, id string) error {
	c, err := s.Campaign(ctx, id)
	if errors.As(err, new(ErrUnknown)) || err == nil && c.State != Draft {
		return nil
	}
	if err != nil {
		return err
	}
	return s.whole(ctx, c)
}

// written refuses to end a load whose chunks are not all there.
func (l *loader) written(ctx context.Context, chunks int64) error {
	found, err := l.holes(ctx, l.spec.ID, chunks)
	if err != nil || found.Missing == 0 {
		return err
	}
	has, err := l.rdb.HMGet(ctx, l.keys.campaign(l.spec.ID), "state", "load_token").Result()
	switch {
	case err != nil:
		return err
	case has[1] != l.token: // another load, or a deletion, removed them
		return ErrStale{ID: l.spec.ID}
	case has[0] != string(Loading): // it has ended before
		return nil
	}
	found.State = Loading
	return found
}

// clear removes what a load begins over: another one that did not end, and a
// draft that has holes, which nobody can send. Were its chunks overwritten
// instead, one that Redis loses of this load would leave the earlier's in its
// place, with other users. They go before this load begins, so that no replica
// has its beginning and them.
func (l *loader) clear(ctx context.Context) error {
	c, err := l.Campaign(ctx, l.spec.ID)
	if err != nil {
		if errors.As(err, new(ErrUnknown)) {
			return nil
		}
		return err
	}
	why := removal{token: c.loadToken}
	if c.State == Draft {
		why = removal{confirm: c.Total}
		err = l.whole(ctx, c)
	}
	holed := errors.As(err, new(ErrHoles))
	switch {
	case err != nil && !holed:
		return err
	case c.Deleting, c.State != Loading && !holed:
		return nil
	}
	// Refused: somebody was faster, and load_begin looks at what is there now.
	err = l.remove(ctx, l.spec.ID, why)
	if errors.As(err, new(ErrStale)) || errors.As(err, new(ErrUnknown)) || errors.As(err, new(ErrState)) || errors.As(err, new(ErrConfirm)) {
		return nil
	}
	return err
}
