package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/bench/internal/rig"
	"github.com/rekeyhq/rekey/internal/embedredis"
)

// TestMain lets the test's own binary play the parts, as the program does.
func TestMain(m *testing.M) {
	if part := os.Getenv(partVariable); part != "" {
		os.Exit(exitCode(runPart(context.Background(), part, os.Args[1:]), os.Stderr))
	}
	os.Exit(m.Run())
}

func TestEveryTableCanBeMeasured(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute or two")
	}
	if !embedredis.Available() && os.Getenv("REKEY_TEST_REDIS") != "required" {
		t.Skip("needs a redis-server on PATH")
	}
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), []string{"-short"}, &stdout, &stderr); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	t.Log(stdout.String())
	for _, table := range tables() {
		_, text, ok := strings.Cut(stdout.String(), table.name+": "+table.title+"\n")
		if !ok {
			t.Errorf("table %s is not printed", table.name)
		}
		for _, c := range table.heads() {
			if !strings.Contains(text, c.head) {
				t.Errorf("table %s has no column %s", table.name, c.head)
			}
		}
	}
}

func TestAnUnknownTableIsRefusedWithThoseThereAre(t *testing.T) {
	err := run(t.Context(), []string{"speed"}, os.Stdout, os.Stderr)
	if err == nil || !strings.Contains(err.Error(), "load") {
		t.Errorf("%v", err)
	}
}

func TestTheMiddleOfThreeRunsIsPrinted(t *testing.T) {
	at := func(v float64) report { return report{Rows: []row{{"a", map[string]float64{"n": v}}}} }
	m := table{}.medians([]report{at(3), at(1000), at(2)})
	if v, _ := m.get("a", "n"); v != 3 {
		t.Errorf("%v, want 3", v)
	}
	if v := median([]float64{1, 2}); v != 1.5 {
		t.Errorf("of two: %v, want 1.5", v)
	}
}

func TestTheWorstRunCountsWhereOnceIsTooOften(t *testing.T) {
	at := func(v float64) report {
		return report{Rows: []row{{"a", map[string]float64{"late": v, "low": v, "n": v}}}}
	}
	tab := table{columns: []column{{"late", count}}, worst: map[string]pick{"late": highest, "low": lowest}}
	m := tab.medians([]report{at(0), at(3), at(1)})
	for head, want := range map[string]float64{"late": 3, "low": 0, "n": 1} {
		if v, _ := m.get("a", head); v != want {
			t.Errorf("%s: %v, want %v", head, v, want)
		}
	}
	if text := m.text(tab); !strings.Contains(text, "Worst of the runs, not their median: *late*, *low*.") {
		t.Errorf("it says:\n%s", text)
	}
	g := goal{figure: cell("a", "late"), show: count, atMost: 0.5}
	if _, met := g.verdict(&m.report); met == metYes {
		t.Error("what happened in one run of three counts as never")
	}
}

func TestAFigureWithoutAnEndIsNotMeasured(t *testing.T) {
	at := func(v float64) report { return report{Rows: []row{{"a", map[string]float64{"n": v}}}} }
	m := table{}.medians([]report{at(math.Inf(1)), at(1), at(math.Inf(1))})
	if v, ok := m.get("a", "n"); ok {
		t.Errorf("%v", v)
	}
	m = table{}.medians([]report{at(math.Inf(1)), at(1), at(2)})
	if v, _ := m.get("a", "n"); v != 2 {
		t.Errorf("one of three has no end: %v, want 2", v)
	}
}

func TestAnUnknownPeakIsNotMeasured(t *testing.T) {
	for peak, want := range map[int64]string{0: metUnknown, 64e6 + 1000: metYes} {
		var r report
		r.add(rekeyMillion, loaded{}.figures(10))
		r.add(rekeyTen, loaded{Ran: rig.Ran{Peak: peak, Took: time.Second}}.figures(100))
		r.extrapolate()
		g := goal{figure: peakARow, show: count, atMost: 40}
		if _, met := g.verdict(&r); met != want {
			t.Errorf("peak %d: %q, want %q", peak, met, want)
		}
		if v, ok := r.get(rekeyFifty, loadPeak); ok {
			t.Errorf("peak %d: %v at fifty times, of one that was not measured", peak, v)
		}
	}
}

func TestARatioIsToTheRowOfTheSameGroup(t *testing.T) {
	r := report{Rows: []row{
		{"10/s: rekey", map[string]float64{"n": 6}}, {"10/s: it", map[string]float64{"n": 3}},
		{"20/s: rekey", map[string]float64{"n": 8}}, {"20/s: it", map[string]float64{"n": 2}},
		{"30/s: rekey", map[string]float64{"n": 8}},
	}}
	table{ratios: []ratio{{"x", "n", ": it"}}}.against(&r)
	for name, want := range map[string]float64{"10/s: rekey": 2, "20/s: rekey": 4, "20/s: it": 1} {
		if v, _ := r.get(name, "x"); v != want {
			t.Errorf("%s: %v, want %v", name, v, want)
		}
	}
	if v, ok := r.get("30/s: rekey", "x"); ok {
		t.Errorf("%v, held against nothing", v)
	}
}

func TestAPeerThatIsNotHereHasAnEmptyRowAndANote(t *testing.T) {
	var r report
	if err := r.absent("it", fmt.Errorf("began: %w", &rig.Absent{Why: "no node on PATH"})); err != nil {
		t.Fatal(err)
	}
	text := measured{report: r}.text(table{columns: []column{{"n", count}}})
	if !strings.Contains(text, "it: not here: no node on PATH.") || !strings.Contains(text, "–") {
		t.Errorf("it says:\n%s", text)
	}
	if err := r.absent("it", errors.New("it broke")); err == nil {
		t.Error("one that broke counts as one that is not here")
	}
}

func TestAGoalSaysByHowMuchItIsMissed(t *testing.T) {
	r := report{Rows: []row{{"a", map[string]float64{"n": 80}}}}
	for want, g := range map[string]goal{
		"yes":          {atLeast: 80},
		"no, by 20 %":  {atLeast: 100},
		"no, by 100 %": {atMost: 40},
		"not measured": {figure: cell("b", "n")},
	} {
		if g.figure == nil {
			g.figure = cell("a", "n")
		}
		g.show = count
		if _, met := g.verdict(&r); met != want {
			t.Errorf("%q, want %q", met, want)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		g := goal{figure: func(*report) (float64, bool) { return v, true }, show: count, atLeast: 1}
		if figure, met := g.verdict(&r); figure != "–" || met != metUnknown {
			t.Errorf("%v: %s %q", v, figure, met)
		}
	}
}
