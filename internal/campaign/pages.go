package campaign

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

const (
	// pageChunks is how many chunks are read in one pipeline: enough to hide the
	// way to Redis, few enough that nothing else waits for the answer.
	pageChunks = 16
	// pagesAhead is how many pages are read while one is used.
	pagesAhead = 2
)

// reading says what is read of a campaign.
type reading struct {
	want  func(Record) bool
	names bool // as well
}

// page is a few chunks, and among them those with rows that are wanted.
type page struct {
	chunks []chunkRows
	end    int64 // the chunk behind it
}

// chunkRows are the rows of a chunk that are wanted.
type chunkRows struct {
	number int64
	rows   []slotRow
	size   int // of the chunk, in rows
	names  func(slot int) (line int64, username reset.Personal, err error)
	// damages are what cannot be read.
	damages []error
}

type slotRow struct {
	slot int
	Record
}

// pages yields a campaign page by page, and reads ahead meanwhile.
func (s *Store) pages(ctx context.Context, c Campaign, r reading) iter.Seq2[page, error] {
	type result struct {
		page
		err error
	}
	return func(yield func(page, error) bool) {
		var readers sync.WaitGroup
		defer readers.Wait()
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		queue := make(chan chan result, pagesAhead)
		readers.Go(func() {
			defer close(queue)
			for from := int64(0); from < c.chunks(); from += pageChunks {
				done := make(chan result, 1)
				select {
				case queue <- done:
				case <-inner.Done():
					return
				}
				readers.Go(func() {
					p, err := s.page(inner, c, from, r)
					done <- result{p, err}
				})
			}
		})
		read := int64(0)
		for done := range queue {
			p := <-done
			if !yield(p.page, p.err) || p.err != nil {
				return
			}
			read = p.end
		}
		if read < c.chunks() {
			yield(page{}, ctx.Err())
		}
	}
}

// page reads the records of some chunks, and the names of the rows that are wanted.
func (s *Store) page(ctx context.Context, c Campaign, from int64, r reading) (page, error) {
	p := page{end: min(from+pageChunks, c.chunks())}
	var generation *redis.StringCmd
	ledgers := make([]*redis.StringCmd, 0, pageChunks)
	_, err := s.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for n := from; n < p.end; n++ {
			ledgers = append(ledgers, pipe.GetRange(ctx, s.keys.ledger(c.ID, n), 0, roster.ChunkRows*recordBytes-1))
		}
		generation = pipe.HGet(ctx, s.keys.campaign(c.ID), "generation")
		return nil
	})
	if err != nil && !keysOwn(err) {
		return p, fmt.Errorf("ledger of %s: %w", c.ID, err)
	}
	if generation.Val() != c.Generation {
		return p, ErrUnknown{ID: c.ID, Pool: c.Pool} // deleted while it was read
	}
	for i, ledger := range ledgers {
		ch := chunkRows{number: from + int64(i)}
		ch.size = int(min(roster.ChunkRows, c.Total-ch.number*roster.ChunkRows))
		if ch.choose(ledger, r.want, s.ledgerDamage(c, ch.number)); len(ch.rows)+len(ch.damages) > 0 {
			p.chunks = append(p.chunks, ch)
		}
	}
	if !r.names {
		return p, nil
	}
	return p, s.names(ctx, c, p.chunks)
}

// keysOwn tells what is wrong with one key, of a pipeline that was answered,
// from a Redis that cannot be asked: it is not there, or of another type.
func keysOwn(err error) bool {
	return errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "WRONGTYPE")
}

// choose reads a chunk's records and notes the rows that are wanted.
func (ch *chunkRows) choose(ledger *redis.StringCmd, want func(Record) bool, damage damageIn) {
	if err := ledger.Err(); err != nil {
		ch.damages = append(ch.damages, damage(0, ch.size-1, err))
		return
	}
	records := []byte(ledger.Val())
	for slot := 0; slot < ch.size; slot++ {
		r, err := recordAt(records, slot)
		if err != nil {
			first := slot
			for slot+1 < ch.size && damagedAt(records, slot+1) {
				slot++
			}
			ch.damages = append(ch.damages, damage(first, slot, err))
		} else if want(r) {
			ch.rows = append(ch.rows, slotRow{slot, r})
		}
	}
}

func damagedAt(records []byte, slot int) bool {
	_, err := recordAt(records, slot)
	return err != nil
}

// damageIn makes the error of a chunk's rows, counted within it.
type damageIn func(first, last int, err error) error

// ledgerDamage makes the errors of a chunk's records.
func (s *Store) ledgerDamage(c Campaign, chunk int64) damageIn {
	from := chunk * roster.ChunkRows
	return func(first, last int, err error) error {
		return ErrDamaged{Key: s.keys.ledger(c.ID, chunk), Ledger: true, Campaign: c.ID, First: from + int64(first), Last: from + int64(last), Err: err}
	}
}
