package campaign

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/roster"
)

// lose is what a failover to a replica that lagged does to a chunk.
func (l *life) lose(id string, chunk int64) {
	l.t.Helper()
	if n, err := l.rdb.Del(context.Background(), l.keys.roster(id, chunk)).Result(); n != 1 || err != nil {
		l.t.Fatalf("deleted %d chunks, %v", n, err)
	}
}

// loadingBy is a load that stands still at a row, with its full chunks written.
func (l *life) loadingBy(ctx context.Context, file string, row int) (*gate, chan error) {
	l.t.Helper()
	g, ended := gated(l.reader(file), row), make(chan error, 1)
	go func() {
		_, err := l.load(ctx, Spec{ID: "c"}, g.source)
		ended <- err
	}()
	<-g.reached
	l.await("its full chunks are written", func() bool {
		n, _ := l.rdb.HGet(l.t.Context(), l.keys.campaign("c"), "chunks").Int()
		return n == row/roster.ChunkRows
	})
	return g, ended
}

func (l *life) wantWhole(id string, n int) {
	l.t.Helper()
	l.wantState(id, Draft)
	if got := names(l.report(id, Filter{})); !slices.Equal(got, namesFrom(0, n)) {
		l.t.Errorf("the roster has %d users, and not all %d of the file", len(got), n)
	}
}

func TestALoadWhoseChunkRedisLostDoesNotEndAndTheNextOneWritesIt(t *testing.T) {
	t.Parallel()
	const users = 5000
	l := newLife(t)
	g, ended := l.loadingBy(t.Context(), csvOf(0, users), 3000)
	l.lose("c", 1)
	close(g.open)
	err := <-ended
	e := wantErr[ErrHoles](t, err)
	if e.State != Loading || e.Missing != 1 || e.Chunks != 5 || e.First != roster.ChunkRows || !strings.Contains(err.Error(), "load the file again") {
		t.Errorf("err = %v", err)
	}
	if c := l.campaign("c"); c.State != Loading {
		t.Fatalf("it is %s", c.State)
	}
	if plan, err := l.Load(t.Context(), Spec{ID: "c"}, l.reader(csvOf(0, users))); err != nil || plan.Existed || plan.Users != users {
		t.Errorf("plan = %+v, %v", plan, err)
	}
	l.wantWhole("c", users)
}

func TestADraftThatLostAChunkIsLoadedAnew(t *testing.T) {
	t.Parallel()
	for _, chunk := range []int64{0, 2} {
		l := newLife(t)
		before := l.draft("c", 3000)
		l.lose("c", chunk)
		plan, err := l.Load(t.Context(), Spec{ID: "c"}, l.reader(csvOf(0, 3000)))
		if want := (Plan{State: Draft, Rows: 3000, Users: 3000}); err != nil || plan != want {
			t.Errorf("plan = %+v, %v", plan, err)
		}
		l.wantWhole("c", 3000)
		if c := l.campaign("c"); c.Generation == before.Generation {
			t.Error("its rows are taken for those that were there before")
		}
	}
}

func TestADraftThatLostAChunkIsNotStarted(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	l.draft("c", 3000)
	l.lose("c", 1)
	if e := wantErr[ErrHoles](t, l.Start(t.Context(), "c", 3000)); e.State != Draft || e.Missing != 1 {
		t.Errorf("err = %v", e)
	}
	l.draft("c", 3000)
	l.ok(l.Start(t.Context(), "c", 3000))
}

// It cannot be loaded anew: its rows may have been called.
func TestOfACampaignThatRunsWithoutAChunkNobodySaysThatItIsComplete(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	l.draft("c", 3000)
	l.ok(l.Start(t.Context(), "c", 3000))
	l.lose("c", 2)
	_, err := l.Load(t.Context(), Spec{ID: "c"}, l.reader(csvOf(0, 3000)))
	e := wantErr[ErrHoles](t, err)
	if e.State != Running || e.Missing != 1 || e.Chunks != 3 || e.First != 2*roster.ChunkRows || !strings.Contains(err.Error(), "under another id") {
		t.Errorf("err = %v", err)
	}
	l.wantState("c", Running)
	_, err = l.Load(t.Context(), Spec{ID: "c"}, l.reader(csvOf(0, 2999)))
	wantErr[ErrOtherContent](t, err)
}

// Whose roster was deleted after its retention was complete all the same.
func TestARosterThatIsGoneAfterItsRetentionHasNoHoles(t *testing.T) {
	t.Parallel()
	l, m := newTimedLife(t)
	l.draft("c", 2000)
	l.ok(l.Cancel(t.Context(), "c", 2000))
	m.SetTime(time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC))
	if expired, err := l.Expire(t.Context()); len(expired) != 1 || err != nil {
		t.Fatalf("expired %v, %v", expired, err)
	}
	if plan, err := l.Load(t.Context(), Spec{ID: "c"}, l.reader(csvOf(0, 2000))); err != nil || !plan.Existed {
		t.Errorf("plan = %+v, %v", plan, err)
	}
}

// A chunk that Redis loses of the second load must be missing then, and not be
// the first one's.
func TestALoadThatBeginsAgainFindsNoChunkOfTheEarlierOne(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	ctx, cancel := context.WithCancel(t.Context())
	g, ended := l.loadingBy(ctx, csvOf(0, 4000), 3000)
	cancel()
	close(g.open)
	<-ended
	if n := len(l.rdb.Keys(t.Context(), "rekey:{prod}:c:c:r:*").Val()); n != 2 {
		t.Fatalf("the first load left %d chunks", n)
	}
	g, ended = l.loadingBy(t.Context(), csvOf(5000, 8000), 0)
	if left := l.rdb.Keys(t.Context(), "rekey:{prod}:c:c:r:*").Val(); len(left) > 0 {
		t.Errorf("there are still %q", left)
	}
	close(g.open)
	l.ok(<-ended)
	if got := names(l.report("c", Filter{})); !slices.Equal(got, namesFrom(5000, 8000)) {
		t.Error("the roster is not the second file's")
	}
}
