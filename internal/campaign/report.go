package campaign

import (
	"context"
	"iter"

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

// Rows yields what became of a campaign's rows, in their order. It reads a few
// chunks at a time, so a row of the end may be younger than one of the
// beginning. Where the roster is damaged it yields [ErrDamaged] for the chunk, or
// [ErrNoKey] when its key is not there, and then its rows without names; where the
// ledger is, [ErrDamaged] for the rows whose record cannot be read. Whoever goes
// on gets all the others. Any other error is the last.
func (s *Store) Rows(ctx context.Context, c Campaign, f Filter) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		if c.State == Loading {
			yield(Line{}, c.unloaded("report"))
			return
		}
		for page, err := range s.pages(ctx, c, reading{want: f.Has, names: true}) {
			if err != nil {
				yield(Line{}, err)
				return
			}
			for i := range page.chunks {
				if !page.chunks[i].yield(c, yield) {
					return
				}
			}
			progress(ctx, page.end*roster.ChunkRows, c.Total)
		}
	}
}

// unloaded refuses what needs a whole roster.
func (c Campaign) unloaded(verb string) error {
	refused := ErrState{ID: c.ID, Have: c.State, Want: verb, Possible: c.State.possible()}
	if c.Deleting {
		refused.Why, refused.Possible = "its deletion was interrupted", []string{"delete"}
	}
	return refused
}

func (ch *chunkRows) yield(c Campaign, yield func(Line, error) bool) bool {
	for _, err := range ch.damages {
		if !yield(Line{}, err) {
			return false
		}
	}
	for _, row := range ch.rows {
		line := Line{Ref: c.Ref(ch.number*roster.ChunkRows + int64(row.slot)), Record: row.Record}
		if ch.names != nil {
			var err error
			line.Line, line.Username, err = ch.names(row.slot)
			if err != nil && !yield(Line{}, err) {
				return false
			}
		}
		if !yield(line, nil) {
			return false
		}
	}
	return true
}
