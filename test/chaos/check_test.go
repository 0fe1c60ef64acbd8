package main

import (
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/test/fleet"
)

// call is a line of a journal, after seconds.
func call(after float64, answer string, sent bool) fleet.Entry {
	return fleet.Entry{At: time.Unix(1e9, 0).Add(time.Duration(after * float64(time.Second))), Answer: answer, Sent: sent}
}

func TestTheBooksShowEveryBrokenPromise(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why, state, second string
		park               bool
		calls              []fleet.Entry
		want               string // "" is nothing broken
	}{
		{"called once", "accepted", "", true, []fleet.Entry{call(0, "OK", true)}, ""},
		{"a doubt, and again after the code's end", "accepted", "", false, []fleet.Entry{call(0, "", true), call(12, "OK", true)}, ""},
		{"again while the code is alive", "accepted", "", false, []fleet.Entry{call(0, "", true), call(9, "OK", true)}, "two live codes"},
		{"again, though doubts are parked", "accepted", "", true, []fleet.Entry{call(0, "", true), call(12, "OK", true)}, "messaged 2 times"},
		{"not final", "waiting", "", false, []fleet.Entry{call(0, "OK", true)}, "lost"},
		{"parked without a call: its worker died before it", "in_doubt", "", true, nil, ""},
		{"accepted out of nothing", "accepted", "", false, nil, "accepted 1 times"},
		{"accepted by two campaigns, called once", "accepted", "accepted", false, []fleet.Entry{call(0, "OK", true)}, "accepted 2 times"},
		{"the second campaign's row is lost", "accepted", "planned", false, []fleet.Entry{call(0, "OK", true)}, "lost"},
		{"dead after an OK", "dead", "", false, []fleet.Entry{call(0, "OK", true)}, "no refusal"},
		{"dead after a refusal", "dead", "", false, []fleet.Entry{call(0, "CodeDeliveryFailureException", false)}, ""},
		{"limited, and called at once", "accepted", "", false, []fleet.Entry{call(0, limited, false), call(3, "OK", true)}, "not before"},
		{"limited so often that it was dead, and replayed", "accepted", "", false, []fleet.Entry{
			call(0, limited, false), call(12, limited, false), call(36, limited, false), call(80, limited, false), call(81, "OK", true)}, ""},
		{"limited, and called after the hour", "accepted", "", false, []fleet.Entry{call(0, limited, false), call(10, "OK", true)}, ""},
	} {
		b := books{first: map[string]fleet.Line{"ann": {Row: "0", State: c.state}}, journal: map[string][]fleet.Entry{}, park: c.park}
		if c.second != "" {
			b.second = map[string]fleet.Line{"ann": {Row: "0", State: c.second}}
		}
		if c.calls != nil {
			b.journal["ann"] = c.calls
		}
		broken := strings.Join(b.broken(), "; ")
		if (broken == "") != (c.want == "") || !strings.Contains(broken, c.want) {
			t.Errorf("%s: %q, want %q", c.why, broken, c.want)
		}
	}
}

func TestTheFullestSecondIsFoundBetweenFullSeconds(t *testing.T) {
	t.Parallel()
	var at []time.Time
	for i := range 30 { // from 0.7 s to 1.28 s
		at = append(at, time.Unix(1e9, 7e8).Add(time.Duration(i)*20*time.Millisecond))
	}
	at = append(at, time.Unix(1e9+5, 0), time.Unix(1e9, 0))
	if n, from := busiest(at, time.Second); n != 30 || !from.Equal(time.Unix(1e9, 7e8)) {
		t.Errorf("%d from %v", n, from)
	}
	b := books{first: map[string]fleet.Line{}, rate: 10, left: at}
	if broken := b.broken(); len(broken) != 1 || !strings.HasPrefix(broken[0], "rate: 30 ") {
		t.Errorf("%v", broken)
	}
}
