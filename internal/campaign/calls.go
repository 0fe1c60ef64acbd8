package campaign

import (
	"context"
	"errors"
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
// Nor does one wait of which calls has lost its entry. It returns how many there
// were. With [ErrDamaged], or [ErrForeign], it went on after what it could not
// read.
func (s *Store) LookAtCalls(ctx context.Context) (doubts int, err error) {
	members, err := s.run(ctx, "look", []string{s.keys.calls()}, s.busy(), lookLimit).StringSlice()
	if err != nil {
		return 0, fmt.Errorf("look at calls: %w", err)
	}
	refs, foreign := parseMembers(members)
	unread := []error{s.drop(ctx, "drop", s.keys.calls(), foreign)}
	for _, ref := range refs {
		lost, err := s.lost(ctx, ref)
		switch {
		case Unreadable(err):
			unread = append(unread, err)
		case err != nil:
			return doubts, err
		case lost:
			doubts++
		}
	}
	unread = append(unread, s.pruneDoubts(ctx))
	unlisted, err := s.unlisted(ctx)
	return doubts + unlisted, joined(append(unread, err))
}

// joined is the first error that is about more than some rows, or all of them.
func joined(all []error) error {
	for _, err := range all {
		if err != nil && !Unreadable(err) {
			return err
		}
	}
	return errors.Join(all...)
}

func (s *Store) lost(ctx context.Context, ref reset.Ref) (bool, error) {
	what, err := s.run(ctx, "lost", s.keys.row(ref), rowArgs(ref, s.busy(), s.codeLife(), DoubtLimit)...).Text()
	if err != nil {
		return false, fmt.Errorf("doubt about %s: %w", ref, s.ofRecord(ref, err))
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
	page, err := s.run(ctx, "prune", []string{s.keys.doubts()}, s.doubts.Load(), doubtsKept.Milliseconds()).StringSlice()
	if err != nil {
		return fmt.Errorf("prune doubts: %w", err)
	}
	if len(page) == 0 {
		return errAnswer("prune", page)
	}
	next, err := strconv.ParseUint(page[0], 10, 64)
	if err != nil {
		return errAnswer("prune", page[0])
	}
	s.doubts.Store(next)
	if len(page) > 1 {
		return ErrForeign{Key: s.keys.doubts(), Members: page[1:]}
	}
	return nil
}
