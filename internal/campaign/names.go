package campaign

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// piece is a chunk of the roster as it was read: a string, or of a standing
// campaign a hash of single rows.
type piece struct {
	chunk  *redis.StringCmd
	single *redis.MapStringStringCmd
}

// pieces are chunks of one campaign's roster, and what its campaign was then.
type pieces struct {
	of         []piece
	codec      *roster.Codec
	generation string
	expired    bool
}

// pieces reads chunks of the roster in one pipeline. The campaign is looked at
// after them: if it has its generation then, they are of that generation too.
func (s *Store) pieces(ctx context.Context, c Campaign, numbers []int64) (pieces, error) {
	got := pieces{of: make([]piece, len(numbers))}
	var err error
	if got.codec, err = s.codec(c.ID, c.Generation); err != nil {
		return got, err
	}
	var about *redis.SliceCmd
	_, err = s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, n := range numbers {
			if c.Standing {
				got.of[i].single = p.HGetAll(ctx, s.keys.roster(c.ID, n))
			} else {
				got.of[i].chunk = p.Get(ctx, s.keys.roster(c.ID, n))
			}
		}
		about = p.HMGet(ctx, s.keys.campaign(c.ID), "generation", "expired")
		return nil
	})
	if err == nil || keysOwn(err) {
		err = about.Err() // what is wrong with a piece is its chunk's
	}
	if err != nil {
		return got, fmt.Errorf("roster of %s: %w", c.ID, err)
	}
	got.generation, _ = about.Val()[0].(string)
	got.expired = about.Val()[1] != nil
	return got, nil
}

// names unpacks what the roster says of chunks. What cannot be read is among
// the chunk's damages; an expired roster has no names and no damage.
func (s *Store) names(ctx context.Context, c Campaign, chunks []chunkRows) error {
	if c.Expired || len(chunks) == 0 {
		return nil
	}
	numbers := make([]int64, len(chunks))
	for i, ch := range chunks {
		numbers[i] = ch.number
	}
	got, err := s.pieces(ctx, c, numbers)
	if err != nil || got.expired { // the retention ended while it was read
		return err
	}
	if got.generation != c.Generation {
		return ErrUnknown{ID: c.ID, Pool: c.Pool}
	}
	for i := range chunks {
		s.unpackNames(c, got.codec, &chunks[i], got.of[i])
	}
	return nil
}

func (s *Store) unpackNames(c Campaign, codec *roster.Codec, ch *chunkRows, from piece) {
	if from.single != nil {
		s.singleNames(c, codec, ch, from.single)
		return
	}
	users, err := usersOf(codec, ch, from.chunk)
	if err != nil {
		ch.damages = append(ch.damages, s.damaged(c.Ref(ch.number*roster.ChunkRows), s.keys.roster(c.ID, ch.number), err))
		return
	}
	ch.names = func(slot int) (int64, reset.Personal, error) { return users.Line(slot), users.Username(slot), nil }
}

func usersOf(codec *roster.Codec, ch *chunkRows, chunk *redis.StringCmd) (roster.Users, error) {
	packed, err := packedIn(chunk)
	if err != nil {
		return roster.Users{}, err
	}
	users, err := codec.Users(ch.number, packed)
	if err == nil {
		err = wrongSize(users.Len(), ch.size)
	}
	return users, err
}

// packedIn returns the bytes of a chunk that is there.
func packedIn(chunk *redis.StringCmd) ([]byte, error) {
	b, err := chunk.Bytes()
	if errors.Is(err, redis.Nil) {
		err = errMissing
	}
	return b, err
}

func wrongSize(have, want int) error {
	if have == want {
		return nil
	}
	return fmt.Errorf("it has %d rows and not %d", have, want)
}

// singleNames is unpackNames for a chunk of a standing campaign, where each row
// is damaged by itself.
func (s *Store) singleNames(c Campaign, codec *roster.Codec, ch *chunkRows, from *redis.MapStringStringCmd) {
	if err := from.Err(); err != nil {
		ch.damages = append(ch.damages, s.damaged(c.Ref(ch.number*roster.ChunkRows), s.keys.roster(c.ID, ch.number), err))
		return
	}
	rows, first := from.Val(), ch.number*roster.ChunkRows
	ch.names = func(slot int) (int64, reset.Personal, error) {
		ref := c.Ref(first + int64(slot))
		packed, ok := rows[strconv.FormatInt(ref.Row, 10)]
		if !ok {
			return 0, reset.Personal{}, s.damagedRow(ref, errMissing)
		}
		row, err := codec.UnpackOne(ref.Row, []byte(packed))
		if err != nil {
			return 0, reset.Personal{}, s.damagedRow(ref, err)
		}
		return row.Line, row.Request.Username, nil
	}
}
