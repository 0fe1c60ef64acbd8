package campaign

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
)

// Start lets a draft run. The number to confirm is its total. One that lost
// chunks since it was loaded is refused with [ErrHoles]: it can be loaded anew,
// and once it runs it cannot.
func (s *Store) Start(ctx context.Context, id string, confirm int64) error {
	if err := s.startable(ctx, id); err != nil {
		return fmt.Errorf("start %s: %w", id, err)
	}
	_, err := s.life(ctx, command{verb: "start", id: id, confirm: confirm, of: "users in the plan"})
	return err
}

// Pause stops a running campaign. After it has returned no Begin succeeds; it
// says how many calls are in flight.
func (s *Store) Pause(ctx context.Context, id, reason string) (inFlight int64, err error) {
	return s.life(ctx, command{verb: "pause", id: id, reason: reason})
}

// Resume lets a paused or halted campaign go on. If the pool's halt stands it
// is lifted, with the counts that led to it, and Resume names the other
// campaigns of the pool that go on with this one.
func (s *Store) Resume(ctx context.Context, id string) (others []string, err error) {
	lifted, err := s.life(ctx, command{verb: "resume", id: id})
	if err != nil {
		return nil, err
	}
	if lifted == 0 {
		return nil, nil
	}
	all, err := s.readable(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s goes on, but which others do is not known: %w", id, err)
	}
	for _, c := range all {
		if c.State == Running && c.ID != id {
			others = append(others, c.ID)
		}
	}
	return others, nil
}

// Cancel ends a campaign for good. Rows never called stay planned and are
// reported so; calls in flight are still recorded.
//
// The number to confirm is of the rows that will not be called any more, for
// the first time or again: planned + waiting + in_doubt, without the parked. It
// moves with the calls in flight. While a campaign runs it falls, so a number
// up to 1,000 or 1 % of the total too high is taken for one that was right when
// it was read.
func (s *Store) Cancel(ctx context.Context, id string, confirm int64) error {
	_, err := s.life(ctx, command{verb: "cancel", id: id, confirm: confirm, of: "users not called yet"})
	return err
}

// command is one change of a campaign's state by an operator.
type command struct {
	verb, id string
	confirm  int64
	of       string // what confirm counts
	reason   string
}

func (s *Store) life(ctx context.Context, c command) (int64, error) {
	keys := []string{s.keys.campaign(c.id), s.keys.halt(), s.keys.misconfigured(), s.keys.walk()}
	r, err := s.answer(ctx, 3, "life", keys, c.verb, rand.Text(), c.confirm, c.reason)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", c.verb, c.id, err)
	}
	what, state, n := r.text(0), Status(r.text(1)), r.int(2)
	switch {
	case r.err != nil:
		return 0, r.err
	case what == "done":
		return n, nil
	}
	return 0, s.refusal(c, what, state, n)
}

// refusal is the error of a command that changed nothing.
func (s *Store) refusal(c command, what string, state Status, n int64) error {
	refused := ErrState{ID: c.id, Have: state, Want: c.verb, Possible: state.possible()}
	switch what {
	case "unknown":
		return ErrUnknown{ID: c.id, Pool: s.pool.Name}
	case "confirm":
		return ErrConfirm{ID: c.id, Have: c.confirm, Want: n, Of: c.of}
	case "day":
		refused.Why = "it takes single resets until its day is over in UTC"
		refused.Possible = []string{"pause"}
	case "calling":
		refused.Why = strconv.FormatInt(n, 10) + " calls are in flight, try again when they have ended"
	case "expired":
		return ErrExpired{ID: c.id}
	case "state":
	default:
		return errAnswer(c.verb, what)
	}
	return refused
}
