package tasks

import (
	"maps"
	"testing"
)

func TestWindowIsTwentySecondsOfTheRateAndNeverMoreThanItsMost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why                   string
		rate                  float64
		urgentDue, otherDue   int
		wantUrgent, wantOther int
	}{
		{"twenty seconds of 17.1 a second", 17.1, 0, 0, 342, 342},
		{"what is due is counted", 10, 0, 150, 200, 50},
		{"bulk rows do not keep urgent ones out", 10, 0, 200, 200, 0},
		{"urgent rows keep bulk ones out", 10, 150, 0, 50, 50},
		{"a part of a second is not worth the way", 10, 0, 191, 200, 0},
		{"a second's worth is", 10, 0, 190, 200, 10},
		{"a high rate is fed in portions", 3000, 0, 4900, 5000, 100},
		{"full", 10, 600, 900, 0, 0},
		{"a high rate", 3000, 0, 0, 5000, 5000},
		{"a rate next to nothing still moves", 0.001, 0, 0, 1, 1},
	} {
		u, o := room(c.rate, c.urgentDue, c.otherDue)
		if u != c.wantUrgent || o != c.wantOther {
			t.Errorf("%s: room %d, %d; want %d, %d", c.why, u, o, c.wantUrgent, c.wantOther)
		}
	}
}

func TestFourNormalRowsToOneBulkRow(t *testing.T) {
	t.Parallel()
	var ts turns
	got := ts.deal(1000, []claimant{{"bulk", true, 9999}, {"normal", false, 9999}})
	if got["normal"] != 800 || got["bulk"] != 200 {
		t.Errorf("dealt %v, want 800 to 200", got)
	}
}

func TestEqualsTakeTurns(t *testing.T) {
	t.Parallel()
	var ts turns
	got := ts.deal(90, []claimant{{"a", false, 9999}, {"b", false, 9999}, {"c", false, 9999}})
	if got["a"] != 30 || got["b"] != 30 || got["c"] != 30 {
		t.Errorf("dealt %v, want thirty each", got)
	}
	ts = turns{}
	got = ts.deal(100, []claimant{{"a", false, 9999}, {"b", false, 9999}, {"x", true, 9999}, {"y", true, 9999}})
	want := map[string]int{"a": 40, "b": 40, "x": 10, "y": 10}
	if !maps.Equal(got, want) {
		t.Errorf("dealt %v, want %v", got, want)
	}
}

func TestOnePlaceAtATimeIsDealtAsFairlyAsMany(t *testing.T) {
	t.Parallel()
	var ts turns
	sum := map[string]int{}
	for range 1000 {
		for id, n := range ts.deal(1, []claimant{{"bulk", true, 9999}, {"normal", false, 9999}}) {
			sum[id] += n
		}
	}
	if sum["normal"] != 800 || sum["bulk"] != 200 {
		t.Errorf("dealt %v, want 800 to 200", sum)
	}
}

func TestNoPlaceIsLeftWhileAnybodyWantsIt(t *testing.T) {
	t.Parallel()
	var ts turns
	got := ts.deal(100, []claimant{{"few", false, 3}, {"bulk", true, 9999}, {"none", false, 0}})
	if got["few"] != 3 || got["bulk"] != 97 || got["none"] != 0 {
		t.Errorf("dealt %v", got)
	}
	if got := ts.deal(100, nil); len(got) != 0 {
		t.Errorf("nobody wants a place, and got %v", got)
	}
}

func TestNewcomerIsNotPaidArrears(t *testing.T) {
	t.Parallel()
	var ts turns
	for range 50 {
		ts.deal(100, []claimant{{"old", false, 9999}})
	}
	got := ts.deal(100, []claimant{{"new", false, 9999}, {"old", false, 9999}})
	if got["new"] != 50 || got["old"] != 50 {
		t.Errorf("dealt %v, want fifty each", got)
	}
}
