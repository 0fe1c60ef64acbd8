package campaign

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/roster"
)

const liveKeyOfProd = "rekey:{prod}:live-key"

func TestALoadedFileIsADraftWithItsNumbers(t *testing.T) {
	l := newLife(t)
	file := csvOf(0, 3000) + "user000001@EXAMPLE.com\nwith space\n"
	plan, err := l.Load(t.Context(), Spec{ID: "breach", OnDoubt: Park, Guard: GuardOff(), File: "b.csv", By: "ann"}, l.reader(file))
	l.ok(err)
	want := Plan{State: Draft, Rows: 3002, Rejected: 1, Duplicates: 1, Users: 3000}
	if plan != want {
		t.Errorf("plan = %+v, want %+v", plan, want)
	}
	c := l.wantState("breach", Draft)
	if c.Plan != want || c.Total != 3000 || c.Counts != (Counts{Planned: 3000}) || c.Cursor != 0 {
		t.Errorf("campaign = %+v", c)
	}
	if c.Priority != Normal || c.OnDoubt != Park || c.OnLive != Wait || c.Guard != GuardOff() || c.File != "b.csv" || c.By != "ann" {
		t.Errorf("rules = %+v", c)
	}
	if c.Created.IsZero() || !c.Started.IsZero() {
		t.Errorf("created %v, started %v", c.Created, c.Started)
	}
	lines := l.report("breach", Filter{})
	if !slices.Equal(names(lines), namesFrom(0, 3000)) {
		t.Error("the roster has other users than the file")
	}
	if lines[2999].Line != 3001 || lines[2999].Ref.Row != 2999 {
		t.Errorf("last line = %+v", lines[2999])
	}
}

func TestTheSameFileAgainChangesNothing(t *testing.T) {
	l := newLife(t)
	before := l.draft("c", 2000)
	l.ok(l.Start(t.Context(), "c", 2000))
	plan, err := l.Load(t.Context(), Spec{ID: "c"}, l.reader(csvOf(0, 2000)))
	l.ok(err)
	if !plan.Existed || plan.Users != 2000 || plan.State != Running {
		t.Errorf("plan = %+v", plan)
	}
	if c := l.wantState("c", Running); c.Generation != before.Generation {
		t.Error("the campaign was made anew")
	}
}

func TestOtherContentUnderTheSameIDIsRefused(t *testing.T) {
	l := newLife(t)
	l.draft("c", 100)
	for _, given := range []struct {
		spec Spec
		file string
		what string
	}{
		{Spec{ID: "c"}, csvOf(0, 101), "rows"},
		{Spec{ID: "c"}, csvOf(1, 101), "rows"},
		{Spec{ID: "c", OnDoubt: Park}, csvOf(0, 100), "--on-doubt"},
		{Spec{ID: "c", OnLive: Skip}, csvOf(0, 100), "--on-live"},
		{Spec{ID: "c", Priority: Bulk}, csvOf(0, 100), "--priority"},
		{Spec{ID: "c", Guard: GuardOff()}, csvOf(0, 100), "--guard"},
	} {
		_, err := l.Load(t.Context(), given.spec, l.reader(given.file))
		if e := wantErr[ErrOtherContent](t, err); e.What != given.what {
			t.Errorf("differs in %s, want %s", e.What, given.what)
		}
	}
	if got := names(l.report("c", Filter{})); !slices.Equal(got, namesFrom(0, 100)) {
		t.Error("a refused load changed the roster")
	}
}

func TestAnInterruptedLoadBeginsAgainOverTheSameKeys(t *testing.T) {
	l := newLife(t)
	ctx, cancel := context.WithCancel(t.Context())
	g := gated(l.reader(csvOf(0, 9000)), 8000)
	ended := make(chan error)
	go func() {
		_, err := l.load(ctx, Spec{ID: "c"}, g.source)
		ended <- err
	}()
	<-g.reached
	cancel()
	close(g.open)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v", err)
	}
	if c := l.campaign("c"); c.State != Loading {
		t.Fatalf("an interrupted load is %s", c.State)
	}
	// Another file, and a shorter one: nothing of the longer may stay.
	_, err := l.Load(t.Context(), Spec{ID: "c"}, l.reader(csvOf(500, 3000)))
	l.ok(err)
	l.wantState("c", Draft)
	if got := names(l.report("c", Filter{})); !slices.Equal(got, namesFrom(500, 3000)) {
		t.Error("the roster is not the second file's")
	}
	l.wantOnlyKeys(liveKeyOfProd, idsKey, "rekey:{prod}:campaigns", "rekey:{prod}:c:c", "rekey:{prod}:c:c:open",
		"rekey:{prod}:c:c:r:0", "rekey:{prod}:c:c:r:1", "rekey:{prod}:c:c:r:2")
}

func TestAStaleLoaderCanNeitherWriteNorEnd(t *testing.T) {
	for _, at := range []struct {
		name string
		row  int
	}{{"in the middle", 1500}, {"before its end", 4 * roster.ChunkRows}} {
		t.Run(at.name, func(t *testing.T) {
			l := newLife(t)
			g := gated(l.reader(csvOf(0, 4*roster.ChunkRows)), at.row)
			ended := make(chan error)
			go func() {
				_, err := l.load(context.Background(), Spec{ID: "c"}, g.source)
				ended <- err
			}()
			<-g.reached
			l.await("its full chunks are written", func() bool {
				n, _ := l.rdb.HGet(t.Context(), l.keys.campaign("c"), "chunks").Int()
				return n == at.row/roster.ChunkRows
			})
			_, err := l.Load(t.Context(), Spec{ID: "c"}, l.reader(csvOf(7000, 9000)))
			l.ok(err)
			close(g.open)
			wantErr[ErrStale](t, <-ended)
			l.wantState("c", Draft)
			if got := names(l.report("c", Filter{})); !slices.Equal(got, namesFrom(7000, 9000)) {
				t.Error("the stale loader wrote into the roster")
			}
			if n := len(l.rdb.Keys(t.Context(), "rekey:{prod}:c:c:r:*").Val()); n != 2 {
				t.Errorf("%d chunks, want 2", n)
			}
		})
	}
}

func TestOfTwoLoadsWhileTheFirstStillRunsOnlyTheSecondEnds(t *testing.T) {
	l := newLife(t)
	first, second := gated(l.reader(csvOf(0, 3000)), 2000), gated(l.reader(csvOf(3000, 6000)), 2000)
	ended := make(chan error, 2)
	load := func(g *gate) {
		_, err := l.load(context.Background(), Spec{ID: "c"}, g.source)
		ended <- err
	}
	go load(first)
	<-first.reached
	go load(second)
	<-second.reached
	// The first goes on while the campaign is still loading, by the second.
	close(first.open)
	wantErr[ErrStale](t, <-ended)
	close(second.open)
	l.ok(<-ended)
	if got := names(l.report("c", Filter{})); !slices.Equal(got, namesFrom(3000, 6000)) {
		t.Error("the roster is not the second file's")
	}
}

func TestARefusedFileLeavesNothing(t *testing.T) {
	rejected := csvOf(0, 2000) + strings.Repeat("a b\n", 21) // 1.04 %
	maxRejects := func(s string) MaxRejects {
		m, err := ParseMaxRejects(s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		name  string
		limit MaxRejects
		from  func(*life) source
		check func(error)
	}{
		{"more than 1 % rejected", MaxRejects{}, func(l *life) source { return of(l.reader(rejected)) },
			func(err error) { wantErr[ErrRejects](t, err) }},
		{"more than a number rejected", maxRejects("20"), func(l *life) source { return of(l.reader(rejected)) },
			func(err error) { wantErr[ErrRejects](t, err) }},
		{"no user", maxRejects("100%"), func(l *life) source { return of(l.reader("username\na b\n")) },
			func(err error) { wantErr[ErrNobody](t, err) }},
		{"it breaks off", MaxRejects{}, func(l *life) source {
			r := l.reader(csvOf(0, 5000))
			return source{broken(r.Rows(), errBroken), r.Stats}
		}, func(err error) {
			if !errors.Is(err, errBroken) {
				t.Errorf("err = %v", err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLife(t)
			_, err := l.load(t.Context(), Spec{ID: "c", MaxRejects: c.limit}, c.from(l))
			c.check(err)
			l.wantOnlyKeys(liveKeyOfProd)
		})
	}
}

var errBroken = errors.New("the file breaks off")

func of(r *roster.Reader) source { return source{r.Rows(), r.Stats} }

func TestJustEnoughRejectsAreAllowed(t *testing.T) {
	l := newLife(t)
	limit, err := ParseMaxRejects("21")
	l.ok(err)
	_, err = l.Load(t.Context(), Spec{ID: "c", MaxRejects: limit}, l.reader(csvOf(0, 100)+strings.Repeat("a b\n", 21)))
	l.ok(err)
}

func TestAnIDBelongsToOnePool(t *testing.T) {
	l := newLife(t)
	other := lifeOn(t, l.rdb, "staging")
	l.draft("c", 10)
	_, err := other.Load(t.Context(), Spec{ID: "c"}, l.reader(csvOf(0, 10)))
	if e := wantErr[ErrTaken](t, err); e.Pool != "prod" {
		t.Errorf("taken by %q", e.Pool)
	}
	if pool, err := PoolOf(t.Context(), l.rdb, "c"); pool != "prod" || err != nil {
		t.Errorf("PoolOf = %q, %v", pool, err)
	}
	_, err = PoolOf(t.Context(), l.rdb, "d")
	wantErr[ErrUnknown](t, err)
	l.ok(l.Delete(t.Context(), "c", 10))
	other.draft("c", 10)
	if pool, _ := PoolOf(t.Context(), l.rdb, "c"); pool != "staging" {
		t.Errorf("after a deletion the id belongs to %q", pool)
	}
}

// A crash between claim and campaign.
func TestAClaimWithoutACampaignIsRepaired(t *testing.T) {
	l := newLife(t)
	other := lifeOn(t, l.rdb, "staging")
	l.ok(l.claim(t.Context(), "c"))
	_, err := other.Load(t.Context(), Spec{ID: "c"}, l.reader(csvOf(0, 10)))
	wantErr[ErrTaken](t, err)
	l.draft("c", 10) // the same pool goes on

	l.ok(l.claim(t.Context(), "d"))
	l.ok(l.Delete(t.Context(), "d", 0))
	other.draft("d", 10)
	wantErr[ErrUnknown](t, l.Delete(t.Context(), "d", 0)) // not this pool's
	if pool, _ := PoolOf(t.Context(), l.rdb, "d"); pool != "staging" {
		t.Errorf("the claim of the other pool is %q", pool)
	}
}

func TestIDsOfOtherShapesAreRefused(t *testing.T) {
	l := newLife(t)
	for _, id := range []string{"", "-a", "A", "a b", "a#1", "a_b", "intake-2026-11-23-prod", "intake-x", strings.Repeat("a", 64)} {
		if _, err := l.Load(t.Context(), Spec{ID: id}, l.reader(csvOf(0, 1))); err == nil {
			t.Errorf("id %q was taken", id)
		}
	}
	l.wantOnlyKeys(liveKeyOfProd)
	l.draft(strings.Repeat("a", 63), 1)
}

func TestEveryChunkOfALoadIsOpen(t *testing.T) {
	for _, n := range []int64{1, 7, 8, 9, 16, 17} {
		bits := allOpen(n)
		set := 0
		for i := range int64(len(bits) * 8) {
			on := bits[i/8]&(0x80>>(i%8)) != 0
			if on != (i < n) {
				t.Errorf("of %d chunks, bit %d is %v", n, i, on)
			}
			if on {
				set++
			}
		}
		if firstBit(bits, 0) != 0 || int64(set) != n {
			t.Errorf("%d bits are set, want %d", set, n)
		}
	}
}
