package reset_test

import (
	"math"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestRefRoundTrip(t *testing.T) {
	t.Parallel()
	for _, r := range []reset.Ref{{Campaign: "breach-2026", Row: 0}, {Campaign: "a", Row: math.MaxInt64}} {
		got, err := reset.ParseRef(r.String())
		if err != nil || got != r {
			t.Errorf("%v became %v, %v", r, got, err)
		}
	}
	if s := (reset.Ref{Campaign: "a", Generation: "g", Row: 7}).String(); s != "a#7" {
		t.Errorf("%q: the generation is not public", s)
	}
}

func TestParseRefRefusesWhatIsNoRow(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "a", "#1", "a#", "a#x", "a#-1", "a#1#2", "a#1.5", "a# 1", "a#9223372036854775808"} {
		if r, err := reset.ParseRef(s); err == nil {
			t.Errorf("%q became %v", s, r)
		}
	}
}

// TestDurationsOfTheProtocol: they are promised together, and a rehearsal has
// the proportions of the real thing.
func TestDurationsOfTheProtocol(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, c := range []struct {
		hour                                     time.Duration
		deadline, margin, busy, lookEvery, alive time.Duration
	}{
		{time.Hour, 10 * s, 5 * time.Minute, time.Minute, 15 * s, 65 * time.Minute},
		{10 * s, s, 2 * s, 6 * s, 1500 * time.Millisecond, 12 * s},
		{time.Minute, 6 * s, 12 * s, 36 * s, 9 * s, 72 * s},
		{100 * s, 10 * s, 20 * s, time.Minute, 15 * s, 120 * s},
		{6 * time.Minute, 10 * s, 30 * s, time.Minute, 15 * s, 390 * s},
	} {
		h := reset.Hour(c.hour)
		got := []time.Duration{h.Deadline(), h.Margin(), h.Busy(), h.LookEvery(), h.CodeLife()}
		for i, want := range []time.Duration{c.deadline, c.margin, c.busy, c.lookEvery, c.alive} {
			if got[i] != want {
				t.Errorf("hour %v: duration %d is %v, want %v", c.hour, i, got[i], want)
			}
		}
	}
	if time.Duration(reset.MinHour) != 10*s {
		t.Errorf("the shortest hour is %v", time.Duration(reset.MinHour))
	}
}

// TestDurationsKeepTheirOrder, whatever the hour: a late answer must find its
// mark, and a mark must be in doubt before its code has expired.
func TestDurationsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	for hour := time.Duration(reset.MinHour); hour <= 3*time.Hour; hour += 7 * time.Second {
		h := reset.Hour(hour)
		if !(h.LookEvery() < h.Busy() && h.Deadline() < h.Busy() && h.Busy() < h.CodeLife() && 2*h.Deadline() <= h.Margin()) {
			t.Errorf("hour %v: deadline %v, margin %v, busy %v, look %v, code %v",
				hour, h.Deadline(), h.Margin(), h.Busy(), h.LookEvery(), h.CodeLife())
		}
	}
}

// TestMediaAreFrozen: their numbers stand in ledgers.
func TestMediaAreFrozen(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]struct {
		medium reset.Medium
		number uint8
		shown  string
	}{
		"": {reset.NoMedium, 0, ""}, "EMAIL": {reset.Email, 1, "EMAIL"},
		"SMS": {reset.SMS, 2, "SMS"}, "PIGEON": {reset.OtherMedium, 255, "OTHER"},
	} {
		m := reset.ParseMedium(word)
		if m != want.medium || uint8(m) != want.number || m.String() != want.shown {
			t.Errorf("%q: %d %q, want %d %q", word, m, m, want.number, want.shown)
		}
	}
}
