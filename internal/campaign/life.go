package campaign

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Start lets a draft run. The number to confirm is its total.
func (s *Store) Start(ctx context.Context, id string, confirm int64) error {
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
	all, err := s.Campaigns(ctx)
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

// Delete removes a campaign and everything that is known of it, except that
// its users' codes may still be alive. The number to confirm is its total; a
// campaign that is loading has none yet. An interrupted deletion is ended by
// deleting or loading again.
func (s *Store) Delete(ctx context.Context, id string, confirm int64) error {
	err := s.remove(ctx, id, removal{confirm: confirm})
	if errors.As(err, new(ErrUnknown)) {
		// A load that was killed at its very beginning left the claim alone.
		seen, claimErr := s.claimed(ctx, id)
		if claimErr != nil || seen == "" {
			return errors.Join(err, claimErr)
		}
		dropped, claimErr := s.unclaim(ctx, id, seen)
		if dropped || claimErr != nil {
			return claimErr
		}
	}
	return err
}

// removal says why a campaign may be removed: an operator confirmed a number,
// or the load that holds the token discards it.
type removal struct {
	confirm int64
	token   string
}

// remove goes through the steps of a deletion; ids.go explains their order.
func (s *Store) remove(ctx context.Context, id string, why removal) error {
	seen, err := s.claimed(ctx, id)
	if err != nil {
		return err
	}
	token := rand.Text()
	r, err := s.answer(ctx, 4, "delete_begin", []string{s.keys.campaign(id)}, token, why.confirm, why.token)
	if err != nil {
		return fmt.Errorf("delete %s: %w", id, err)
	}
	what, state, n, generation := r.text(0), Status(r.text(1)), r.int(2), r.text(3)
	switch {
	case r.err != nil:
		return r.err
	case what == "stale":
		return ErrStale{ID: id}
	case what != "begun":
		return s.refusal(command{verb: "delete", id: id, confirm: why.confirm, of: "rows"}, what, state, n)
	}
	if err := s.empty(ctx, id, generation, emptying{token: token, chunks: n}); err != nil {
		return fmt.Errorf("delete %s: %w", id, err)
	}
	if _, err := s.unclaim(ctx, id, seen); err != nil {
		return err
	}
	keys := []string{s.keys.campaign(id), s.keys.open(id), s.keys.campaigns()}
	return s.run(ctx, "delete_end", keys, token, id).Err()
}

// emptying is a deletion that has begun.
type emptying struct {
	token  string
	chunks int64
}

// empty removes the chunks, and what the pool's own keys hold of the campaign.
func (s *Store) empty(ctx context.Context, id, generation string, e emptying) error {
	for from := int64(0); from < e.chunks; from += keysAtOnce / 2 {
		keys := []string{s.keys.campaign(id)}
		for n := from; n < min(from+keysAtOnce/2, e.chunks); n++ {
			keys = append(keys, s.keys.roster(id, n), s.keys.ledger(id, n))
		}
		ok, err := s.run(ctx, "delete_chunks", keys, e.token).Bool()
		if err != nil {
			return err
		}
		if !ok {
			return ErrStale{ID: id}
		}
	}
	if generation == "" {
		return nil // it never ran
	}
	return s.forget(ctx, id+"#* "+generation)
}

// scanAtOnce is how many entries a step of a scan looks at.
const scanAtOnce = 1000

// forget removes the members that match from the pool's keys. No new campaign
// has the generation in them, so nothing of it can be hit.
func (s *Store) forget(ctx context.Context, match string) error {
	scans := []struct {
		key  string
		scan func(ctx context.Context, key string, cursor uint64, match string, count int64) *redis.ScanCmd
		drop func(ctx context.Context, key string, members ...string) *redis.IntCmd
	}{
		{s.keys.later(), s.rdb.ZScan, s.zrem},
		{s.keys.doubts(), s.rdb.HScan, s.rdb.HDel},
		{s.keys.misconfigured(), s.rdb.HScan, s.rdb.HDel},
	}
	for _, in := range scans {
		found := in.scan(ctx, in.key, 0, match, scanAtOnce).Iterator()
		for found.Next(ctx) {
			if err := in.drop(ctx, in.key, found.Val()).Err(); err != nil {
				return err
			}
			found.Next(ctx) // its score, or its value
		}
		if err := found.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) zrem(ctx context.Context, key string, members ...string) *redis.IntCmd {
	return s.rdb.ZRem(ctx, key, members)
}
