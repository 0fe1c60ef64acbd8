package campaign

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// life is a store under test, and what its tests do again and again.
type life struct {
	*Store
	t   testing.TB
	rdb *redis.Client
}

func newLife(t testing.TB) *life {
	t.Helper()
	return lifeOn(t, redistest.New(t), "prod")
}

// newTimedLife has a Redis whose time stands still until it is set.
func newTimedLife(t testing.TB) (*life, *miniredis.Miniredis) {
	t.Helper()
	rdb, m := redistest.Memory(t)
	m.SetTime(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	return lifeOn(t, rdb, "prod"), m
}

func lifeOn(t testing.TB, rdb *redis.Client, pool string) *life {
	t.Helper()
	s, err := Open(t.Context(), rdb, Pool{Name: pool, Hour: reset.Hour(time.Hour), Retention: 30 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return &life{Store: s, t: t, rdb: rdb}
}

// csvOf is a file with a header and users from to to-1.
func csvOf(from, to int) string {
	var b strings.Builder
	b.WriteString("username\n")
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "User%06d@example.com\n", i)
	}
	return b.String()
}

func nameOf(i int) string { return fmt.Sprintf("User%06d@example.com", i) }

func (l *life) reader(file string) *roster.Reader {
	l.t.Helper()
	r, err := roster.NewReader(strings.NewReader(file), roster.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// draft loads users 0 to n-1.
func (l *life) draft(id string, n int) Campaign {
	l.t.Helper()
	if _, err := l.Load(l.t.Context(), Spec{ID: id}, l.reader(csvOf(0, n))); err != nil {
		l.t.Fatal(err)
	}
	return l.campaign(id)
}

func (l *life) campaign(id string) Campaign {
	l.t.Helper()
	c, err := l.Campaign(l.t.Context(), id)
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

// running is a campaign that has been started, with the ledger's helpers.
func (l *life) running(id string, n int) *ledger {
	l.t.Helper()
	c := l.draft(id, n)
	// The guard has tests of its own; here it would halt at fifteen dead rows.
	l.rdb.HSet(l.t.Context(), l.keys.campaign(id), "guard", 0)
	l.ok(l.Start(l.t.Context(), id, int64(n)))
	return &ledger{Store: l.Store, t: l.t, rdb: l.rdb, camp: c}
}

func (l *life) ok(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *life) wantState(id string, want Status) Campaign {
	l.t.Helper()
	c := l.campaign(id)
	if c.State != want {
		l.t.Fatalf("%s is %s (%s), want %s", id, c.State, c.Reason, want)
	}
	if c.Counts.Sum() != c.Total {
		l.t.Fatalf("%s: %+v adds up to %d, want %d", id, c.Counts, c.Counts.Sum(), c.Total)
	}
	return c
}

// report returns the whole report.
func (l *life) report(id string, f Filter) []Line {
	l.t.Helper()
	var all []Line
	for line, err := range l.Rows(l.t.Context(), l.campaign(id), f) {
		l.ok(err)
		all = append(all, line)
	}
	return all
}

// names returns the usernames of lines.
func names(lines []Line) []string {
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = line.Username.Reveal()
	}
	return all
}

// namesFrom are the usernames of csvOf.
func namesFrom(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, nameOf(i))
	}
	return all
}

// wantOnlyKeys checks which of the pool's keys are left.
func (l *life) wantOnlyKeys(want ...string) {
	l.t.Helper()
	have := l.rdb.Keys(context.Background(), "*").Val()
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		l.t.Fatalf("the keys are\n  %s\nwant\n  %s", strings.Join(have, "\n  "), strings.Join(want, "\n  "))
	}
}

// wantErr checks an error's type and returns it.
func wantErr[E error](t testing.TB, err error) E {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want a %T", err, e)
	}
	return e
}

// gate is a source that stops at a row until it is opened.
type gate struct {
	source
	reached, open chan struct{}
}

func gated(r *roster.Reader, at int) *gate {
	g := &gate{reached: make(chan struct{}), open: make(chan struct{})}
	g.stats = r.Stats
	g.rows = func(yield func(roster.Row, error) bool) {
		n := 0
		for row, err := range r.Rows() {
			if n == at {
				close(g.reached)
				<-g.open
			}
			n++
			if !yield(row, err) {
				return
			}
		}
		if n <= at {
			close(g.reached)
			<-g.open
		}
	}
	return g
}

// broken yields the rows and then an error.
func broken(rows iter.Seq2[roster.Row, error], err error) iter.Seq2[roster.Row, error] {
	return func(yield func(roster.Row, error) bool) {
		for row, e := range rows {
			if !yield(row, e) {
				return
			}
		}
		yield(roster.Row{}, err)
	}
}

// await polls until something holds.
func (l *life) await(what string, holds func() bool) {
	l.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			l.t.Fatalf("not in ten seconds: %s", what)
		}
	}
}

// together runs f in n goroutines that begin at once.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}
