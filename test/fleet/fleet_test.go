package fleet

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var users = flag.Int("users", 2000, "users of the campaign over three workers")

// check holds the report against the journal, row by row.
func check(t *testing.T, f *Fleet, id string) {
	t.Helper()
	report, journal := f.Report(id), f.Journal()
	for name, calls := range journal {
		if _, ok := report[name]; !ok {
			t.Errorf("a user was called whom the report does not name, at %v", calls[0].At)
		}
	}
	for name, line := range report {
		calls := journal[name]
		checkCodes(t, line, calls)
		switch {
		case len(calls) == 0:
			t.Errorf("row %s is %s and was never called", line.Row, line.State)
		case (line.State == "accepted") != (calls[len(calls)-1].Answer == "OK"):
			t.Errorf("row %s is %s; the twin's last answer was %q", line.Row, line.State, calls[len(calls)-1].Answer)
		}
	}
}

// checkCodes fails where a user got a code while an earlier one was alive.
func checkCodes(t *testing.T, line Line, calls []Entry) {
	t.Helper()
	var last time.Time
	for _, c := range calls {
		if !c.Sent {
			continue
		}
		if !last.IsZero() && c.At.Sub(last) < Hour {
			t.Errorf("row %s: two live codes, %s apart", line.Row, c.At.Sub(last))
		}
		last = c.At
	}
}

func (f *Fleet) campaign(id string, users int) {
	f.t.Helper()
	f.Run("enqueue", "--campaign", id, "--guard", "off", "--start", "--confirm", fmt.Sprint(users), f.Users)
}

func TestTheReportOfThreeWorkersEqualsTheTwinsJournal(t *testing.T) {
	t.Parallel()
	f := Start(t, Options{Users: *users, Rate: 400, Twin: []string{"--faults", "mild", "--seed", "7"}})
	for range 3 {
		f.Go("worker")
	}
	f.campaign("three", *users)
	f.Try("campaign", "wait", "three", "--timeout", patience.String())
	s := f.Until("three", "done", func(s Show) bool { return s.State == "done" })
	t.Logf("%+v", s)
	if s.Counts["accepted"] < *users*8/10 {
		t.Errorf("only %d of %d were accepted", s.Counts["accepted"], *users)
	}
	check(t, f, "three")
}

func TestAKilledWorkersOpenRowsAreInDoubtAndThenCalledAgain(t *testing.T) {
	t.Parallel()
	const users = 2000
	f := Start(t, Options{Users: users, Rate: 100, Twin: []string{"--latency", "500ms"}})
	first := f.Go("worker")
	f.Go("worker")
	f.campaign("killed", users)
	f.Until("killed", "in the middle", func(s Show) bool { return s.Counts["accepted"] > users/4 && s.Counts["calling"] > 10 })
	first.Kill()
	at := time.Now()
	before := f.Show("killed").Counts["accepted"]
	doubts := f.Until("killed", "in doubt", func(s Show) bool { return s.Counts["in_doubt"] > 0 })
	t.Logf("%d rows in doubt after %s", doubts.Counts["in_doubt"], time.Since(at).Round(time.Second))
	if rate := float64(doubts.Counts["accepted"]-before) / time.Since(at).Seconds(); rate < 50 {
		t.Errorf("the other worker went on at %.0f/s of 100/s", rate)
	}
	f.Until("killed", "done", func(s Show) bool { return s.State == "done" })
	again := 0
	for _, calls := range f.Journal() {
		if len(calls) > 1 {
			again++
		}
	}
	if again == 0 {
		t.Error("no row was called again: the worker was killed between calls, and the test showed nothing")
	}
	t.Logf("%d rows were called again", again)
	check(t, f, "killed")
}
