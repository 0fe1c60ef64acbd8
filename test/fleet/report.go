package fleet

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"time"
)

// Show is the part of campaign show --output json that these tests read.
type Show struct {
	State  string             `json:"state"`
	Reason string             `json:"reason"`
	Total  int                `json:"total"`
	Counts map[string]int     `json:"counts"`
	Parked int                `json:"parked"`
	Causes map[string]int     `json:"causes"`
	Rate   map[string]float64 `json:"rate"`
}

// Show asks for a campaign and checks that its counters add up.
func (f *Fleet) Show(id string) Show {
	f.t.Helper()
	s, ok := f.Look(id)
	if !ok {
		f.t.Fatalf("campaign show %s failed", id)
	}
	return s
}

// Look is [Fleet.Show] while Redis may be away: then it is not ok.
func (f *Fleet) Look(id string) (s Show, ok bool) {
	f.t.Helper()
	out, code := f.Try("campaign", "show", id, "--output", "json")
	if code != 0 {
		return s, false
	}
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		f.t.Errorf("campaign show: %v", err)
		return s, false
	}
	sum := 0
	for _, n := range s.Counts {
		sum += n
	}
	if sum != s.Total {
		f.t.Errorf("%s: the counters add up to %d of %d: %v", id, sum, s.Total, s.Counts)
	}
	return s, true
}

// Until shows the campaign until it is as wanted.
func (f *Fleet) Until(id, what string, ok func(Show) bool) Show {
	f.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		s := f.Show(id)
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%s: not %s after %s: %+v", id, what, patience, s)
		}
	}
	return Show{}
}

// Line is a line of the report.
type Line struct{ Row, Username, State, Cause string }

// Report returns the campaign's report by username.
func (f *Fleet) Report(id string) map[string]Line {
	f.t.Helper()
	rows, err := csv.NewReader(strings.NewReader(f.Run("campaign", "report", id, "--output", "csv"))).ReadAll()
	if err != nil {
		f.t.Fatal(err)
	}
	column := make(map[string]int)
	for i, name := range rows[0] {
		column[name] = i
	}
	lines := make(map[string]Line, len(rows))
	for _, r := range rows[1:] {
		l := Line{r[column["row"]], r[column["username"]], r[column["state"]], r[column["cause"]]}
		if _, twice := lines[l.Username]; twice {
			f.t.Errorf("%s has two lines", l.Row)
		}
		lines[l.Username] = l
	}
	return lines
}

// Entry is a line of the twin's journal.
type Entry struct {
	At       time.Time `json:"at"`
	Username string    `json:"username"`
	Answer   string    `json:"answer"`
	Sent     bool      `json:"sent"`
}

// Journal returns what the twin did, by username, in its order.
func (f *Fleet) Journal() map[string][]Entry {
	f.t.Helper()
	text, err := os.ReadFile(f.journal)
	if err != nil {
		f.t.Fatal(err)
	}
	calls := make(map[string][]Entry)
	for line := range bytes.Lines(text) {
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			f.t.Fatalf("the journal: %v in %q", err, line)
		}
		calls[e.Username] = append(calls[e.Username], e)
	}
	return calls
}

// Campaign loads and starts the fleet's users, all of them.
func (f *Fleet) Campaign(id string, users int) {
	f.t.Helper()
	f.Run("enqueue", "--campaign", id, "--guard", "off", "--start", "--confirm", strconv.Itoa(users), f.Users)
}

// Check holds the report against the journal, row by row, and fails where a
// user got a code while an earlier one was alive.
func (f *Fleet) Check(id string) {
	f.t.Helper()
	report, journal := f.CheckRows(id)
	for name, line := range report {
		if apart, twice := TwoLive(journal[name]); twice {
			f.t.Errorf("row %s: two live codes, %s apart", line.Row, apart)
		}
	}
}

// CheckRows is the part of [Fleet.Check] that holds whatever a Redis lost:
// everybody was called, and the report says of each what the last call brought.
func (f *Fleet) CheckRows(id string) (map[string]Line, map[string][]Entry) {
	f.t.Helper()
	report, journal := f.Report(id), f.Journal()
	for name, calls := range journal {
		if _, ok := report[name]; !ok {
			f.t.Errorf("a user was called whom the report does not name, at %v", calls[0].At)
		}
	}
	for name, line := range report {
		calls := journal[name]
		switch {
		case len(calls) == 0:
			f.t.Errorf("row %s is %s and was never called", line.Row, line.State)
		case (line.State == "accepted") != (calls[len(calls)-1].Answer == "OK"):
			f.t.Errorf("row %s is %s; the twin's last answer was %q", line.Row, line.State, calls[len(calls)-1].Answer)
		}
	}
	return report, journal
}

// TwoLive reports whether a user got a code while an earlier one was alive.
func TwoLive(calls []Entry) (apart time.Duration, twice bool) {
	var last time.Time
	for _, c := range calls {
		if !c.Sent {
			continue
		}
		if apart = c.At.Sub(last); !last.IsZero() && apart < Hour {
			return apart, true
		}
		last = c.At
	}
	return 0, false
}
