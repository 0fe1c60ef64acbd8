package campaign

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

const (
	// doubtsKept is how long a late answer finds its doubt.
	doubtsKept = 24 * time.Hour
	// lookLimit bounds one look; the next one is seconds away.
	lookLimit = 1000
)

// LookAtCalls declares marks in doubt whose calls were not answered in time:
// those of workers that died, mostly. So no row waits for the queue to notice.
// It returns how many there were.
func (s *Store) LookAtCalls(ctx context.Context) (doubts int, err error) {
	members, err := s.run(ctx, "look", []string{s.keys.calls()}, s.busy(), lookLimit).StringSlice()
	if err != nil {
		return 0, fmt.Errorf("look at calls: %w", err)
	}
	refs, err := parseMembers(members)
	if err != nil {
		return 0, err
	}
	for _, ref := range refs {
		lost, err := s.lost(ctx, ref)
		if err != nil {
			return doubts, err
		}
		if lost {
			doubts++
		}
	}
	return doubts, s.pruneDoubts(ctx)
}

func (s *Store) lost(ctx context.Context, ref reset.Ref) (bool, error) {
	what, err := s.run(ctx, "lost", s.keys.row(ref), rowArgs(ref, s.busy(), s.codeLife(), DoubtLimit)...).Text()
	if err != nil {
		return false, fmt.Errorf("doubt about %s: %w", ref, err)
	}
	switch what {
	case "doubt", "parked":
		return true, nil
	case "other":
		return false, nil
	}
	return false, fmt.Errorf("doubt about %s: %w", ref, errAnswer("lost", what))
}

// pruneDoubts deletes old entries, a part at each look: a bad day leaves a
// million of them. Settle checks the age itself, so nothing hangs on when.
func (s *Store) pruneDoubts(ctx context.Context) error {
	cursor, err := s.run(ctx, "prune", []string{s.keys.doubts()}, s.doubts.Load(), doubtsKept.Milliseconds()).Text()
	if err != nil {
		return fmt.Errorf("prune doubts: %w", err)
	}
	next, err := strconv.ParseUint(cursor, 10, 64)
	if err != nil {
		return errAnswer("prune", cursor)
	}
	s.doubts.Store(next)
	return nil
}
