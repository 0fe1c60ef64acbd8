package campaign

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// damage gives rows' records another state, one that is none.
func (l *ledger) damage(state byte, rows ...int64) {
	l.t.Helper()
	for _, row := range rows {
		at := row % roster.ChunkRows * recordBytes
		if err := l.rdb.SetRange(l.t.Context(), l.keys.ledger(l.camp.ID, chunkOf(row)), at, string([]byte{state})).Err(); err != nil {
			l.t.Fatal(err)
		}
	}
}

// grow makes chunks as long as the first transition makes them.
func (l *ledger) grow(chunks ...int64) {
	l.t.Helper()
	for _, chunk := range chunks {
		if err := l.rdb.SetRange(l.t.Context(), l.keys.ledger(l.camp.ID, chunk), ledgerBytes-1, "\x00").Err(); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *ledger) bury(row int64) {
	l.t.Helper()
	if err := l.Bury(l.t.Context(), l.ref(row), reset.LedgerDamaged, ""); err != nil {
		l.t.Fatal(err)
	}
}

// every puts rows 0 to 7 into the states of those numbers.
func (l *ledger) every() {
	l.t.Helper()
	l.set("on_live", "skip")
	l.want(l.mark(int64(Calling)), AnswerGo)
	l.call(int64(Waiting), userLimited())
	l.call(int64(Accepted), accepted())
	l.call(int64(Dead), refused())
	l.call(int64(InDoubt), unanswered())
	v := unanswered()
	v.Limit = 1
	l.call(int64(Parked), v)
	skipped := l.mark(int64(Skipped))
	skipped.Username = l.mark(int64(Accepted)).Username
	l.want(skipped, AnswerSkipped)
}

func TestADamagedRecordNamesItsRow(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 2000)
	l.call(1029, accepted())
	l.damage(9, 1029)
	_, err := l.Record(t.Context(), l.ref(1029))
	if e := wantErr[ErrDamaged](t, err); e.First != 1029 || e.Last != 1029 || e.Key != l.keys.ledger("c1", 1) {
		t.Errorf("error is %v", e)
	}
	l.rdb.Del(t.Context(), l.keys.ledger("c1", 1))
	l.rdb.HSet(t.Context(), l.keys.ledger("c1", 1), "a", "b")
	_, err = l.Record(t.Context(), l.ref(1029))
	wantErr[ErrDamaged](t, err)
	wantErr[ErrDamaged](t, l.Bury(t.Context(), l.ref(1029), reset.LedgerDamaged, ""))
}

func TestADamagedRecordStandsInNoOtherRowsWay(t *testing.T) {
	t.Parallel()
	const total = 3000
	l := newLedger(t, total)
	l.grow(0, 1, 2)
	l.damage(9, 5, 1500)
	rows, next := l.ahead(total)
	if next != total || len(rows) != total || !slices.Contains(rows, 5) {
		t.Fatalf("ahead: %d rows, next %d; want all %d, those that end as damaged among them", len(rows), next, total)
	}
	l.advance(total)
	rows, chunks := l.walk()
	if len(rows) != total || !slices.Equal(chunks, []int64{0, 1, 2}) {
		t.Errorf("the walk found %d rows in chunks %v", len(rows), chunks)
	}
}

func TestALedgersChunkOfAnotherTypeStandsInNoOtherRowsWay(t *testing.T) {
	t.Parallel()
	const total = 3000
	l := newLedger(t, total)
	l.rdb.HSet(t.Context(), l.keys.ledger("c1", 1), "a", "b")
	rows, next, err := l.Ahead(t.Context(), l.camp, total)
	if e := wantErr[ErrDamaged](t, err); e.First != 1024 || e.Last != 2047 {
		t.Errorf("error is %v", e)
	}
	if next != total || len(rows) != total-1024 || slices.Contains(rows, 1024) {
		t.Errorf("ahead: %d rows, next %d", len(rows), next)
	}
	l.advance(total)
	w, err := l.Behind(t.Context(), l.camp, 1)
	if wantErr[ErrDamaged](t, err); w.Next != 2 {
		t.Errorf("the walk goes on at chunk %d", w.Next)
	}
}

// Whatever a row was, its counter loses it when it is buried: the counters are
// those of a recount, and the campaign ends.
func TestABuriedRowLeavesTheCounterThatItWasIn(t *testing.T) {
	t.Parallel()
	for state := Planned; state <= Skipped; state++ {
		l := newTimedLedger(t, 8)
		l.grow(0)
		l.every()
		l.recount()
		l.damage(200, int64(state))
		l.bury(int64(state))
		if state == Calling { // it is in calls: its answer, or the look, ends it
			l.pass(time.Hour)
			if n, err := l.LookAtCalls(t.Context()); n != 1 || err != nil {
				t.Fatalf("the look found %d, %v", n, err)
			}
			l.wantState(int64(Calling), InDoubt, reset.Lost)
		} else {
			l.wantState(int64(state), Parked, reset.LedgerDamaged)
		}
		l.recount()
		if n := l.field("window"); n != "" {
			t.Errorf("%s: the guard looks at %q", state, n)
		}
	}
}

func TestAnAnswerIsRecordedThoughTheRecordWasDamagedMeanwhile(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 3)
	m := l.mark(0)
	l.want(m, AnswerGo)
	l.damage(9, 0)
	l.want(l.mark(0), AnswerBusy)
	if s := l.settle(m, accepted()); !s.Recorded || s.Record.State != Accepted {
		t.Errorf("%+v", s)
	}
	late := l.mark(1)
	l.want(late, AnswerGo)
	l.settle(late, unanswered())
	l.damage(9, 1)
	if s := l.settle(late, accepted()); !s.Recorded || s.Record.State != Accepted {
		t.Errorf("a late answer: %+v", s)
	}
	l.recount()
}

func TestARowWithADamagedRecordIsNotCalled(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 2)
	l.call(0, userLimited())
	l.pass(2 * time.Hour)
	l.damage(9, 0)
	l.want(l.mark(0), AnswerParked)
	l.wantState(0, Parked, reset.LedgerDamaged)
	l.recount()
	l.replay(Filter{Cause: reset.LedgerDamaged}, 1)
	l.call(0, accepted())
	l.recount()
}

// Of records that are damaged throughout nobody can tell which counters they
// were in. The sum is right all the same, and the campaign ends.
func TestCountersAddUpAndTheCampaignEndsWhateverIsDamaged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		l := newTimedLedger(t, 8)
		l.grow(0)
		l.every()
		sum := func() int64 {
			c, err := l.Campaign(t.Context(), "c1")
			if err != nil {
				rt.Fatal(err)
			}
			return c.Counts.Sum()
		}
		for row := range int64(8) {
			if rapid.Bool().Draw(rt, "damaged") {
				bytes := rapid.SliceOfN(rapid.Byte(), recordBytes, recordBytes).Draw(rt, "record")
				bytes[0] = max(bytes[0], byte(Skipped)+1)
				l.rdb.SetRange(t.Context(), l.keys.ledger("c1", 0), row*recordBytes, string(bytes))
			}
		}
		for range 4 { // doubts end as parked, at the latest
			l.pass(25 * time.Hour)
			if _, err := l.LookAtCalls(t.Context()); err != nil {
				rt.Fatal(err)
			}
			for row := range int64(8) {
				if _, err := l.Record(t.Context(), l.ref(row)); err != nil {
					l.bury(row)
				}
				if m := l.mark(row); l.begin(m).Answer == AnswerGo {
					l.settle(m, accepted())
				}
				if n := sum(); n != 8 {
					rt.Fatalf("the counters add up to %d", n)
				}
			}
		}
		c, err := l.Campaign(t.Context(), "c1")
		if err != nil || c.State != Done || c.Counts.ToDo()+c.Counts.Calling != 0 || c.Counts.Planned < 0 {
			rt.Fatalf("%s, %+v, %v", c.State, c.Counts, err)
		}
	})
}

// A chunk is as long as it ever is from its first transition on: what is shorter
// was cut, and its rows may have been called.
func TestAChunkOfOtherBytesCostsItsOwnRows(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1100)
	l.rdb.Set(t.Context(), l.keys.ledger("c1", 0), "not a ledger, but short!", 0)
	for row := range int64(1100) {
		if _, err := l.Record(t.Context(), l.ref(row)); err != nil {
			l.bury(row)
		} else {
			l.call(row, accepted())
		}
	}
	if l.field("state") != "done" || l.field("parked") != "1024" || l.field("accepted") != "76" {
		t.Errorf("%s, %s parked, %s accepted", l.field("state"), l.field("parked"), l.field("accepted"))
	}
}

func TestNoScriptWritesARecordWhoseStateIsUnknown(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1)
	l.grow(0)
	l.damage(9, 0)
	before := l.rdb.Get(t.Context(), l.keys.ledger("c1", 0)).Val()
	shared, err := sharedText()
	if err != nil {
		t.Fatal(err)
	}
	script := shared + "local old = decode(redis.call('GET', LEDGER), 0)\ntransition(0, old, becomes(old, DEAD, 0))\ncommit()"
	if err := l.rdb.Eval(t.Context(), script, l.keys.row(l.ref(0)), rowArgs(l.ref(0))...).Err(); err == nil {
		t.Error("it is no error")
	}
	if l.rdb.Get(t.Context(), l.keys.ledger("c1", 0)).Val() != before || l.field("planned") != "1" {
		t.Error("something was written")
	}
}
