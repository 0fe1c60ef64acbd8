package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/tasks"
)

// A worker in the middle of a campaign is scraped as Prometheus would.
func TestAWorkersMetricsAreTheDocumentedOnesAndNoOthers(t *testing.T) {
	t.Parallel()
	const users = 2000
	server := redistest.Real(t)
	twin := simtest.Start(t, cognitosim.Options{Users: cognitosim.Users{N: users}, Quota: 200, Burst: 100, Hour: 10 * time.Second})
	store := running(t, redistest.Client(t, server), users)
	path := configFile(t, fmt.Sprintf("redis: %s\nlisten: 127.0.0.1:0\npools: {prod: {region: eu-west-1, client_id: %s, endpoint: %q, hour: 10s, quota: q}}\n"+
		"quotas: {q: {limit: 50, share: 1, echo: 0, daily: 100000}}\n", server.URL(), cognitosim.DefaultClientID, twin.URL()))
	p := start(t, "--config", path)
	until(t, "it listens", 20*time.Second, func() bool { return strings.Contains(p.Said(), `"listen":"`) })
	_, rest, _ := strings.Cut(p.Said(), `"listen":"`)
	addr, _, _ := strings.Cut(rest, `"`)
	until(t, "it is at work", 30*time.Second, func() bool {
		c, err := store.Campaign(t.Context(), "breach")
		return err == nil && c.Counts.Accepted > 10
	})
	var body string
	// Each comes with a look of its own, a second or two after the other.
	until(t, "the feeder has reported, and what the bucket is", 20*time.Second, func() bool {
		_, body = get(t, addr, "/metrics")
		return strings.Contains(body, `state="accepted"`) && strings.Contains(body, "rekey_window{") && strings.Contains(body, "rekey_budget_used_ratio{")
	})
	wantLinted(t, body)
	wantDescribed(t, body)
	if strings.Contains(body, "user0") {
		t.Error("a metric names a user")
	}
	p.terminate(t, 0)
}

func wantLinted(t *testing.T, body string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("promlint: %s: %s", p.Metric, p.Text)
	}
}

func wantDescribed(t *testing.T, body string) {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(families, func(name string, _ *dto.MetricFamily) bool { return !strings.HasPrefix(name, "rekey_") })
	for _, want := range tasks.Described() {
		got := families[want.Name]
		if got == nil {
			t.Errorf("%s is documented, and not there", want.Name)
			continue
		}
		delete(families, want.Name)
		if kind := strings.ToLower(got.GetType().String()); kind != want.Type || got.GetHelp() != want.Help {
			t.Errorf("%s is a %s, %q; documented are %s, %q", want.Name, kind, got.GetHelp(), want.Type, want.Help)
		}
		for _, m := range got.GetMetric() {
			if labels := labelsOf(m); !slices.Equal(labels, slices.Sorted(slices.Values(want.Labels))) {
				t.Errorf("%s has the labels %v, documented are %v", want.Name, labels, want.Labels)
			}
		}
	}
	for name := range families {
		t.Errorf("%s is not documented", name)
	}
}

func labelsOf(m *dto.Metric) []string {
	var names []string
	for _, l := range m.GetLabel() {
		names = append(names, l.GetName())
	}
	slices.Sort(names)
	return names
}
