package fleet

import (
	"flag"
	"testing"
	"time"
)

var users = flag.Int("users", 2000, "users of the campaign over three workers")

func TestTheReportOfThreeWorkersEqualsTheTwinsJournal(t *testing.T) {
	t.Parallel()
	f := Start(t, Options{Users: *users, Rate: 400, Twin: []string{"--faults", "mild", "--seed", "7"}})
	for range 3 {
		f.Go("worker")
	}
	f.Campaign("three", *users)
	f.Try("campaign", "wait", "three", "--timeout", patience.String())
	s := f.Until("three", "done", func(s Show) bool { return s.State == "done" })
	t.Logf("%+v", s)
	if s.Counts["accepted"] < *users*8/10 {
		t.Errorf("only %d of %d were accepted", s.Counts["accepted"], *users)
	}
	f.Check("three")
}

func TestAKilledWorkersOpenRowsAreInDoubtAndThenCalledAgain(t *testing.T) {
	t.Parallel()
	const users = 2000
	f := Start(t, Options{Users: users, Rate: 100, Twin: []string{"--latency", "500ms"}})
	first := f.Go("worker")
	f.Go("worker")
	f.Campaign("killed", users)
	f.Until("killed", "in the middle", func(s Show) bool { return s.Counts["accepted"] > users/4 && s.Counts["calling"] > 10 })
	first.Kill()
	at := time.Now()
	before := f.Show("killed").Counts["accepted"]
	doubts := f.Until("killed", "in doubt", func(s Show) bool { return s.Counts["in_doubt"] > 0 })
	t.Logf("%d rows in doubt after %s", doubts.Counts["in_doubt"], time.Since(at).Round(time.Second))
	if took := time.Since(at); took > 2*time.Minute {
		t.Errorf("its rows were found in doubt after %s", took)
	}
	// The machine is shared: a worker that had to wait for the other's leases
	// would have stood still for most of this time.
	if rate := float64(doubts.Counts["accepted"]-before) / time.Since(at).Seconds(); rate < 75 {
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
	f.Check("killed")
}
