package campaign

import (
	"context"
	"fmt"
)

// Expire deletes the rosters of campaigns that ended longer ago than the pool's
// retention; their ledgers stay. It returns the campaigns that it finished. One
// that was interrupted goes on at the next call. The feeder calls it now and then.
func (s *Store) Expire(ctx context.Context) (expired []string, err error) {
	if s.pool.Retention <= 0 {
		return nil, nil
	}
	now, err := s.Now(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.readable(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if !c.State.Ended() || c.expired == "ended" || now.Before(c.Ended.Add(s.pool.Retention)) {
			continue
		}
		done, err := s.expire(ctx, c)
		if err != nil {
			return expired, fmt.Errorf("delete the roster of %s after its retention: %w", c.ID, err)
		}
		if done {
			expired = append(expired, c.ID)
		}
	}
	return expired, nil
}

// expire goes on until the roster is gone, or the campaign is another one.
func (s *Store) expire(ctx context.Context, c Campaign) (bool, error) {
	key := s.keys.campaign(c.ID)
	ok, err := s.run(ctx, "expire_begin", []string{key}, c.Generation, s.pool.Retention.Milliseconds()).Bool()
	for from := int64(0); ok && err == nil; from += keysAtOnce {
		keys := []string{key}
		for n := from; n < min(from+keysAtOnce, c.chunks()); n++ {
			keys = append(keys, s.keys.roster(c.ID, n))
		}
		ok, err = s.run(ctx, "expire_chunks", keys, c.Generation).Bool()
		if len(keys) == 1 {
			break // no more chunks: this was the end's mark
		}
	}
	return ok, err
}
