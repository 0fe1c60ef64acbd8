package campaign

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Worker is a process that serves the pool.
type Worker struct {
	Name string
	// Info is what it says of itself, without personal data.
	Info string
	// Keys are the ids of its roster keys.
	Keys []string
	// Away is until when it makes no calls, on Redis's clock, since it does not
	// reach Cognito; zero when it does.
	Away time.Time
	// Paused names the queue if the worker found it paused with its own tools,
	// UrgentPaused that of urgent campaigns.
	Paused, UrgentPaused string
	Seen                 time.Time
}

// Opens reports whether it can open what is sealed with a roster key.
func (w Worker) Opens(key string) bool { return slices.Contains(w.Keys, key) }

// MissingKey returns a roster key of the campaign that none of the workers has,
// or "". Of a standing campaign some rows may be readable all the same.
func (c Campaign) MissingKey(workers []Worker) string {
	for _, key := range c.Keys {
		if !slices.ContainsFunc(workers, func(w Worker) bool { return w.Opens(key) }) {
			return key
		}
	}
	return ""
}

// Away counts the workers that do not reach Cognito, and says when the first of
// them tries again. If that is all of them, nobody calls until then.
func Away(workers []Worker, now time.Time) (n int, back time.Time) {
	for _, w := range workers {
		if !w.Away.After(now) {
			continue
		}
		if n++; back.IsZero() || w.Away.Before(back) {
			back = w.Away
		}
	}
	return n, back
}

// PresentFor is how long a worker counts as present after it said so.
const PresentFor = 30 * time.Second

// Presence says that a worker serves the pool, with this store's roster keys; it
// does so every few seconds.
func (s *Store) Presence(ctx context.Context, w Worker) error {
	away := ""
	if !w.Away.IsZero() {
		away = strconv.FormatInt(w.Away.UnixMilli(), 10)
	}
	lines := []string{w.Info, strings.Join(s.pool.Keys.IDs(), " "), away}
	if w.Paused+w.UrgentPaused != "" {
		lines = append(lines, w.Paused, w.UrgentPaused)
	}
	_, err := s.present(ctx, w.Name, strings.Join(lines, "\n"))
	return err
}

// Leave says that a worker has stopped serving the pool.
func (s *Store) Leave(ctx context.Context, worker string) error {
	if err := s.rdb.HDel(ctx, s.keys.workers(), worker).Err(); err != nil {
		return fmt.Errorf("workers of pool %s: %w", s.pool.Name, err)
	}
	return nil
}

// Workers returns the workers that serve the pool, by their names.
func (s *Store) Workers(ctx context.Context) ([]Worker, error) { return s.present(ctx, "", "") }

func (s *Store) present(ctx context.Context, worker, info string) ([]Worker, error) {
	v, err := s.run(ctx, "presence", []string{s.keys.workers()}, worker, info, PresentFor.Milliseconds()).Slice()
	if err != nil {
		return nil, fmt.Errorf("workers of pool %s: %w", s.pool.Name, err)
	}
	r := reply{script: "presence", values: v}
	var all []Worker
	for i := 0; i+1 < len(v); i += 2 {
		w, err := workerIn(r.text(i), r.text(i+1))
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b Worker) int { return strings.Compare(a.Name, b.Name) })
	return all, r.err
}

// workerIn reads an entry: when, and what the worker said. Another version's
// may have fewer lines.
func workerIn(name, entry string) (Worker, error) {
	at, text, _ := strings.Cut(entry, " ")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return Worker{}, errAnswer("presence", at)
	}
	lines := append(strings.Split(text, "\n"), "", "", "", "")
	w := Worker{
		Name: name, Info: lines[0], Keys: strings.Fields(lines[1]), Seen: time.UnixMilli(ms).UTC(),
		Paused: lines[3], UrgentPaused: lines[4],
	}
	if ms, err := strconv.ParseInt(lines[2], 10, 64); err == nil {
		w.Away = time.UnixMilli(ms).UTC()
	}
	return w, nil
}
