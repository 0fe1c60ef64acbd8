package campaign

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// Line is what became of a row: a line of the report.
type Line struct {
	Ref reset.Ref
	// Line is the row's line in the file; 0 for single resets, and when the
	// roster cannot be read any more.
	Line int64
	// Username is empty when the roster was deleted after its retention, or is damaged.
	Username reset.Personal
	// Record: of a row that waits, At is the time before which it is not called.
	Record
}

// reportChunks is how many chunks are read in one pipeline: enough to hide the
// way to Redis, few enough that nothing else waits for the answer.
const reportChunks = 16

// Rows yields what became of a campaign's rows, in their order. It reads a few
// chunks at a time, so a row of the end may be younger than one of the
// beginning. When a chunk of the roster is damaged it yields [ErrDamaged] for it
// and then its rows without names; whoever goes on gets all the others. Any
// other error is the last.
func (s *Store) Rows(ctx context.Context, c Campaign, f Filter) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for from := int64(0); from < c.chunks(); from += reportChunks {
			chunks, err := s.page(ctx, c, from, f.Has)
			if err == nil {
				err = s.names(ctx, c, chunks)
			}
			if err != nil {
				yield(Line{}, err)
				return
			}
			for _, chunk := range chunks {
				if !chunk.yield(c, yield) {
					return
				}
			}
		}
	}
}

// chunkRows are rows of one chunk.
type chunkRows struct {
	number  int64
	records []Record // of all its rows
	slots   []int    // the rows that are wanted
	names   func(slot int) (roster.Row, error)
	err     error // of the roster
}

func (ch chunkRows) yield(c Campaign, yield func(Line, error) bool) bool {
	if ch.err != nil && !yield(Line{}, ch.err) {
		return false
	}
	for _, slot := range ch.slots {
		line := Line{Ref: c.Ref(ch.number*roster.ChunkRows + int64(slot)), Record: ch.records[slot]}
		if ch.names != nil {
			row, err := ch.names(slot)
			if err != nil && !yield(Line{}, err) {
				return false
			}
			line.Line, line.Username = row.Line, row.Request.Username
		}
		if !yield(line, nil) {
			return false
		}
	}
	return true
}

// page reads the records of some chunks, and returns those with rows that are
// wanted.
func (s *Store) page(ctx context.Context, c Campaign, from int64, want func(Record) bool) ([]chunkRows, error) {
	end := min(from+reportChunks, c.chunks())
	var generation *redis.StringCmd
	ledgers := make([]*redis.StringCmd, 0, end-from)
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n := from; n < end; n++ {
			ledgers = append(ledgers, p.GetRange(ctx, s.keys.ledger(c.ID, n), 0, roster.ChunkRows*recordBytes-1))
		}
		generation = p.HGet(ctx, s.keys.campaign(c.ID), "generation")
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("ledger of %s: %w", c.ID, err)
	}
	if generation.Val() != c.Generation {
		return nil, ErrUnknown{ID: c.ID, Pool: c.Pool} // deleted while it was read
	}
	var found []chunkRows
	for i, b := range ledgers {
		ch := chunkRows{number: from + int64(i)}
		if err := ch.choose([]byte(b.Val()), c.Total, want); err != nil {
			return nil, s.damaged(c.Ref(ch.number*roster.ChunkRows), s.keys.ledger(c.ID, ch.number), err)
		}
		if len(ch.slots) > 0 {
			found = append(found, ch)
		}
	}
	return found, nil
}

// choose reads a chunk's records and notes the rows that are wanted.
func (ch *chunkRows) choose(ledger []byte, total int64, want func(Record) bool) error {
	rows := min(roster.ChunkRows, total-ch.number*roster.ChunkRows)
	ch.records = make([]Record, rows)
	for slot := range ch.records {
		r, err := recordAt(ledger, slot)
		if err != nil {
			return fmt.Errorf("row %d: %w", ch.number*roster.ChunkRows+int64(slot), err)
		}
		ch.records[slot] = r
		if want(r) {
			ch.slots = append(ch.slots, slot)
		}
	}
	return nil
}

// ledgers yields the chunks that hold rows that are wanted.
func (s *Store) ledgers(ctx context.Context, c Campaign, want func(Record) bool) iter.Seq2[chunkRows, error] {
	return func(yield func(chunkRows, error) bool) {
		for from := int64(0); from < c.chunks(); from += reportChunks {
			chunks, err := s.page(ctx, c, from, want)
			if err != nil {
				yield(chunkRows{}, err)
				return
			}
			for _, ch := range chunks {
				if !yield(ch, nil) {
					return
				}
			}
		}
	}
}

// Find returns the rows of a username, as the pool compares them: in one
// campaign, or with an empty id in all of the pool whose roster is still there.
// It reads whole rosters. Like [Store.Rows] it goes on after a damaged chunk,
// and returns what it found together with [ErrDamaged].
func (s *Store) Find(ctx context.Context, id string, username reset.Personal) ([]Line, error) {
	var in []Campaign
	if id == "" {
		all, err := s.Campaigns(ctx)
		if err != nil {
			return nil, err
		}
		in = slices.DeleteFunc(all, func(c Campaign) bool { return c.Expired })
	} else {
		c, err := s.Campaign(ctx, id)
		if err != nil {
			return nil, err
		}
		if c.Expired {
			return nil, ErrExpired{ID: id}
		}
		in = []Campaign{c}
	}
	var found []Line
	var damaged []error
	for _, c := range in {
		lines, err := s.find(ctx, c, username)
		found = append(found, lines...)
		switch {
		case errors.As(err, new(ErrUnknown)) && id == "":
			// It was deleted since it was listed.
		case errors.As(err, new(ErrDamaged)):
			damaged = append(damaged, err)
		case err != nil:
			return found, err
		}
	}
	return found, errors.Join(damaged...)
}

func (s *Store) find(ctx context.Context, c Campaign, username reset.Personal) (found []Line, err error) {
	name := roster.Fold(username.Reveal(), s.pool.CaseSensitive)
	var damaged []error
	for line, err := range s.Rows(ctx, c, Filter{}) {
		switch {
		case errors.As(err, new(ErrDamaged)):
			damaged = append(damaged, err)
		case err != nil:
			return found, err
		case !line.Username.IsZero() && roster.Fold(line.Username.Reveal(), s.pool.CaseSensitive) == name:
			found = append(found, line)
		}
	}
	return found, errors.Join(damaged...)
}
