package campaign

import (
	"slices"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

func (l *ledger) ahead(n int) ([]int64, int64) {
	l.t.Helper()
	rows, next, err := l.Ahead(l.t.Context(), l.camp, n)
	if err != nil {
		l.t.Fatal(err)
	}
	return rows, next
}

func (l *ledger) advance(to int64) bool {
	l.t.Helper()
	ok, err := l.Advance(l.t.Context(), l.camp, l.camp.Cursor, to)
	if err != nil {
		l.t.Fatal(err)
	}
	if ok {
		l.camp.Cursor = to
	}
	return ok
}

// walk goes over all open chunks behind the cursor.
func (l *ledger) walk() (rows, chunks []int64) {
	l.t.Helper()
	for chunk := int64(0); chunk >= 0; {
		w, err := l.Behind(l.t.Context(), l.camp, chunk)
		if err != nil {
			l.t.Fatal(err)
		}
		if w.Next >= 0 {
			chunks = append(chunks, w.Next-1)
		}
		rows, chunk = append(rows, w.Rows...), w.Next
	}
	return rows, chunks
}

func TestAheadYieldsEveryPlannedRowOnce(t *testing.T) {
	t.Parallel()
	const total = 3000
	l := newLedger(t, total)
	called := map[int64]bool{0: true, 5: true, 1023: true, 1024: true, 2999: true}
	for row := range called {
		l.call(row, accepted())
	}
	seen := map[int64]int{}
	for l.camp.Cursor < total {
		rows, next := l.ahead(700)
		if len(rows) > 700 || next <= l.camp.Cursor {
			t.Fatalf("%d rows, the cursor from %d to %d", len(rows), l.camp.Cursor, next)
		}
		for _, row := range rows {
			seen[row]++
		}
		if !l.advance(next) {
			t.Fatal("the cursor did not move")
		}
	}
	for row := range int64(total) {
		if want := map[bool]int{true: 0, false: 1}[called[row]]; seen[row] != want {
			t.Errorf("row %d was ahead %d times, want %d", row, seen[row], want)
		}
	}
	if rows, next := l.ahead(10); len(rows) != 0 || next != total {
		t.Errorf("at the end: %v, %d", rows, next)
	}
}

func TestOneLookAheadReadsABoundedNumberOfChunks(t *testing.T) {
	t.Parallel()
	const total = 40 * 1024
	l := newLedger(t, total)
	done := make([]byte, ledgerBytes)
	for slot := range 1024 {
		copy(done[slot*recordBytes:], Record{State: Accepted, At: time.Unix(1, 0)}.Bytes())
	}
	for chunk := range int64(39) {
		l.rdb.Set(t.Context(), l.keys.ledger("c1", chunk), done, 0)
	}
	if rows, next := l.ahead(10); len(rows) != 0 || next != aheadChunks*1024 {
		t.Errorf("%d rows, next %d; want none, and %d", len(rows), next, aheadChunks*1024)
	}
}

func TestAFeederThatFellBehindCannotMoveTheCursor(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 100)
	stale := *l
	if !l.advance(10) {
		t.Fatal("the cursor did not move")
	}
	if stale.advance(50) {
		t.Error("a feeder that had seen an older cursor moved it")
	}
	if got := l.field("cursor"); got != "10" {
		t.Errorf("cursor %s, want 10", got)
	}
	stale = *l
	stale.camp.Generation = "older"
	if stale.advance(50) {
		t.Error("a feeder of an older generation moved the cursor")
	}
}

func TestARowIsInLaterFromAMinuteOnUntilItIsFed(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 4)
	wait := func(d time.Duration) Verdict {
		v := throttled()
		v.Wait = d
		return v
	}
	l.call(0, wait(60*time.Second))
	l.call(1, wait(61*time.Second))
	l.call(2, wait(2*time.Hour))
	l.call(3, wait(90*time.Second))
	later := func() []reset.Ref {
		refs, err := l.Later(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		return refs
	}
	if refs := later(); len(refs) != 0 {
		t.Errorf("due at once: %v", refs)
	}
	l.pass(90 * time.Second)
	if refs := later(); !slices.Equal(refs, []reset.Ref{l.ref(1), l.ref(3)}) {
		t.Errorf("due after 90 s: %v, want rows 1 and 3", refs)
	}
	// Row 1 is called, and waits anew, before the feeder says that it fed it.
	l.call(1, wait(3*time.Minute))
	if err := l.Fed(t.Context(), l.ref(1), l.ref(3)); err != nil {
		t.Fatal(err)
	}
	if !l.inLater(1) || l.inLater(3) {
		t.Errorf("in later: row 1 %v, row 3 %v; want true, false", l.inLater(1), l.inLater(3))
	}
	l.recount()
}

func TestARowThatIsCalledLeavesLater(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	l.call(0, userLimited())
	l.pass(time.Hour)
	l.want(l.mark(0), AnswerGo)
	if l.inLater(0) {
		t.Error("a row that is calling is in later")
	}
}

func TestTheWalkFindsWhatTheQueueLost(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 2500)
	l.advance(2100)
	l.call(0, accepted())
	l.call(1, throttled())   // due in two seconds
	l.call(2, userLimited()) // in later
	l.call(3, userLimited()) // in later, until that is lost
	l.rdb.ZRem(t.Context(), l.keys.later(), member(l.ref(3)))
	l.want(l.mark(4), AnswerGo)
	l.call(2099, unanswered())
	rows, chunks := l.walk()
	if len(rows) != 2100-6 || slices.Contains(rows, 2100) || rows[0] != 5 {
		t.Errorf("%d rows from %d on, want the 2,094 planned ones behind the cursor", len(rows), rows[0])
	}
	if !slices.Equal(chunks, []int64{0, 1, 2}) {
		t.Errorf("walked over chunks %v", chunks)
	}
	if !l.inLater(3) {
		t.Error("the walk did not put the row back into later")
	}
	if !l.inLater(1) {
		t.Error("a row that waits for seconds, and whose task may be lost, is in no list")
	}
	l.pass(10 * time.Second)
	if refs, err := l.Later(t.Context(), 5); err != nil || !slices.Equal(refs, []reset.Ref{l.ref(1)}) {
		t.Errorf("due are %v, %v", refs, err)
	}
	if err := l.Fed(t.Context(), l.ref(1)); err != nil {
		t.Fatal(err)
	}
	if rows, _ = l.walk(); !slices.Contains(rows, 1) || slices.Contains(rows, 2) {
		t.Error("a row whose time has come is not found, or one that must wait is")
	}
	l.pass(time.Hour)
	if rows, _ = l.walk(); slices.Contains(rows, 2) || slices.Contains(rows, 3) {
		t.Error("a row that later is about to feed is taken for lost")
	}
	l.recount()
}

func TestTheWalkPassesChunksThatAreDone(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 70000)
	l.camp.Cursor = 70000
	l.rdb.Del(t.Context(), l.keys.open("c1"))
	for _, chunk := range []int64{0, 9, 66} {
		l.rdb.SetBit(t.Context(), l.keys.open("c1"), chunk, 1)
	}
	if _, chunks := l.walk(); !slices.Equal(chunks, []int64{0, 9, 66}) {
		t.Errorf("walked over chunks %v, want 0, 9 and 66", chunks)
	}
}

func TestAChunksBitGoesWithItsLastRow(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1026)
	l.call(1024, accepted())
	l.call(1025, refused())
	open := func(chunk int64) int64 { return l.rdb.GetBit(t.Context(), l.keys.open("c1"), chunk).Val() }
	if open(0) != 1 || open(1) != 0 {
		t.Errorf("open: %d, %d; want 1, 0", open(0), open(1))
	}
	l.replay(Filter{States: []State{Dead}}, 1)
	if open(1) != 1 {
		t.Error("the chunk of a replayed row is not open")
	}
	l.recount()
}

func TestTheLeaseHasOneHolder(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 1)
	lease := func(holder string) bool {
		ok, err := l.Lease(t.Context(), holder)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !lease("a") || lease("b") || !lease("a") {
		t.Fatal("a takes and renews, b is refused")
	}
	l.pass(9 * time.Second)
	lease("a")
	l.pass(9 * time.Second)
	if lease("b") {
		t.Error("b took a lease that was renewed")
	}
	l.pass(time.Second)
	if !lease("b") {
		t.Error("b did not get a lease that was over")
	}
	for _, holder := range []string{"a", "b"} { // a holds it no more
		if err := l.Release(t.Context(), holder); err != nil {
			t.Fatal(err)
		}
		if got := lease("c"); got != (holder == "b") {
			t.Errorf("after %s released: c took it = %v", holder, got)
		}
	}
}

func TestFirstBitIsRedis(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	for _, set := range []int64{0, 1, 7, 8, 100, 8191, 8192, 20000} {
		l.rdb.Del(t.Context(), "bits")
		l.rdb.SetBit(t.Context(), l.keys.open("bits"), set, 1)
		for _, from := range []int64{0, set / 2, set, set + 1} {
			want := set
			if from > set {
				want = -1
			}
			got, err := l.nextOpen(t.Context(), "bits", from, 30000)
			if err != nil || got != want {
				t.Errorf("bit %d from %d: %d, %v; want %d", set, from, got, err, want)
			}
		}
		l.rdb.Del(t.Context(), l.keys.open("bits"))
	}
}
