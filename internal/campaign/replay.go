package campaign

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/roster"
)

// Replay lets dead letters stand in line again: rows that are dead, and doubts
// that were parked. The number to confirm is how many of them the filter
// chooses. A done campaign runs again; a paused or halted one stays so. It
// returns how many rows were moved: fewer than confirmed if somebody else moved
// some meanwhile.
//
// It goes chunk by chunk. One that was interrupted is taken up by another
// replay, with the number of those that are left. Where a chunk of the ledger is
// damaged it goes on after it, and returns [ErrDamaged] with what it moved.
func (s *Store) Replay(ctx context.Context, id string, f Filter, confirm int64) (moved int64, err error) {
	if f.deadLetters() == "" {
		return 0, errors.New("replay moves rows that are dead or in_doubt; rows in other states need none")
	}
	r, err := s.answer(ctx, 5, "replay_count", []string{s.keys.campaign(id)}, confirm, f.deadLetters(), f.causes())
	if err != nil {
		return 0, fmt.Errorf("replay %s: %w", id, err)
	}
	what, state, n, generation, now := r.text(0), Status(r.text(1)), r.int(2), r.text(3), r.int(4)
	switch {
	case r.err != nil:
		return 0, r.err
	case what != "go":
		return 0, s.refusal(command{verb: "replay", id: id, confirm: confirm, of: "dead letters"}, what, state, n)
	}
	c, err := s.Campaign(ctx, id)
	if err != nil {
		return 0, err
	}
	if c.Generation != generation {
		return 0, ErrUnknown{ID: id, Pool: s.pool.Name}
	}
	return s.replay(ctx, c, replaying{Filter: f, budget: confirm, at: now})
}

// replaying is a replay that was confirmed: of so many rows, at a time.
type replaying struct {
	Filter
	budget, at int64
}

func (s *Store) replay(ctx context.Context, c Campaign, r replaying) (moved int64, err error) {
	var damages []error
	for page, err := range s.pages(ctx, c, reading{want: r.Filter.Has}) {
		if err != nil {
			return moved, fmt.Errorf("replay %s, after %d rows: %w", c.ID, moved, err)
		}
		for _, chunk := range page.chunks {
			damages = append(damages, chunk.damages...)
			n, err := s.replayChunk(ctx, c, r, chunk)
			if err != nil {
				return moved, fmt.Errorf("replay %s, after %d rows: %w", c.ID, moved, err)
			}
			moved, r.budget = moved+n, r.budget-n
		}
		progress(ctx, page.end*roster.ChunkRows, c.Total)
		if r.budget == 0 {
			break
		}
	}
	return moved, errors.Join(damages...)
}

func (s *Store) replayChunk(ctx context.Context, c Campaign, r replaying, chunk chunkRows) (int64, error) {
	if len(chunk.rows) == 0 || r.budget == 0 {
		return 0, nil
	}
	keys := append(s.keys.chunk(c.ID, chunk.number), s.keys.walk())
	n, err := s.run(ctx, "replay", keys, c.ID, c.Generation, chunk.number*roster.ChunkRows,
		r.budget, r.at, r.deadLetters(), r.causes()).Int64()
	if err == nil && n < 0 {
		err = errors.New("its state no longer allows it")
	}
	return n, err
}

// walk counts the reasons to walk at once over the chunks behind the cursors.
func (k keys) walk() string { return k.prefix + "walk" }

// Walks counts resumes and replays of the pool. The feeder compares it with the
// number that it saw before: another one asks for a walk at once. What is no
// number is dropped, with [ErrForeign]: it would refuse every resume as well.
func (s *Store) Walks(ctx context.Context) (int64, error) {
	text, err := s.rdb.Get(ctx, s.keys.walk()).Result()
	n, foreign := strconv.ParseInt(text, 10, 64)
	switch {
	case errors.Is(err, redis.Nil):
		return 0, nil
	case err == nil && foreign == nil:
		return n, nil
	case err == nil || keysOwn(err):
		err = s.rdb.Del(ctx, s.keys.walk()).Err()
	}
	if err != nil {
		return 0, fmt.Errorf("walks of pool %s: %w", s.pool.Name, err)
	}
	return 0, ErrForeign{Key: s.keys.walk(), Members: []string{text}}
}
