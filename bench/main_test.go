package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

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
	m := medians([]report{at(3), at(1000), at(2)})
	if v, _ := m.get("a", "n"); v != 3 {
		t.Errorf("%v, want 3", v)
	}
	if v := median([]float64{1, 2}); v != 1.5 {
		t.Errorf("of two: %v, want 1.5", v)
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
}
