package campaign

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// lifecycle is the part of a store that belongs to the life of campaigns.
type lifecycle struct {
	cache  chunkCache
	intake intakeHint
}

var errMissing = errors.New("it is missing")

// damaged says which rows cannot be read because a chunk cannot be.
func (s *Store) damaged(ref reset.Ref, key string, err error) error {
	first := chunkOf(ref.Row) * roster.ChunkRows
	return unreadable(ErrDamaged{Key: key, Campaign: ref.Campaign, First: first, Last: first + roster.ChunkRows - 1, Err: err})
}

// unreadable tells a key that is not there from damage.
func unreadable(e ErrDamaged) error {
	if missing, ok := errors.AsType[roster.ErrNoKey](e.Err); ok {
		return ErrNoKey{Campaign: e.Campaign, First: e.First, Last: e.Last, Err: missing}
	}
	return e
}

// Request returns a row's request. A campaign is fed in the order of its rows,
// so the last few chunks are kept unpacked. The error is [ErrDamaged] when the
// chunk cannot be read, [ErrNoKey] when it is sealed with a key that is not
// there, [ErrExpired] when the roster was deleted after its retention, and
// [ErrUnknown] when the campaign was deleted.
func (s *Store) Request(ctx context.Context, ref reset.Ref) (roster.Row, error) {
	if isIntake(ref.Campaign) {
		return s.single(ctx, ref)
	}
	chunk := chunkOf(ref.Row)
	rows, err := s.parts.cache.get(ctx, chunkKey{ref.Campaign, ref.Generation, chunk}, func(ctx context.Context) ([]roster.Row, error) {
		packed, err := s.fetch(ctx, ref, func(p redis.Pipeliner) *redis.StringCmd {
			return p.Get(ctx, s.keys.roster(ref.Campaign, chunk))
		})
		if err != nil {
			return nil, err
		}
		codec, err := s.codec(ref.Campaign, ref.Generation)
		if err != nil {
			return nil, err
		}
		rows, err := codec.Unpack(chunk, packed)
		if err != nil {
			return nil, s.damaged(ref, s.keys.roster(ref.Campaign, chunk), err)
		}
		return rows, nil
	})
	if err != nil {
		return roster.Row{}, err
	}
	slot := ref.Row % roster.ChunkRows
	if slot >= int64(len(rows)) {
		return roster.Row{}, s.damaged(ref, s.keys.roster(ref.Campaign, chunk), fmt.Errorf("it has %d rows, and %s is not among them", len(rows), ref))
	}
	return rows[slot], nil
}

// single reads a row of a standing campaign.
func (s *Store) single(ctx context.Context, ref reset.Ref) (roster.Row, error) {
	key := s.keys.roster(ref.Campaign, chunkOf(ref.Row))
	field := strconv.FormatInt(ref.Row, 10)
	packed, err := s.fetch(ctx, ref, func(p redis.Pipeliner) *redis.StringCmd { return p.HGet(ctx, key, field) })
	if err != nil {
		return roster.Row{}, err
	}
	codec, err := s.codec(ref.Campaign, ref.Generation)
	if err != nil {
		return roster.Row{}, err
	}
	row, err := codec.UnpackOne(ref.Row, packed)
	if err != nil {
		return roster.Row{}, s.damagedRow(ref, err)
	}
	return row, nil
}

// damagedRow is ErrDamaged for a single row: of a standing campaign only one is lost.
func (s *Store) damagedRow(ref reset.Ref, err error) error {
	key := s.keys.roster(ref.Campaign, chunkOf(ref.Row))
	return unreadable(ErrDamaged{Key: key, Campaign: ref.Campaign, First: ref.Row, Last: ref.Row, Err: err})
}

// fetch reads a piece of the roster and says why it is not there. The campaign
// is looked at after the piece: if it has the row's generation then, the piece
// is of that generation too.
func (s *Store) fetch(ctx context.Context, ref reset.Ref, get func(redis.Pipeliner) *redis.StringCmd) ([]byte, error) {
	var piece *redis.StringCmd
	var about *redis.SliceCmd
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		piece = get(p)
		about = p.HMGet(ctx, s.keys.campaign(ref.Campaign), "generation", "expired")
		return nil
	})
	if err == nil || keysOwn(err) {
		err = about.Err() // the piece's own is looked at below
	}
	if err != nil {
		return nil, fmt.Errorf("request of %s: %w", ref, err)
	}
	generation, expired := about.Val()[0], about.Val()[1]
	switch {
	case generation != ref.Generation:
		return nil, ErrUnknown{ID: ref.Campaign, Pool: s.pool.Name}
	case expired != nil:
		return nil, ErrExpired{ID: ref.Campaign}
	}
	packed, err := packedIn(piece)
	if err != nil && !errors.Is(err, errMissing) && !keysOwn(err) {
		return nil, fmt.Errorf("request of %s: %w", ref, err)
	}
	if err != nil {
		return nil, s.damaged(ref, s.keys.roster(ref.Campaign, chunkOf(ref.Row)), err)
	}
	return packed, nil
}

func isIntake(id string) bool { return strings.HasPrefix(id, intakePrefix) }
