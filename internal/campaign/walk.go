package campaign

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"github.com/rekeyhq/rekey/internal/roster"
)

// bitmapPage is how much of the open chunks is read at once: 1,024 bytes are
// eight million rows.
const bitmapPage = 1024

// Walk is one step of the walk over the chunks behind a campaign's cursor.
type Walk struct {
	// Rows are due and not in later, or their record is damaged: they should be
	// in the queue. Those that are in none of its lists on two walks in a row
	// were lost by it.
	Rows []int64
	// Next is the chunk to ask for next, -1 after the last.
	Next int64
	// Now is the time on Redis's clock.
	Now time.Time
}

// Behind looks at the first open chunk from chunk on, behind the cursor. It
// puts rows into later that must wait and are not there, and into doubt those that
// have long been calling and are not in calls. One step reads one chunk. A whole
// pass over a million rows takes 0.1 ms when all are final, and 0.2 s when every
// chunk has rows to do (BenchmarkWalk, on two cores). With [ErrDamaged] for a
// chunk that cannot be read the walk goes on at Next.
func (s *Store) Behind(ctx context.Context, c Campaign, chunk int64) (Walk, error) {
	o, err := s.openChunk(ctx, c, chunk)
	if err != nil || o.Next < 0 {
		return o.Walk, err
	}
	if _, err := s.lostAmong(ctx, c, o.records, o.rows, o.Now.Add(-s.pool.Hour.Busy())); err != nil {
		return o.Walk, err
	}
	free, held := toDo(o.records, o.first, o.end)
	due, err := s.due(ctx, c, chunkOf(o.first), held)
	o.Rows = append(free, due...)
	if err == nil && len(free)+len(held) == 0 {
		err = s.tally(ctx, c, chunkOf(o.first))
	}
	return o.Walk, err
}

// Ripe is Behind for a campaign that cannot wait until it comes to the head of
// later: its rows are those whose time has come, in later or not. It writes
// nothing; what is fed is taken out of later by Fed.
func (s *Store) Ripe(ctx context.Context, c Campaign, chunk int64) (Walk, error) {
	o, err := s.openChunk(ctx, c, chunk)
	if err != nil || o.Next < 0 {
		return o.Walk, err
	}
	for row := o.first; row < o.end; row++ {
		r, err := recordAt(o.records, int(row%roster.ChunkRows))
		if err == nil && (r.State == Waiting || r.State == InDoubt) && !r.At.After(o.Now) {
			o.Rows = append(o.Rows, row)
		}
	}
	return o.Walk, nil
}

// opened is a chunk that has rows to do: its records, and which rows of it are
// behind the cursor.
type opened struct {
	Walk
	rows
	records []byte
}

// openChunk reads the first open chunk from chunk on, behind the cursor.
func (s *Store) openChunk(ctx context.Context, c Campaign, chunk int64) (opened, error) {
	now, err := s.Now(ctx)
	if err != nil {
		return opened{}, err
	}
	chunk, err = s.nextOpen(ctx, c.ID, chunk, chunkOf(c.Cursor+roster.ChunkRows-1))
	o := opened{Walk: Walk{Next: -1, Now: now}}
	if err != nil || chunk < 0 {
		return o, err
	}
	o.Next = chunk + 1
	o.first = chunk * roster.ChunkRows
	o.end = min(o.first+roster.ChunkRows, c.Cursor)
	o.records, err = s.records(ctx, c, chunk)
	return o, err
}

// tally closes an open chunk in which nothing is left to do: the number of final
// rows that it ends with was damaged.
func (s *Store) tally(ctx context.Context, c Campaign, chunk int64) error {
	if err := s.run(ctx, "tally", s.keys.chunk(c.ID, chunk), c.ID, c.Generation, chunk).Err(); err != nil {
		return fmt.Errorf("walk over %s: %w", c.ID, err)
	}
	return nil
}

// toDo sorts out which rows [first, end) still have to be called: those that
// wait for nothing, among them the damaged ones, and those held until a time.
func toDo(records []byte, first, end int64) (free []int64, held []any) {
	for row := first; row < end; row++ {
		r, err := recordAt(records, int(row%roster.ChunkRows))
		switch {
		case err != nil || r.State == Planned:
			free = append(free, row)
		case r.State == Waiting || r.State == InDoubt:
			held = append(held, row)
		}
	}
	return free, held
}

// due asks which of the rows are due, and puts into later what is missing there.
func (s *Store) due(ctx context.Context, c Campaign, chunk int64, held []any) ([]int64, error) {
	if len(held) == 0 {
		return nil, nil
	}
	rows, err := s.run(ctx, "behind", s.keys.chunk(c.ID, chunk), append([]any{c.ID, c.Generation}, held...)...).Int64Slice()
	if err != nil {
		return nil, fmt.Errorf("walk over %s: %w", c.ID, err)
	}
	return rows, nil
}

// nextOpen finds the first open chunk in [from, end), or -1.
func (s *Store) nextOpen(ctx context.Context, id string, from, end int64) (int64, error) {
	for from < end {
		at := from / 8
		page, err := s.rdb.GetRange(ctx, s.keys.open(id), at, at+bitmapPage-1).Bytes()
		if err != nil {
			return -1, fmt.Errorf("open chunks of %s: %w", id, err)
		}
		if n := firstBit(page, from%8); n >= 0 {
			if chunk := at*8 + n; chunk < end {
				return chunk, nil
			}
			return -1, nil
		}
		if len(page) < bitmapPage {
			return -1, nil
		}
		from = (at + bitmapPage) * 8
	}
	return -1, nil
}

// firstBit finds the first set bit from a position on; Redis counts them from
// the highest of each byte. -1: there is none.
func firstBit(page []byte, from int64) int64 {
	for i, b := range page {
		if i == 0 {
			b &= 0xff >> from
		}
		if b != 0 {
			return int64(i*8 + bits.LeadingZeros8(b))
		}
	}
	return -1
}
