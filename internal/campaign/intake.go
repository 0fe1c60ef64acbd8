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
	// appendTries bounds how often another append may be faster by a chunk.
	appendTries = 10

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

// intakeHint is where the last append went, which is where the next will go.
// The script says so when it is wrong.
type intakeHint struct {
	mu         sync.Mutex
	day, chunk int64
}

func (h *intakeHint) get() (day, chunk int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.day, h.chunk
}

func (h *intakeHint) set(day, chunk int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.day, h.chunk = day, chunk
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
	packed, err := roster.PackOne(roster.Row{Request: req})
	if err != nil {
		return reset.Ref{}, false, err
	}
	a := appending{packed: packed, token: rand.Text(), kept: eventKept}
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
			return reset.Ref{}, false, fmt.Errorf("append to %s: it is being deleted, or was cancelled by a clock that was wrong", ref.Campaign)
		}
	}
	return reset.Ref{}, false, fmt.Errorf("append to pool %s: %d times another one was faster, try again", s.pool.Name, appendTries)
}

// appending is one row on its way.
type appending struct {
	packed       []byte
	event, token string
	kept         time.Duration
}

// append tries the day and the chunk of the hint, and corrects it.
func (s *Store) append(ctx context.Context, a appending) (ref reset.Ref, what string, err error) {
	today, chunk := s.parts.intake.get()
	id := intakeID(s.pool.Name, today)
	keys := []string{s.keys.campaign(id), s.keys.open(id), s.keys.roster(id, chunk), a.event, s.keys.campaigns()}
	r, err := s.answer(ctx, 4, "append", keys, id, rand.Text(), today, chunk, a.packed, a.token, a.kept.Milliseconds())
	if err != nil {
		return reset.Ref{}, "", err
	}
	what, n := r.text(0), r.int(3)
	ref = reset.Ref{Campaign: r.text(1), Generation: r.text(2), Row: n}
	if r.err != nil {
		return reset.Ref{}, "", r.err
	}
	switch what {
	case "added", "known", "closed":
	case "day":
		s.parts.intake.set(n, 0)
	case "chunk":
		s.parts.intake.set(today, n)
	default:
		return reset.Ref{}, "", errAnswer("append", what)
	}
	return ref, what, nil
}

// CloseDays makes standing campaigns done whose day is over and whose rows are
// final: at midnight nothing else happens to them. The feeder calls it.
func (s *Store) CloseDays(ctx context.Context) error {
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	all, err := s.Campaigns(ctx)
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
