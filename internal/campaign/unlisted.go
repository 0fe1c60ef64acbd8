package campaign

import (
	"context"
	"fmt"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// unlisted declares calls in doubt of which only the records know: calls was
// lost, or replaced by an older copy. Whoever made them has no other trace in
// Redis, the queue's tasks go by the records, and a campaign with calls in flight
// can neither end nor be deleted. So it is done whatever a campaign's state is.
func (s *Store) unlisted(ctx context.Context) (doubts int, err error) {
	all, err := s.readable(ctx)
	if err != nil {
		return 0, err
	}
	var unread []error
	for _, c := range all {
		n, err := s.unlistedOf(ctx, c)
		doubts += n
		if err != nil && !Unreadable(err) {
			return doubts, err
		}
		unread = append(unread, err)
	}
	return doubts, joined(unread)
}

// unlistedOf reads records only when an entry is missing: a whole pass over a
// million of them takes a fifth of a second.
func (s *Store) unlistedOf(ctx context.Context, c Campaign) (doubts int, err error) {
	if c.Counts.Calling == 0 {
		return 0, nil
	}
	n, err := s.run(ctx, "unlisted", []string{s.keys.campaign(c.ID), s.keys.calls()}, c.ID, c.Generation).Int64()
	if err != nil {
		return 0, fmt.Errorf("calls of %s: %w", c.ID, err)
	}
	if n <= 0 {
		return 0, nil
	}
	now, err := s.Now(ctx)
	if err != nil {
		return 0, err
	}
	return s.lostSince(ctx, c, now.Add(-s.pool.Hour.Busy()))
}

// lostSince looks at the open chunks for rows that have been calling since then,
// or for longer, and are not in calls.
func (s *Store) lostSince(ctx context.Context, c Campaign, since time.Time) (doubts int, err error) {
	var unread []error
	for chunk := int64(0); ; chunk++ {
		if chunk, err = s.nextOpen(ctx, c.ID, chunk, c.chunks()); err != nil || chunk < 0 {
			return doubts, joined(append(unread, err))
		}
		n, err := s.lostIn(ctx, c, chunk, since)
		doubts += n
		if err != nil && !Unreadable(err) {
			return doubts, err
		}
		unread = append(unread, err)
	}
}

func (s *Store) lostIn(ctx context.Context, c Campaign, chunk int64, since time.Time) (doubts int, err error) {
	first := chunk * roster.ChunkRows
	end := min(first+roster.ChunkRows, c.Total)
	records, err := s.records(ctx, c, chunk)
	if err != nil {
		return 0, err
	}
	return s.lostAmong(ctx, c, records, rows{first, end}, since)
}

// rows are those from first on and before end, of one chunk.
type rows struct{ first, end int64 }

func (s *Store) lostAmong(ctx context.Context, c Campaign, records []byte, among rows, since time.Time) (doubts int, err error) {
	for row := among.first; row < among.end; row++ {
		r, err := recordAt(records, int(row%roster.ChunkRows))
		if err != nil || r.State != Calling || r.At.After(since) {
			continue
		}
		lost, err := s.unlistedRow(ctx, c.Ref(row))
		if err != nil {
			return doubts, err
		}
		if lost {
			doubts++
		}
	}
	return doubts, nil
}

// unlistedRow leaves what is in calls to the look.
func (s *Store) unlistedRow(ctx context.Context, ref reset.Ref) (bool, error) {
	listed, err := s.rdb.HExists(ctx, s.keys.calls(), member(ref)).Result()
	if err != nil {
		return false, fmt.Errorf("calls: %w", err)
	}
	if listed {
		return false, nil
	}
	return s.lost(ctx, ref)
}
