package campaign

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// cut leaves so many bytes of a chunk of the ledger.
func (l *ledger) cut(chunk, to int64) {
	l.t.Helper()
	key := l.keys.ledger(l.camp.ID, chunk)
	held := l.rdb.Get(l.t.Context(), key).Val()
	l.rdb.Set(l.t.Context(), key, held[:to], 0)
}

// copied is a chunk of the ledger as it is now, and puts it back.
func (l *ledger) copied(chunk int64) (putBack func()) {
	l.t.Helper()
	key := l.keys.ledger(l.camp.ID, chunk)
	held := l.rdb.Get(l.t.Context(), key).Val()
	return func() { l.rdb.Set(l.t.Context(), key, held, 0) }
}

// A chunk that was cut short keeps what it has of whole records, for Go as for the
// scripts; all others are damaged, and none of them is planned.
func TestLuaAndGoReadAChunkThatWasCutShortAlike(t *testing.T) {
	t.Parallel()
	for _, to := range []int64{1, 7, 8, 11, 16, 17, 4000, ledgerBytes - 3, ledgerBytes - 1} {
		l := newLedger(t, 1024)
		l.call(0, accepted())
		l.call(1, refused())
		l.cut(0, to)
		for _, row := range []int64{3, 1, 0, 1023} {
			want, known := AnswerGo, (row+1)*recordBytes <= to
			if row < 2 {
				want = AnswerSettled
			}
			if !known {
				want = AnswerParked
			}
			if _, err := l.Record(t.Context(), l.ref(row)); errors.As(err, new(ErrDamaged)) == known {
				t.Errorf("%d bytes: row %d: %v", to, row, err)
			}
			m := l.mark(row)
			if l.want(m, want); want == AnswerGo {
				l.settle(m, accepted())
			}
			if c, err := l.Campaign(t.Context(), "c1"); err != nil || c.Counts.Sum() != 1024 {
				t.Errorf("%d bytes: the counters are %+v, %v", to, c.Counts, err)
			}
		}
	}
}

func TestRowsOfAChunkThatWasCutShortAreNotCalledAgainAndTheCampaignEnds(t *testing.T) {
	t.Parallel()
	const total = roster.ChunkRows + 76
	l := newLedger(t, total)
	for row := range int64(600) {
		l.call(row, accepted())
	}
	l.cut(0, 10*recordBytes+3)
	rows, _ := l.ahead(total)
	if len(rows) != total-10 {
		t.Errorf("%d rows are fed, want all but the ten whose records are whole", len(rows))
	}
	slices.Reverse(rows)
	for _, row := range rows {
		m := l.mark(row)
		if l.begin(m).Answer == AnswerGo {
			l.settle(m, accepted())
		}
	}
	if l.field("state") != "done" || l.field("parked") != "1014" || l.field("accepted") != "86" {
		t.Errorf("%s, %s parked, %s accepted; want done, 1014 and 86", l.field("state"), l.field("parked"), l.field("accepted"))
	}
	l.wantState(599, Parked, reset.LedgerDamaged)
	l.recount()
}

func TestAClosedChunkThatWasCutShortStaysClosed(t *testing.T) {
	t.Parallel()
	l := newLedger(t, roster.ChunkRows+2)
	for row := range int64(roster.ChunkRows) {
		l.call(row, accepted())
	}
	l.cut(0, 80)
	l.want(l.mark(500), AnswerParked)
	if l.field("accepted") != "1023" || l.field("parked") != "1" {
		t.Errorf("%s accepted, %s parked; want 1023 and 1", l.field("accepted"), l.field("parked"))
	}
	l.call(1024, accepted())
	l.call(1025, accepted())
	if l.field("state") != "done" {
		t.Errorf("the campaign is %s", l.field("state"))
	}
}

// An older copy of the ledger forgets calls. Sooner or later a row is to be called
// that no counter has.
func TestAnOlderCopyOfTheLedgerHaltsTheCampaign(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 20)
	var putBack func()
	for row := range int64(14) {
		if row == 4 {
			putBack = l.copied(0)
		}
		l.call(row, accepted())
	}
	putBack()
	l.pass(2 * time.Hour) // the codes are over, or they would hold the rows
	calls := 0
	for row := int64(4); l.field("state") == "running" && row < 20; row++ {
		m := l.mark(row)
		if l.begin(m).Answer == AnswerGo {
			l.settle(m, accepted())
			calls++
		}
	}
	if calls != 6 || l.field("state") != "halted" || l.field("planned") != "0" {
		t.Errorf("%d calls, %s, %s planned; want 6, halted and 0", calls, l.field("state"), l.field("planned"))
	}
	if !strings.Contains(l.field("reason"), "older copy") || !strings.Contains(l.field("next"), "cancel") {
		t.Errorf("reason %q, next %q", l.field("reason"), l.field("next"))
	}
}

func TestACampaignIsNotDoneWhileAChunkHasRowsToDo(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 3)
	l.call(0, accepted())
	putBack := l.copied(0)
	l.call(1, accepted())
	putBack()
	if l.call(2, accepted()).Done || l.field("state") != "running" {
		t.Errorf("the campaign is %s, and its ledger has a row that is planned", l.field("state"))
	}
	l.pass(2 * time.Hour)
	l.want(l.mark(1), AnswerStopped)
	if l.field("state") != "halted" {
		t.Errorf("the campaign is %s", l.field("state"))
	}
}

// A call that only an older copy knows of ends as well.
func TestACallOfAnOlderCopyOfTheLedgerIsInDoubt(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 2)
	m := l.mark(0)
	l.want(m, AnswerGo)
	putBack := l.copied(0)
	l.settle(m, accepted())
	putBack()
	l.advance(2)
	l.pass(time.Hour)
	if rows, _ := l.walk(); !slices.Equal(rows, []int64{1}) {
		t.Errorf("the walk found %d", rows)
	}
	l.wantState(0, InDoubt, reset.Lost)
	if l.field("state") != "halted" {
		t.Errorf("the campaign is %s", l.field("state"))
	}
}

func TestAChunkThatCountsTooFewFinalRowsIsClosedByTheWalk(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 3)
	l.call(0, accepted())
	l.rdb.SetRange(t.Context(), l.keys.ledger("c1", 0), ledgerBytes-2, "\x00\x00")
	l.call(1, accepted())
	l.call(2, accepted())
	l.advance(3)
	if rows, _ := l.walk(); len(rows) != 0 || l.field("state") != "done" {
		t.Errorf("the walk found %d, the campaign is %s", rows, l.field("state"))
	}
	l.recount()
}
