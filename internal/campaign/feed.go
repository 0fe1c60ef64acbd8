package campaign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

const (
	// LeaseFor is how long the feeder's lease lasts without being renewed.
	LeaseFor = 10 * time.Second
	// aheadChunks bounds how far one look ahead reads. Behind a cursor that was
	// lost there may be many chunks without a planned row.
	aheadChunks = 16
)

// Lease takes the pool's feeder lease for the holder, or renews it. Nothing
// hangs on there being one feeder only: two feed the same rows, and the ledger
// lets each be called once.
func (s *Store) Lease(ctx context.Context, holder string) (bool, error) {
	n, err := s.run(ctx, "lease", []string{s.keys.feeder()}, holder, LeaseFor.Milliseconds()).Int64()
	if err != nil {
		return false, fmt.Errorf("feeder's lease: %w", err)
	}
	return n == 1, nil
}

// Release gives the lease back, so that another feeder goes on at once.
func (s *Store) Release(ctx context.Context, holder string) error {
	if err := s.run(ctx, "release", []string{s.keys.feeder()}, holder).Err(); err != nil {
		return fmt.Errorf("feeder's lease: %w", err)
	}
	return nil
}

// Later returns rows whose time has come, of any campaign of the pool, the
// longest due first. They stay until Fed. Rows of a campaign that does not run
// are among them: take them out with Fed as well, or they stand in the way of
// others. The walk after a resume finds them. With [ErrForeign] it dropped what
// names no row; those that it returns are good.
func (s *Store) Later(ctx context.Context, limit int) ([]reset.Ref, error) {
	members, err := s.run(ctx, "later", []string{s.keys.later()}, limit).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("rows that are due: %w", err)
	}
	refs, foreign := parseMembers(members)
	return refs, s.drop(ctx, "fed", s.keys.later(), foreign)
}

// Resting counts the rows of later, those of campaigns that do not run included.
func (s *Store) Resting(ctx context.Context) (int64, error) {
	n, err := s.rdb.ZCard(ctx, s.keys.later()).Result()
	if err != nil {
		return 0, fmt.Errorf("rows that rest: %w", err)
	}
	return n, nil
}

// Fed takes rows out of later after they were enqueued. A row that was called
// meanwhile and waits anew stays.
func (s *Store) Fed(ctx context.Context, refs ...reset.Ref) error {
	const atOnce = 1000
	for len(refs) > 0 {
		n := min(len(refs), atOnce)
		members := make([]any, n)
		for i, ref := range refs[:n] {
			members[i] = member(ref)
		}
		if err := s.run(ctx, "fed", []string{s.keys.later()}, members...).Err(); err != nil {
			return fmt.Errorf("rows that were fed: %w", err)
		}
		refs = refs[n:]
	}
	return nil
}

// Ahead returns up to n rows to call from the cursor on, and where the cursor
// goes once they are enqueued: planned ones, and those whose record is damaged,
// which end when they are to be called. There may be fewer, even none, before
// the end: the campaign is fed when next is its total. What it returns is good
// also with [ErrDamaged], which names the chunks that it had to pass over.
func (s *Store) Ahead(ctx context.Context, c Campaign, n int) (rows []int64, next int64, err error) {
	var damages []error
	next = c.Cursor
	for read := 0; read < aheadChunks && next < c.Total && len(rows) < n; read++ {
		end := min((chunkOf(next)+1)*roster.ChunkRows, c.Total)
		chunk, err := s.records(ctx, c, chunkOf(next))
		if Unreadable(err) {
			damages, next = append(damages, err), end
			continue
		}
		if err != nil {
			return nil, c.Cursor, err
		}
		for ; next < end && len(rows) < n; next++ {
			if r, err := recordAt(chunk, int(next%roster.ChunkRows)); err != nil || r.State == Planned {
				rows = append(rows, next)
			}
		}
	}
	return rows, next, errors.Join(damages...)
}

// records reads a chunk's records.
func (s *Store) records(ctx context.Context, c Campaign, chunk int64) ([]byte, error) {
	b, err := s.rdb.GetRange(ctx, s.keys.ledger(c.ID, chunk), 0, roster.ChunkRows*recordBytes-1).Bytes()
	switch {
	case err == nil:
		return b, nil
	case keysOwn(err):
		return nil, s.ledgerDamage(c, chunk)(0, int(min(roster.ChunkRows, c.Total-chunk*roster.ChunkRows))-1, err)
	}
	return nil, fmt.Errorf("ledger of %s: %w", c.ID, err)
}

// Advance moves the cursor from where it was seen to where Ahead said. False:
// somebody else moved it, or the campaign is another one by now.
func (s *Store) Advance(ctx context.Context, c Campaign, from, to int64) (bool, error) {
	n, err := s.run(ctx, "advance", []string{s.keys.campaign(c.ID)}, c.ID, c.Generation, from, to).Int64()
	if err != nil {
		return false, fmt.Errorf("cursor of %s: %w", c.ID, err)
	}
	return n == 1, nil
}
