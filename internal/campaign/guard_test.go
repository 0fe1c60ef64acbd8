package campaign

import (
	"testing"

	"github.com/rekeyhq/rekey/internal/reset"
)

// ends makes rows final, in order: d is dead, a accepted.
func (l *ledger) ends(from int64, rows string) (halted int64) {
	l.t.Helper()
	for i, r := range rows {
		v := accepted()
		if r == 'd' {
			v = refused()
		}
		s := l.call(from+int64(i), v)
		if s.Halted == nil {
			continue
		}
		if s.Halted.Pool || s.Halted.Reason == "" || s.Halted.Next == "" {
			l.t.Errorf("the guard's halt says %+v", s.Halted)
		}
		return int64(i) + 1
	}
	return 0
}

func pattern(n int, dead func(i int) bool) string {
	rows := make([]byte, n)
	for i := range rows {
		rows[i] = 'a'
		if dead(i) {
			rows[i] = 'd'
		}
	}
	return string(rows)
}

func TestTheGuardHaltsTheCampaign(t *testing.T) {
	t.Parallel()
	tests := []struct {
		why    string
		guard  int
		rows   string
		halted int64 // the row at which, 0 for never
	}{
		{"exactly a tenth is allowed", 100, pattern(600, func(i int) bool { return i%10 == 9 }), 0},
		{"more than a tenth halts, from the 200th row on", 100, pattern(600, func(i int) bool { return i%8 == 0 }), 200},
		{"its own share counts", 200, pattern(600, func(i int) bool { return i%8 == 0 }), 0},
		{"the first fourteen dead are not enough", 100, pattern(199, func(i int) bool { return i < 14 }), 0},
		{"fifteen of the last twenty", 500, pattern(100, func(i int) bool { return i >= 50 }), 65},
		{"fifteen dead at the very beginning", 100, pattern(100, func(int) bool { return true }), 15},
		{"fifteen of the last twenty with five between", 100, pattern(100, func(i int) bool { return i >= 40 && i%4 != 0 }), 60},
		{"off", 0, pattern(300, func(int) bool { return true }), 0},
	}
	for _, test := range tests {
		l := newLedger(t, 1000, "guard", test.guard)
		if got := l.ends(0, test.rows); got != test.halted {
			t.Errorf("%s: halted at row %d, want %d", test.why, got, test.halted)
		}
		want := "running"
		if test.halted > 0 {
			want = "halted"
			l.want(l.mark(999), AnswerStopped)
			if l.field("reason") == "" || l.field("next") == "" {
				t.Errorf("%s: the campaign does not say why", test.why)
			}
		}
		if got := l.field("state"); got != want {
			t.Errorf("%s: the campaign is %s, want %s", test.why, got, want)
		}
		l.recount()
	}
}

func TestTheGuardLooksAtTheLast500RowsAlone(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 2000, "guard", 100)
	// 19 of the first 199 are dead, then 600 accepted push them out: 45 more in
	// 500 are allowed again.
	rows := pattern(1300, func(i int) bool { return i < 190 && i%10 == 0 || i >= 800 && i%10 == 0 })
	if got := l.ends(0, rows); got != 0 {
		t.Errorf("halted at row %d", got)
	}
	if n := len(l.field("window")); n != 500 {
		t.Errorf("the guard remembers %d rows, want 500", n)
	}
}

func TestTheLastRowIsDoneAndNotHalted(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 15, "guard", 100)
	l.ends(0, pattern(14, func(int) bool { return true }))
	if s := l.call(14, refused()); !s.Done || s.Halted != nil {
		t.Errorf("after the last row: %+v", s)
	}
}

func TestRowsThatCannotBeReadAreNoneOfTheGuards(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 1100, "guard", 100)
	for row := range int64(1024) {
		if err := l.Bury(t.Context(), l.ref(row), reset.RosterDamaged, ""); err != nil {
			t.Fatal(err)
		}
	}
	if l.field("state") != "running" || l.field("window") != "" {
		t.Errorf("it is %s (%s), the guard looks at %q", l.field("state"), l.field("reason"), l.field("window"))
	}
	if got := l.ends(1024, pattern(15, func(int) bool { return true })); got != 15 {
		t.Errorf("after them it halts at row %d, want 15", got)
	}
	l.recount()
}

func TestACampaignIsDoneWithALastRowThatCannotBeRead(t *testing.T) {
	t.Parallel()
	l := newLedger(t, 2, "guard", 100)
	l.call(0, accepted())
	if err := l.Bury(t.Context(), l.ref(1), reset.RosterDamaged, ""); err != nil {
		t.Fatal(err)
	}
	if l.field("state") != "done" {
		t.Errorf("it is %s", l.field("state"))
	}
}
