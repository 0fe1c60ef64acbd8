package campaign

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/roster"
)

// Delete removes a campaign and everything that is known of it, except that
// its users' codes may still be alive. The number to confirm is its total; a
// campaign that is loading has none yet. An interrupted deletion is ended by
// deleting or loading again.
func (s *Store) Delete(ctx context.Context, id string, confirm int64) error {
	err := s.remove(ctx, id, removal{confirm: confirm})
	if errors.As(err, new(ErrUnknown)) {
		// A load that was killed at its very beginning left the claim alone.
		seen, claimErr := s.claimed(ctx, id)
		if claimErr != nil || seen == "" {
			return errors.Join(err, claimErr)
		}
		dropped, claimErr := s.unclaim(ctx, id, seen)
		if dropped || claimErr != nil {
			return claimErr
		}
	}
	return err
}

// removal says why a campaign may be removed: an operator confirmed a number,
// or the load that holds the token discards it. A deletion that was interrupted
// is ended whatever this says.
type removal struct {
	confirm int64
	token   string
}

// remove goes through the steps of a deletion; ids.go explains their order.
func (s *Store) remove(ctx context.Context, id string, why removal) error {
	seen, err := s.claimed(ctx, id)
	if err != nil {
		return err
	}
	token := rand.Text()
	r, err := s.answer(ctx, 4, "delete_begin", []string{s.keys.campaign(id)}, token, why.confirm, why.token)
	if err != nil {
		return fmt.Errorf("delete %s: %w", id, err)
	}
	what, state, n, generation := r.text(0), Status(r.text(1)), r.int(2), r.text(3)
	switch {
	case r.err != nil:
		return r.err
	case what == "stale":
		return ErrStale{ID: id}
	case what != "begun":
		return s.refusal(command{verb: "delete", id: id, confirm: why.confirm, of: "rows"}, what, state, n)
	}
	if err := s.empty(ctx, id, generation, emptying{token: token, chunks: n}); err != nil {
		return fmt.Errorf("delete %s: %w", id, err)
	}
	if _, err := s.unclaim(ctx, id, seen); err != nil {
		return err
	}
	keys := []string{s.keys.campaign(id), s.keys.open(id), s.keys.campaigns()}
	return s.run(ctx, "delete_end", keys, token, id).Err()
}

// emptying is a deletion that has begun.
type emptying struct {
	token  string
	chunks int64
}

// empty removes the chunks, and what the pool's own keys hold of the campaign.
func (s *Store) empty(ctx context.Context, id, generation string, e emptying) error {
	for from := int64(0); from < e.chunks; from += keysAtOnce / 2 {
		keys, to := []string{s.keys.campaign(id)}, min(from+keysAtOnce/2, e.chunks)
		for n := from; n < to; n++ {
			keys = append(keys, s.keys.roster(id, n), s.keys.ledger(id, n))
		}
		ok, err := s.run(ctx, "delete_chunks", keys, e.token).Bool()
		if err != nil {
			return err
		}
		if !ok {
			return ErrStale{ID: id}
		}
		progress(ctx, to*roster.ChunkRows, e.chunks*roster.ChunkRows)
	}
	if generation == "" {
		return nil // it never ran
	}
	return s.forget(ctx, id+"#* "+generation)
}

// scanAtOnce is how many entries a step of a scan looks at.
const scanAtOnce = 1000

// forget removes the members that match from the pool's keys. No new campaign
// has the generation in them, so nothing of it can be hit.
func (s *Store) forget(ctx context.Context, match string) error {
	for _, in := range []collection{
		{s.keys.later(), s.rdb.ZScan, s.zrem},
		{s.keys.doubts(), s.rdb.HScan, s.rdb.HDel},
		{s.keys.misconfigured(), s.rdb.HScan, s.rdb.HDel},
	} {
		if err := in.drop(ctx, match); err != nil {
			return err
		}
	}
	return nil
}

// collection is a sorted set or a hash.
type collection struct {
	key    string
	scan   func(ctx context.Context, key string, cursor uint64, match string, count int64) *redis.ScanCmd
	remove func(ctx context.Context, key string, members ...string) *redis.IntCmd
}

// drop removes the members that match, as many at once as a step has found: a
// campaign may have a million rows that wait.
func (in collection) drop(ctx context.Context, match string) error {
	for cursor := uint64(0); ; {
		entries, next, err := in.scan(ctx, in.key, cursor, match, scanAtOnce).Result()
		if err != nil {
			return err
		}
		members := make([]string, 0, len(entries)/2)
		for i := 0; i < len(entries); i += 2 { // behind each its score, or its value
			members = append(members, entries[i])
		}
		if len(members) > 0 {
			err = in.remove(ctx, in.key, members...).Err()
		}
		if cursor = next; err != nil || cursor == 0 {
			return err
		}
	}
}

func (s *Store) zrem(ctx context.Context, key string, members ...string) *redis.IntCmd {
	all := make([]any, len(members))
	for i, m := range members {
		all[i] = m
	}
	return s.rdb.ZRem(ctx, key, all...)
}
