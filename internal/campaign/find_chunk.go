package campaign

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// chunks searches a few chunks of one campaign.
func (f *finding) chunks(ctx context.Context, search *roster.Search, t task) error {
	numbers := make([]int64, 0, pageChunks)
	for n := t.from; n < t.to; n++ {
		numbers = append(numbers, n)
	}
	got, err := f.pieces(ctx, t.c, numbers)
	if err != nil {
		return err
	}
	if got.generation != t.c.Generation || got.expired {
		return f.gone(t, got.expired)
	}
	for i, p := range got.of {
		hits, err := f.hitsIn(search, chunkAt{t.c, got.codec, numbers[i]}, p)
		if err != nil {
			f.damaged(err)
		}
		if err := f.add(ctx, t, hits); err != nil {
			return err
		}
	}
	return nil
}

// chunkAt is the place of a chunk.
type chunkAt struct {
	Campaign
	codec  *roster.Codec
	number int64
}

// row is the number of a row of the chunk.
func (at chunkAt) row(slot int) int64 { return at.number*roster.ChunkRows + int64(slot) }

// size is how many rows it has.
func (at chunkAt) size() int { return int(min(roster.ChunkRows, at.Total-at.row(0))) }

// hit is a row of the user.
type hit struct {
	row, line int64
	username  reset.Personal // as its file has it
}

// hitsIn searches one chunk.
func (f *finding) hitsIn(search *roster.Search, at chunkAt, p piece) ([]hit, error) {
	if p.single != nil {
		return f.singleHits(search, at, p)
	}
	slots, packed, err := searchIn(search, at, p)
	if err == nil && len(slots) == 0 {
		return nil, nil
	}
	var users roster.Users
	if err == nil {
		users, err = at.codec.Users(at.number, packed)
	}
	if err != nil {
		return nil, f.Store.damaged(at.Ref(at.row(0)), f.keys.roster(at.ID, at.number), err)
	}
	hits := make([]hit, len(slots))
	for i, slot := range slots {
		hits[i] = hit{at.row(slot), users.Line(slot), users.Username(slot)}
	}
	return hits, nil
}

func searchIn(search *roster.Search, at chunkAt, p piece) (slots []int, packed []byte, err error) {
	if packed, err = packedIn(p.chunk); err != nil {
		return nil, nil, err
	}
	slots, rows, err := search.In(at.codec, at.number, packed)
	if err == nil {
		err = wrongSize(rows, at.size())
	}
	return slots, packed, err
}

// singleHits is hitsIn for a chunk of a standing campaign, where each row is
// damaged by itself.
func (f *finding) singleHits(search *roster.Search, at chunkAt, p piece) (hits []hit, err error) {
	if err := p.single.Err(); err != nil {
		return nil, f.Store.damaged(at.Ref(at.row(0)), f.keys.roster(at.ID, at.number), err)
	}
	var damages []error
	rows := p.single.Val()
	for slot := range at.size() {
		ref := at.Ref(at.row(slot))
		name, err := nameIn(search, at.codec, ref.Row, rows[strconv.FormatInt(ref.Row, 10)])
		if err != nil {
			damages = append(damages, f.damagedRow(ref, err))
		} else if !name.IsZero() {
			hits = append(hits, hit{row: ref.Row, username: name})
		}
	}
	return hits, errors.Join(damages...)
}

// nameIn is the username of a single row, if it is the user's.
func nameIn(search *roster.Search, codec *roster.Codec, row int64, packed string) (reset.Personal, error) {
	if packed == "" {
		return reset.Personal{}, errMissing
	}
	slots, _, err := search.In(codec, row, []byte(packed))
	if err != nil || len(slots) == 0 {
		return reset.Personal{}, err
	}
	one, err := codec.UnpackOne(row, []byte(packed))
	return one.Request.Username, err
}

// add looks up what became of the rows.
func (f *finding) add(ctx context.Context, t task, hits []hit) error {
	if len(hits) == 0 {
		return nil
	}
	records, generation, err := f.recordsOf(ctx, t.c, hits)
	if err != nil {
		return err
	}
	if generation != t.c.Generation {
		return f.gone(t, false)
	}
	for i, h := range hits {
		ref := t.c.Ref(h.row)
		r, err := f.readRecord(ref, records[i])
		if err != nil {
			f.damaged(err)
			continue
		}
		f.mu.Lock()
		f.lines = append(f.lines, foundLine{t.in, Line{ref, h.line, h.username, r}})
		f.mu.Unlock()
	}
	return nil
}

// recordsOf reads the records of the rows, and then the campaign's generation:
// a record that is missing is a planned row only while the campaign is there.
func (f *finding) recordsOf(ctx context.Context, c Campaign, hits []hit) ([]recordCmd, string, error) {
	records := make([]recordCmd, len(hits))
	var generation *redis.StringCmd
	_, err := f.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, h := range hits {
			records[i] = f.getRecord(ctx, p, c.Ref(h.row))
		}
		generation = p.HGet(ctx, f.keys.campaign(c.ID), "generation")
		return nil
	})
	if err == nil || keysOwn(err) {
		err = generation.Err() // what is wrong with a record is its row's
	}
	if err != nil && !errors.Is(err, redis.Nil) { // Nil: the campaign is gone
		return nil, "", fmt.Errorf("ledger of %s: %w", c.ID, err)
	}
	return records, generation.Val(), nil
}
