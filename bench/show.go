package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// How figures are shown.

// count writes a number with its thousands apart.
func count(v float64) string {
	digits := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// decimals writes a number with so many digits behind the point.
func decimals(n int, unit string) func(float64) string {
	return func(v float64) string { return strconv.FormatFloat(v, 'f', n, 64) + unit }
}

func megabytes(v float64) string { return decimals(1, " MB")(v / 1e6) }

func seconds(v float64) string {
	if v < 1 {
		return decimals(0, " ms")(v * 1000)
	}
	return decimals(2, " s")(v)
}

func percent(v float64) string { return decimals(1, " %")(100 * v) }

func times(v float64) string {
	if v >= 10 {
		return decimals(0, " ×")(v)
	}
	return decimals(2, " ×")(v)
}

// heads are all of the table's columns, the reckoned ones last.
func (t table) heads() []column {
	all := slices.Clip(t.columns)
	for _, r := range t.ratios {
		all = append(all, column{r.head, times})
	}
	return all
}

func (r *row) cells(columns []column) []string {
	cells := []string{r.Name}
	for _, c := range columns {
		if v, ok := r.Figures[c.head]; ok && !unknown(v) {
			cells = append(cells, c.show(v))
		} else {
			cells = append(cells, "–")
		}
	}
	return cells
}

// measured is a table's medians, and where they were taken.
type measured struct {
	report
	About about `json:"about"`
}

// text is the table for a terminal.
func (m measured) text(t table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", t.name, t.title)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(cells []string) { _, _ = fmt.Fprintln(w, "  "+strings.Join(cells, "\t")+"\t") }
	columns := t.heads()
	line(header("", columns))
	for _, r := range m.Rows {
		line(r.cells(columns))
	}
	_ = w.Flush() // into memory
	for _, note := range m.Notes {
		fmt.Fprintf(&b, "  %s\n", note)
	}
	for _, g := range t.goals {
		figure, met := g.verdict(&m.report)
		fmt.Fprintf(&b, "  goal: %s %s: %s; met: %s\n", g.what, g.want, figure, met)
	}
	return b.String()
}

func header(first string, columns []column) []string {
	cells := []string{first}
	for _, c := range columns {
		cells = append(cells, c.head)
	}
	return cells
}

// markdown is the table for the document.
func (m measured) markdown(t table) string {
	var b strings.Builder
	columns := t.heads()
	fmt.Fprintf(&b, "%s\n\n", t.about)
	markdownTable(&b, header("", columns), func(yield func([]string)) {
		for _, r := range m.Rows {
			yield(r.cells(columns))
		}
	})
	for _, note := range m.Notes {
		fmt.Fprintf(&b, "\n%s\n", note)
	}
	if len(t.goals) > 0 {
		b.WriteByte('\n')
		markdownTable(&b, []string{"goal", "", "measured", "met"}, func(yield func([]string)) {
			for _, g := range t.goals {
				figure, met := g.verdict(&m.report)
				yield([]string{g.what, g.want, figure, met})
			}
		})
	}
	known, whats := t.missed(&m.report)
	for _, of := range known {
		fmt.Fprintf(&b, "\nMissed: *%s*. Known of the design, not looked into here: %s\n", strings.Join(whats[of], "*, *"), of)
	}
	fmt.Fprintf(&b, "\n%s\n", m.About)
	return b.String()
}

func markdownTable(b *strings.Builder, heads []string, rows func(func([]string))) {
	line := func(cells []string) { fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | ")) }
	line(heads)
	rules := []string{"---"}
	for range heads[1:] {
		rules = append(rules, "---:")
	}
	line(rules)
	rows(line)
}

// String is the line below a table that says where and when it was measured.
func (a about) String() string {
	runs := fmt.Sprintf("Medians of %d runs", a.Runs)
	if a.Runs == 1 {
		runs = "One run"
	}
	load := "unknown"
	if a.Load >= 0 {
		load = decimals(2, "")(a.Load)
	}
	return fmt.Sprintf("%s, %s: %s, %d processors, %s; %s, %s; load average before anything was started: %s.",
		runs, a.At.Format(time.DateOnly), a.Processor, a.Processors, a.System, a.Go, a.Redis, load)
}
