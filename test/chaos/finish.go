package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/test/fleet"
)

func (w *world) campaigns() []string {
	if w.done[secondLoad] > 0 {
		return []string{first, second}
	}
	return []string{first}
}

// finish waits until every campaign is done, or nothing changes any more.
func (w *world) finish() map[string]fleet.Show {
	shows := map[string]fleet.Show{}
	for _, id := range w.campaigns() {
		shows[id] = w.await(id)
	}
	return shows
}

func (w *world) await(id string) fleet.Show {
	var last fleet.Show
	changed := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s := w.f.Show(id)
		if s.State == "paused" || s.State == "halted" {
			w.f.Try("campaign", "resume", id)
		}
		if !maps.Equal(s.Counts, last.Counts) {
			changed = time.Now()
		}
		if last = s; s.State == "done" || time.Since(changed) > still {
			return s
		}
		select {
		case <-tick.C:
			w.supervise()
		case <-w.t.Context().Done():
			return s
		}
	}
}

// audit holds everything against each other.
func (w *world) audit(shows map[string]fleet.Show) Result {
	b := books{first: w.f.Report(first), journal: w.f.Journal(), park: w.o.Park, rate: w.rate}
	if _, ok := shows[second]; ok {
		b.second = w.f.Report(second)
	}
	for _, o := range w.crew {
		b.left = append(b.left, o.twin.left()...)
	}
	r := Result{Options: w.o, Done: w.done, Took: time.Since(w.began), Shows: shows, Calls: len(b.left),
		Promised: b.promised(time.Second), TenthPromised: b.promised(time.Second / 10)}
	r.Busiest, _ = busiest(b.left, time.Second)
	r.Tenth, _ = busiest(b.left, time.Second/10)
	for _, calls := range b.journal {
		if sent := slices.DeleteFunc(slices.Clone(calls), func(e fleet.Entry) bool { return !e.Sent }); len(sent) > 1 {
			r.Twice++
		}
	}
	for id, s := range shows {
		r.Broken = append(r.Broken, counted(id, s, map[string]map[string]fleet.Line{first: b.first, second: b.second}[id])...)
	}
	r.Broken = append(append(r.Broken, w.said()...), b.broken()...)
	return r
}

// counted holds a campaign's counters against its report.
func counted(id string, s fleet.Show, report map[string]fleet.Line) (broken []string) {
	if s.State != "done" {
		broken = append(broken, fmt.Sprintf("lost: %s is %s, and for %v nothing changed: %v", id, s.State, still, s.Counts))
	}
	counts := map[string]int{}
	for _, l := range report {
		counts[l.State]++
	}
	for state, n := range s.Counts {
		if s.State == "done" && counts[state] != n {
			broken = append(broken, fmt.Sprintf("counters: %s counts %d rows as %s, the report has %d", id, n, state, counts[state]))
		}
	}
	if len(report) != s.Total {
		broken = append(broken, fmt.Sprintf("lost: %s has %d rows, the report %d", id, s.Total, len(report)))
	}
	return broken
}

// said looks for what no worker may say, whatever happens to it.
func (w *world) said() (broken []string) {
	for _, o := range w.crew {
		for _, p := range o.all {
			said := p.Said()
			for _, never := range []string{"panic", "user0", "unknown answer"} {
				if i := strings.Index(said, never); i >= 0 {
					broken = append(broken, fmt.Sprintf("a worker said %q: %.300s", never, said[i:]))
				}
			}
		}
	}
	return broken
}

// String is the result as a table.
func (r Result) String() string {
	var b strings.Builder
	row := func(what string, n any) { fmt.Fprintf(&b, "| %s | %v |\n", what, n) }
	row("seed", r.Seed)
	b.WriteString("|---|---|\n")
	row("users", r.Users)
	row("on doubt", map[bool]string{false: "resend", true: "park"}[r.Park])
	for _, d := range slices.Sorted(maps.Keys(r.Done)) {
		row(string(d), r.Done[d])
	}
	for _, id := range slices.Sorted(maps.Keys(r.Shows)) {
		s := r.Shows[id]
		row(id+" campaign", fmt.Sprintf("%s: %d accepted, %d dead, %d in doubt, %d skipped",
			s.State, s.Counts["accepted"], s.Counts["dead"], s.Counts["in_doubt"], s.Counts["skipped"]))
	}
	row("calls", r.Calls)
	row("users messaged again after their code had ended", r.Twice)
	row("most calls in a second", fmt.Sprintf("%d of %.1f", r.Busiest, r.Promised))
	row("most calls in a tenth of a second", fmt.Sprintf("%d of %.1f", r.Tenth, r.TenthPromised))
	row("broken promises", len(r.Broken))
	row("took", r.Took.Round(time.Second))
	return b.String()
}
