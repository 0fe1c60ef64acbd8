package campaign

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/rekeyhq/rekey/internal/roster"
)

// Plan is what a load says about its file.
type Plan struct {
	// State is the campaign's: draft, or another one if Existed.
	State Status
	// Rows of the file = Users + Rejected + Duplicates.
	Rows, Rejected, Duplicates int64
	// Users is the number to confirm at the start.
	Users int64
	// Existed: the same file was loaded before, and nothing was changed.
	Existed bool
}

const (
	// chunksInFlight bounds the memory of a load, and hides the way to Redis.
	chunksInFlight = 4
	// keysAtOnce bounds the scripts that remove chunks.
	keysAtOnce = 500
	// tidyTimeout is for what is done after the caller has gone.
	tidyTimeout = 30 * time.Second
)

// Load makes a draft of everything that r yields.
//
// It is idempotent by content: the same rows and rules under the same id report
// what is there; others are refused with [ErrOtherContent]. A load that was
// interrupted or killed begins again from nothing; if the interrupted one is
// still alive it ends with [ErrStale] at its next chunk. A draft that lost chunks
// counts as a load that did not end. When the file cannot be read to its end, has
// too many rejects or no user, nothing stays. [ErrHoles]: Redis lost chunks while
// they were loaded, or of a campaign that was started.
func (s *Store) Load(ctx context.Context, spec Spec, r *roster.Reader) (Plan, error) {
	return s.load(ctx, spec, source{rows: r.Rows(), stats: r.Stats})
}

// source is a roster that is being read.
type source struct {
	rows  iter.Seq2[roster.Row, error]
	stats func() roster.Stats
}

func (s *Store) load(ctx context.Context, spec Spec, from source) (Plan, error) {
	if err := ValidateID(spec.ID); err != nil {
		return Plan{}, err
	}
	l, err := s.newLoader(spec.withDefaults())
	if err != nil {
		return Plan{}, fmt.Errorf("load %s: %w", spec.ID, err)
	}
	there, err := l.begin(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("load %s: %w", spec.ID, err)
	}
	if there {
		return l.compare(ctx, from)
	}
	plan, err := l.fill(ctx, from)
	if errors.As(err, new(errFile)) {
		err = errors.Join(err, l.discard(ctx))
	}
	if err != nil {
		return Plan{}, fmt.Errorf("load %s: %w", spec.ID, err)
	}
	return plan, nil
}

// loader is one load. Its token stands in the campaign from begin to end; each
// script that writes for it compares the two, so that a loader that slept while
// another one began cannot write a chunk, nor end.
type loader struct {
	*Store
	spec              Spec
	token, generation string
	codec             *roster.Codec // of this generation
}

func (s *Store) newLoader(spec Spec) (*loader, error) {
	l := &loader{Store: s, spec: spec, token: rand.Text(), generation: rand.Text()}
	var err error
	l.codec, err = s.codec(spec.ID, l.generation)
	return l, err
}

// errFile is a fault of the file, after which the load is discarded.
type errFile struct{ error }

func (e errFile) Unwrap() error { return e.error }

// begin makes the campaign, or reports that it is loaded already.
func (l *loader) begin(ctx context.Context) (there bool, err error) {
	if err := l.clear(ctx); err != nil {
		return false, err
	}
	if err := l.claim(ctx, l.spec.ID); err != nil {
		return false, err
	}
	word, err := l.beginOver(ctx)
	if err != nil {
		return false, err
	}
	switch word {
	case "there":
		return true, nil
	case "begun":
		// The second claim of the order that ids.go explains.
		if err := l.claim(ctx, l.spec.ID); err != nil {
			return false, errors.Join(err, l.discard(ctx))
		}
		return false, nil
	}
	return false, errAnswer("load_begin", word)
}

// beginOver ends a deletion that was interrupted, if there is one.
func (l *loader) beginOver(ctx context.Context) (string, error) {
	word, err := l.ask(ctx)
	if err != nil || word != "deleting" {
		return word, err
	}
	// Stale: somebody else has ended it meanwhile.
	if err := l.remove(ctx, l.spec.ID, removal{token: l.token}); err != nil && !errors.As(err, new(ErrStale)) {
		return "", fmt.Errorf("end the deletion that was interrupted: %w", err)
	}
	if err := l.claim(ctx, l.spec.ID); err != nil {
		return "", err
	}
	return l.ask(ctx)
}

func (l *loader) ask(ctx context.Context) (string, error) {
	keys := []string{l.keys.campaign(l.spec.ID), l.keys.campaigns()}
	args := append([]any{l.spec.ID, l.token, l.generation, "keys", l.pool.Keys.Sealing()}, l.spec.fields()...)
	return l.run(ctx, "load_begin", keys, args...).Text()
}

// fill writes the chunks, and makes a draft of them.
func (l *loader) fill(ctx context.Context, from source) (Plan, error) {
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(chunksInFlight)
	readErr := eachChunk(inner, from.rows, func(n int64, rows []roster.Row) {
		group.Go(func() error { return l.write(inner, n, rows) })
	})
	// A failed write cancels the reading, so its error is the first one.
	if err := group.Wait(); err != nil {
		return Plan{}, err
	}
	if readErr != nil {
		return Plan{}, readErr
	}
	return l.end(ctx, from.stats())
}

// eachChunk hands the rows on in chunks.
func eachChunk(ctx context.Context, rows iter.Seq2[roster.Row, error], chunk func(int64, []roster.Row)) error {
	var n int64
	var gathered []roster.Row
	for row, err := range rows {
		if err != nil {
			return errFile{err}
		}
		if gathered == nil {
			if err := ctx.Err(); err != nil {
				return err
			}
			gathered = make([]roster.Row, 0, roster.ChunkRows)
		}
		if gathered = append(gathered, row); len(gathered) == roster.ChunkRows {
			chunk(n, gathered)
			n, gathered = n+1, nil
		}
	}
	if len(gathered) > 0 {
		chunk(n, gathered)
	}
	return ctx.Err()
}

func (l *loader) write(ctx context.Context, n int64, rows []roster.Row) error {
	packed, err := l.codec.Pack(n, rows)
	if err != nil {
		return errFile{err}
	}
	keys := []string{l.keys.campaign(l.spec.ID), l.keys.roster(l.spec.ID, n)}
	return l.held(l.run(ctx, "load_chunk", keys, l.token, n, packed).Bool())
}

// held turns a script's answer about the token into an error.
func (l *loader) held(ok bool, err error) error {
	if err == nil && !ok {
		return ErrStale{ID: l.spec.ID}
	}
	return err
}

// end decides whether the file is good enough, and makes the draft.
func (l *loader) end(ctx context.Context, st roster.Stats) (Plan, error) {
	switch {
	case !l.spec.MaxRejects.Allows(st.Rejected, st.Rows):
		return Plan{}, errFile{ErrRejects{Rejected: st.Rejected, Rows: st.Rows, Limit: l.spec.MaxRejects}}
	case st.Users == 0:
		return Plan{}, errFile{ErrNobody{ID: l.spec.ID, Rows: st.Rows}}
	}
	if err := l.trim(ctx, chunksOf(st.Users)); err != nil {
		return Plan{}, err
	}
	if err := l.written(ctx, chunksOf(st.Users)); err != nil {
		return Plan{}, err
	}
	keys := []string{l.keys.campaign(l.spec.ID), l.keys.open(l.spec.ID)}
	err := l.held(l.run(ctx, "load_end", keys, l.token, st.Users, chunksOf(st.Users), allOpen(chunksOf(st.Users)),
		"rows", st.Rows, "rejected", st.Rejected, "duplicates", st.Duplicates, "digest", l.codec.Digest(st.Digest)).Bool())
	if err != nil {
		return Plan{}, err
	}
	return Plan{State: Draft, Rows: st.Rows, Rejected: st.Rejected, Duplicates: st.Duplicates, Users: st.Users}, nil
}

// allOpen has a bit set for each chunk, as Redis counts bits.
func allOpen(chunks int64) []byte {
	bits := bytes.Repeat([]byte{0xff}, int((chunks+7)/8))
	bits[len(bits)-1] <<= (8 - chunks%8) % 8
	return bits
}

// trim removes what a longer load wrote that began before this one and after
// its clear, the last chunks first.
func (l *loader) trim(ctx context.Context, keep int64) error {
	have, err := l.rdb.HGet(ctx, l.keys.campaign(l.spec.ID), "chunks").Int64()
	if errors.Is(err, redis.Nil) { // deleted: this load has written some
		return ErrStale{ID: l.spec.ID}
	}
	if err != nil {
		return err
	}
	for have > keep {
		from := max(keep, have-keysAtOnce)
		keys := []string{l.keys.campaign(l.spec.ID)}
		for n := from; n < have; n++ {
			keys = append(keys, l.keys.roster(l.spec.ID, n))
		}
		if err := l.held(l.run(ctx, "load_trim", keys, l.token, from).Bool()); err != nil {
			return err
		}
		have = from
	}
	return nil
}

// discard removes the load, also when the caller has gone.
func (l *loader) discard(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
	defer cancel()
	err := l.remove(ctx, l.spec.ID, removal{token: l.token})
	if err != nil && !errors.As(err, new(ErrStale)) {
		return fmt.Errorf("discard what was loaded (delete the campaign by hand): %w", err)
	}
	return nil
}
