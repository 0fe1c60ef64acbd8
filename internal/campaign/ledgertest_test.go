package campaign

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// tb is a testing.TB, or the T of one of rapid's runs.
type tb interface {
	rapid.TB
	Context() context.Context
}

// ledger is a campaign under test. Its hash is written directly: how campaigns
// come about is not what these tests are about.
type ledger struct {
	*Store
	t     tb
	rdb   *redis.Client
	camp  Campaign
	clock *miniredis.Miniredis // nil with a redis-server: its time is real
	now   time.Time
}

// newLedger returns a running campaign of so many rows. The fields override
// those of its hash.
func newLedger(t testing.TB, rows int64, fields ...any) *ledger {
	t.Helper()
	return ledgerOn(t, redistest.New(t), rows, fields...)
}

// newTimedLedger is the same on a Redis whose time stands still until pass is called.
func newTimedLedger(t testing.TB, rows int64, fields ...any) *ledger {
	t.Helper()
	rdb, m := redistest.Memory(t)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	m.SetTime(now)
	l := ledgerOn(t, rdb, rows, fields...)
	l.clock, l.now = m, now
	return l
}

func ledgerOn(t testing.TB, rdb *redis.Client, rows int64, fields ...any) *ledger {
	t.Helper()
	s, err := Open(t.Context(), rdb, Pool{Name: "prod", Hour: reset.Hour(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	l := &ledger{Store: s, t: t, rdb: rdb}
	l.camp = l.add("c1", rows, fields...)
	return l
}

// add makes another campaign of the same pool.
func (l *ledger) add(id string, rows int64, fields ...any) Campaign {
	l.t.Helper()
	hash := append([]any{
		"state", "running", "generation", "g-" + id, "total", rows, "planned", rows, "cursor", 0,
		"on_doubt", "resend", "on_live", "wait", "guard", 0,
	}, fields...)
	if err := l.rdb.HSet(l.t.Context(), l.keys.campaign(id), hash...).Err(); err != nil {
		l.t.Fatal(err)
	}
	open := make([]byte, (chunksOf(rows)+7)/8)
	for chunk := range chunksOf(rows) {
		open[chunk/8] |= 0x80 >> (chunk % 8)
	}
	if err := l.rdb.Set(l.t.Context(), l.keys.open(id), open, 0).Err(); err != nil {
		l.t.Fatal(err)
	}
	return Campaign{ID: id, Generation: "g-" + id, Total: rows}
}

// pass lets time pass in Redis.
func (l *ledger) pass(d time.Duration) {
	l.now = l.now.Add(d)
	l.clock.SetTime(l.now)
}

func (l *ledger) field(name string) string {
	return l.rdb.HGet(context.Background(), l.keys.campaign(l.camp.ID), name).Val()
}

func (l *ledger) set(fields ...any) {
	l.t.Helper()
	if err := l.rdb.HSet(l.t.Context(), l.keys.campaign(l.camp.ID), fields...).Err(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *ledger) ref(row int64) reset.Ref {
	return reset.Ref{Campaign: l.camp.ID, Generation: l.camp.Generation, Row: row}
}

// mark is a new attempt at a row; every row has a user of its own.
func (l *ledger) mark(row int64) Mark {
	return Mark{
		Ref: l.ref(row), Token: rand.Text(), Username: reset.Hide("user" + strconv.FormatInt(row, 10)),
		NotAfter: time.Now().Add(1e6 * time.Hour),
	}
}

func (l *ledger) begin(m Mark) Begun {
	l.t.Helper()
	b, err := l.Begin(l.t.Context(), m)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// want begins and checks the answer.
func (l *ledger) want(m Mark, a Answer) Begun {
	l.t.Helper()
	b := l.begin(m)
	if b.Answer != a {
		l.t.Fatalf("begin %s = %s, want %s (before: %+v)", m.Ref, b.Answer, a, b.Before)
	}
	return b
}

func (l *ledger) settle(m Mark, v Verdict) Settled {
	l.t.Helper()
	s, err := l.Settle(l.t.Context(), m, v)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// call is a whole call: begin, which must be allowed, and settle.
func (l *ledger) call(row int64, v Verdict) Settled {
	l.t.Helper()
	m := l.mark(row)
	l.want(m, AnswerGo)
	return l.settle(m, v)
}

// replay puts so many dead letters back in line.
func (l *ledger) replay(f Filter, n int64) {
	l.t.Helper()
	if moved, err := l.Replay(l.t.Context(), l.camp.ID, f, n); err != nil || moved != n {
		l.t.Fatalf("replayed %d, %v; want %d", moved, err, n)
	}
}

func (l *ledger) record(row int64) Record {
	l.t.Helper()
	r, err := l.Record(l.t.Context(), l.ref(row))
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// wantState checks a row's state and cause.
func (l *ledger) wantState(row int64, s State, c reset.Cause) Record {
	l.t.Helper()
	r := l.record(row)
	if r.State != s || r.Cause != c {
		l.t.Fatalf("row %d is %s (%d), cause %s; want %s (%d), cause %s", row, r.State, r.State, r.Cause, s, s, c)
	}
	return r
}

func (l *ledger) live(row int64) string {
	return l.rdb.Get(context.Background(), l.liveOf(l.mark(row).Username)).Val()
}

// verdicts as internal/tasks has them.
func accepted() Verdict {
	return Verdict{Outcome: reset.Accepted, Medium: reset.Email, State: Accepted}
}

func refused() Verdict {
	return Verdict{Outcome: reset.Refused, Cause: reset.UserNotFound, State: Dead, Sample: "User does not exist."}
}

func userLimited() Verdict {
	return Verdict{Outcome: reset.UserLimited, Cause: reset.LimitExceededUser, State: Waiting, Wait: time.Hour,
		Counts: true, Limit: 4, AtLimit: Dead}
}

func throttled() Verdict {
	return Verdict{Outcome: reset.Throttled, Cause: reset.TooManyRequests, State: Waiting, Wait: 2 * time.Second}
}

func misconfigured() Verdict {
	return Verdict{Outcome: reset.Misconfigured, Cause: reset.ResourceNotFound, State: Waiting, Wait: 5 * time.Second,
		Sample: "User pool client does not exist."}
}

func notSent() Verdict {
	return Verdict{Outcome: reset.NotSent, Cause: reset.NotSentCause, State: Waiting}
}

func unanswered() Verdict {
	return Verdict{Outcome: reset.Unanswered, Cause: reset.Timeout, State: InDoubt, Wait: reset.Hour(time.Hour).CodeLife(),
		Counts: true, Limit: DoubtLimit, AtLimit: Parked}
}

// recount checks everything that is counted against the records themselves, in
// every campaign named: the promise that the counters say the truth.
func (l *ledger) recount(camps ...Campaign) {
	l.t.Helper()
	if len(camps) == 0 {
		camps = []Campaign{l.camp}
	}
	for _, c := range camps {
		hash := l.rdb.HGetAll(context.Background(), l.keys.campaign(c.ID)).Val()
		want := map[string]int64{}
		for chunk := int64(0); chunk*roster.ChunkRows < c.Total; chunk++ {
			l.recountChunk(c, chunk, want)
		}
		for name, n := range countersOf(hash) {
			if want[name] != n {
				l.t.Fatalf("%s: counter %s = %d, the records say %d", c.ID, name, n, want[name])
			}
			delete(want, name)
		}
		for name, n := range want {
			if n != 0 {
				l.t.Fatalf("%s: no counter %s, the records say %d", c.ID, name, n)
			}
		}
	}
}

func countersOf(hash map[string]string) map[string]int64 {
	all := map[string]int64{}
	for name, v := range hash {
		if bytes.HasPrefix([]byte(name), []byte("k:")) {
			all[name], _ = strconv.ParseInt(v, 10, 64)
		}
	}
	for _, name := range stateFields {
		all[name], _ = strconv.ParseInt(hash[name], 10, 64)
	}
	return all
}

// recountChunk adds a chunk's records to want, and checks the chunk's own
// count, its bit, and later.
func (l *ledger) recountChunk(c Campaign, chunk int64, want map[string]int64) {
	l.t.Helper()
	ctx := context.Background()
	held := l.rdb.Get(ctx, l.keys.ledger(c.ID, chunk)).Val()
	if len(held) != 0 && len(held) != ledgerBytes {
		l.t.Fatalf("%s: chunk %d of the ledger has %d bytes, want %d", c.ID, chunk, len(held), ledgerBytes)
	}
	first := chunk * roster.ChunkRows
	end := min(first+roster.ChunkRows, c.Total)
	finals := int64(0)
	for row := first; row < end; row++ {
		r, err := recordAt([]byte(held), int(row-first))
		if err != nil {
			l.t.Fatal(err)
		}
		want[stateFields[r.State]]++
		switch r.State {
		case Waiting, Dead, InDoubt, Parked:
			want[fmt.Sprintf("k:%s:%d", stateFields[r.State], r.Cause)]++
		}
		if r.State.Final() {
			finals++
		}
		if r.State != Planned {
			l.checkLater(c, row, r)
		}
	}
	l.checkTail(c, chunk, held+string(make([]byte, ledgerBytes-len(held))), finals, end-first)
}

func (l *ledger) checkTail(c Campaign, chunk int64, held string, finals, rows int64) {
	l.t.Helper()
	if n := int64(held[ledgerBytes-2])<<8 + int64(held[ledgerBytes-1]); n != finals {
		l.t.Fatalf("%s: chunk %d counts %d final rows, the records say %d", c.ID, chunk, n, finals)
	}
	open := l.rdb.GetBit(context.Background(), l.keys.open(c.ID), chunk).Val() == 1
	if open != (finals < rows) {
		l.t.Fatalf("%s: chunk %d open = %v with %d of %d rows final", c.ID, chunk, open, finals, rows)
	}
}

// checkLater: in later is who waits, at the time for which it waits.
func (l *ledger) checkLater(c Campaign, row int64, r Record) {
	l.t.Helper()
	ref := reset.Ref{Campaign: c.ID, Generation: c.Generation, Row: row}
	score, err := l.rdb.ZScore(context.Background(), l.keys.later(), member(ref)).Result()
	if err != nil {
		return
	}
	if (r.State != Waiting && r.State != InDoubt) || int64(score) != r.At.Unix() {
		l.t.Fatalf("%s is in later at %d, and its record is %+v", ref, int64(score), r)
	}
}

func (l *ledger) inLater(row int64) bool {
	return l.rdb.ZScore(context.Background(), l.keys.later(), member(l.ref(row))).Err() == nil
}
