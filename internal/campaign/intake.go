package campaign

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

const (
	// eventKept is how long an event's id is remembered.
	eventKept = 24 * time.Hour
	// commandKept is how long an append without an id is: long enough for a
	// repetition by the client.
	commandKept = 10 * time.Minute
	// appendTries bounds how often another append may be faster: by a chunk, or
	// with a key by a row, since a row is sealed for its number.
	appendTries = 1000

	day       = 24 * time.Hour
	dayLayout = time.DateOnly
)

// intakeID is the standing campaign of a pool on a day, counted from 1970.
func intakeID(pool string, number int64) string {
	return intakePrefix + time.Unix(0, 0).UTC().AddDate(0, 0, int(number)).Format(dayLayout) + "-" + pool
}

// intakePool reads the pool out of a standing campaign's id.
func intakePool(id string) (pool string, ok bool) {
	rest, ok := strings.CutPrefix(id, intakePrefix)
	if !ok || len(rest) < len(dayLayout)+2 || rest[len(dayLayout)] != '-' {
		return "", false
	}
	_, err := time.Parse(dayLayout, rest[:len(dayLayout)])
	return rest[len(dayLayout)+1:], err == nil
}

// intakePlace is where a row goes: the day, the row, and the generation of the
// day's campaign, if it is known.
type intakePlace struct {
	day, row   int64
	generation string
}

// intakeHint is where the next append is likely to go. The script says so when
// it is wrong.
type intakeHint struct {
	mu    sync.Mutex
	place intakePlace
}

func (h *intakeHint) get() intakePlace {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.place
}

func (h *intakeHint) set(p intakePlace) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.place = p
}

// Append puts one user into the standing campaign of the day on Redis's clock,
// which the first one of a day makes, running. An event's id is remembered for
// 24 hours in the whole pool: with one that was seen before nothing changes,
// and the row of that time is returned. An append to a paused or halted
// campaign is kept.
func (s *Store) Append(ctx context.Context, req reset.Request, event string) (ref reset.Ref, existed bool, err error) {
	if err := roster.Validate(req); err != nil {
		return reset.Ref{}, false, err
	}
	a := appending{row: roster.Row{Request: req}, token: rand.Text(), generation: rand.Text(), kept: eventKept}
	a.event = s.keys.event(keyedHash(s.secret, "event "+event))
	if event == "" {
		a.event, a.kept = s.keys.event(a.token), commandKept
	}
	for range appendTries {
		ref, what, err := s.append(ctx, a)
		if err != nil {
			return reset.Ref{}, false, fmt.Errorf("append to pool %s: %w", s.pool.Name, err)
		}
		switch what {
		case "added", "known":
			return ref, what == "known", nil
		case "closed":
			return reset.Ref{}, false, fmt.Errorf("append to %s: it is being deleted, or was cancelled by a clock that was wrong; see  campaign show %s, and try again when it is gone", ref.Campaign, ref.Campaign)
		}
	}
	return reset.Ref{}, false, fmt.Errorf("append to pool %s: %d times another one was faster, try again", s.pool.Name, appendTries)
}

// appending is one row on its way.
type appending struct {
	row          roster.Row
	event, token string
	generation   string // of the day's campaign, if it is made now
	kept         time.Duration
}

// append tries the place of the hint, and corrects it.
func (s *Store) append(ctx context.Context, a appending) (ref reset.Ref, what string, err error) {
	place := s.parts.intake.get()
	place.generation = or(place.generation, a.generation)
	id := intakeID(s.pool.Name, place.day)
	packed, err := s.packOne(reset.Ref{Campaign: id, Generation: place.generation, Row: place.row}, a.row)
	if err != nil {
		return reset.Ref{}, "", err
	}
	keys := []string{s.keys.campaign(id), s.keys.open(id), s.keys.roster(id, chunkOf(place.row)), a.event, s.keys.campaigns()}
	r, err := s.answer(ctx, 4, "append", keys, id, place.generation, place.day, place.row, packed, a.token, a.kept.Milliseconds(), s.pool.Keys.Sealing())
	if err != nil {
		return reset.Ref{}, "", err
	}
	what, ref = r.text(0), reset.Ref{Campaign: r.text(1), Generation: r.text(2), Row: r.int(3)}
	if r.err != nil {
		return reset.Ref{}, "", r.err
	}
	return ref, what, s.learn(place, ref, what)
}

// learn corrects the hint by what the script answered.
func (s *Store) learn(tried intakePlace, ref reset.Ref, what string) error {
	switch what {
	case "known", "closed":
	case "added":
		s.parts.intake.set(intakePlace{tried.day, ref.Row + 1, ref.Generation})
	case "row":
		s.parts.intake.set(intakePlace{tried.day, ref.Row, ref.Generation})
	case "day":
		s.parts.intake.set(intakePlace{day: ref.Row})
	default:
		return errAnswer("append", what)
	}
	return nil
}

func (s *Store) packOne(ref reset.Ref, row roster.Row) ([]byte, error) {
	codec, err := s.codec(ref.Campaign, ref.Generation)
	if err != nil {
		return nil, err
	}
	return codec.PackOne(ref.Row, row)
}

// CloseDays makes standing campaigns done whose day is over and whose rows are
// final: at midnight nothing else happens to them. The feeder calls it.
func (s *Store) CloseDays(ctx context.Context) error {
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	all, err := s.readable(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if !c.Standing || c.State.Ended() || c.Counts.Final() != c.Total || now.Before(c.Day.Add(day)) {
			continue
		}
		if _, err := s.Finish(ctx, c); err != nil {
			return err
		}
	}
	return nil
}
