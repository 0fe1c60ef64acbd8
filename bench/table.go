package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/rekeyhq/rekey/bench/internal/rig"
)

// table is one of the program's tables: what is measured, how it is shown, and
// what was hoped for.
type table struct {
	name  string // on the command line
	title string
	// about says what was done, in a sentence or two.
	about   string
	columns []column
	// ratios are further columns, reckoned from those measured.
	ratios []ratio
	// worst are the columns in which the worst of the runs counts, and not the
	// middle one: what must never happen has happened if it did once.
	worst   map[string]pick
	measure func(context.Context, *rig.Stage) (report, error)
	goals   []goal
}

// column is how a figure is shown.
type column struct {
	head string
	show func(float64) string
}

// pick takes one figure of those that the runs had.
type pick func([]float64) float64

var (
	highest pick = slices.Max[[]float64]
	lowest  pick = slices.Min[[]float64]
)

// ratio is a column's figure by that of another row, in each run.
type ratio struct {
	head, of string
	// base is the other row. Where it begins with a colon it is the one of the
	// same group: the row's own name up to its last colon, and this.
	base string
}

// baseOf is the row that a row is held against.
func (r ratio) baseOf(name string) string {
	if group := strings.LastIndex(name, ": "); group >= 0 && strings.HasPrefix(r.base, ": ") {
		return name[:group] + r.base
	}
	return r.base
}

// report is what one run measured.
type report struct {
	Rows []row `json:"rows"`
	// Notes are said below the table: sizes, versions, what could not be measured.
	Notes []string `json:"notes,omitempty"`
}

// row is a line of the table. Figures are by the heads of the columns; one that
// is not there was not measured.
type row struct {
	Name    string             `json:"name"`
	Figures map[string]float64 `json:"figures"`
}

func (r *report) add(name string, figures map[string]float64) {
	r.Rows = append(r.Rows, row{name, figures})
}

func (r *report) note(format string, args ...any) {
	if note := fmt.Sprintf(format, args...); !slices.Contains(r.Notes, note) {
		r.Notes = append(r.Notes, note)
	}
}

// absent adds an empty row for a peer that is not on this machine, and says so.
// Any other error it returns.
func (r *report) absent(name string, err error) error {
	var absent *rig.Absent
	if !errors.As(err, &absent) {
		return err
	}
	r.add(name, nil)
	r.note("%s: %s.", name, absent)
	return nil
}

// get returns a figure, and whether it was measured.
func (r *report) get(name, head string) (float64, bool) {
	for _, row := range r.Rows {
		if row.Name == name {
			v, ok := row.Figures[head]
			return v, ok
		}
	}
	return 0, false
}

// against adds the ratios.
func (t table) against(r *report) {
	for _, ratio := range t.ratios {
		for _, row := range r.Rows {
			base, ok1 := r.get(ratio.baseOf(row.Name), ratio.of)
			if v, ok2 := row.Figures[ratio.of]; ok1 && ok2 {
				row.Figures[ratio.head] = v / base
			}
		}
	}
}

// medians takes the middle of each figure, or the worst. Rows and notes are
// those of the first run, and of later ones what is new in them.
func (t table) medians(runs []report) measured {
	var m measured
	if len(runs) > 1 && len(t.worst) > 0 {
		m.note("Worst of the runs, not their median: *%s*.", strings.Join(slices.Sorted(maps.Keys(t.worst)), "*, *"))
	}
	for _, run := range runs {
		for _, r := range run.Rows {
			if _, ok := find(m.Rows, r.Name); !ok {
				m.Rows = append(m.Rows, row{r.Name, t.middle(runs, r.Name)})
			}
		}
		for _, note := range run.Notes {
			m.note("%s", note)
		}
	}
	return m
}

func find(rows []row, name string) (row, bool) {
	i := slices.IndexFunc(rows, func(r row) bool { return r.Name == name })
	if i < 0 {
		return row{}, false
	}
	return rows[i], true
}

// middle is one row of all runs. A figure that is no number, or has no end, is
// left out: it counts as not measured.
func (t table) middle(runs []report, name string) map[string]float64 {
	all := map[string][]float64{}
	for _, run := range runs {
		r, _ := find(run.Rows, name)
		for head, v := range r.Figures {
			all[head] = append(all[head], v)
		}
	}
	figures := make(map[string]float64, len(all))
	for head, values := range all {
		of := t.worst[head]
		if of == nil {
			of = median
		}
		if v := of(values); !unknown(v) {
			figures[head] = v
		}
	}
	return figures
}

func unknown(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// median is the middle one, of an even number the mean of the two.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	if n == 0 {
		return math.NaN()
	}
	return (v[(n-1)/2] + v[n/2]) / 2
}

// goal is something that was hoped for.
type goal struct {
	what    string
	want    string // in words: "≥ 1 M rows/s"
	figure  func(*report) (float64, bool)
	show    func(float64) string
	atLeast float64 // or
	atMost  float64
	// known is what is said where it is missed: what is known of the design, and
	// not why this run missed it, which nobody has looked into. It has no figures
	// of a measurement: those are the table's.
	known string
}

// cell is a goal's figure that stands in the table.
func cell(name, head string) func(*report) (float64, bool) {
	return func(r *report) (float64, bool) { return r.get(name, head) }
}

// quotient is a goal's figure by that of another cell.
func quotient(head, name, base string) func(*report) (float64, bool) {
	return func(r *report) (float64, bool) {
		v, ok1 := r.get(name, head)
		b, ok2 := r.get(base, head)
		return v / b, ok1 && ok2
	}
}

// missed are the goals that were, by what is known.
func (t table) missed(r *report) (known []string, whats map[string][]string) {
	whats = map[string][]string{}
	for _, g := range t.goals {
		if _, met := g.verdict(r); g.known == "" || met == metYes || met == metUnknown {
			continue
		}
		if whats[g.known] == nil {
			known = append(known, g.known)
		}
		whats[g.known] = append(whats[g.known], g.what)
	}
	return known, whats
}

// What verdict says beside by how much a goal is missed.
const (
	metYes     = "yes"
	metUnknown = "not measured"
)

// verdict says whether a goal is met, and where it is not by how much.
func (g goal) verdict(r *report) (figure, met string) {
	v, ok := g.figure(r)
	if !ok || unknown(v) {
		return "–", metUnknown
	}
	bound, missed := g.atLeast, v < g.atLeast
	if g.atMost > 0 {
		bound, missed = g.atMost, v > g.atMost
	}
	if !missed {
		return g.show(v), metYes
	}
	if bound == 0 {
		return g.show(v), "no"
	}
	return g.show(v), fmt.Sprintf("no, by %.0f %%", 100*math.Abs(v/bound-1))
}
