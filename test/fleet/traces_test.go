package fleet

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collected is a collector of traces: what it was sent, as it came and read.
type collected struct {
	mu    sync.Mutex
	bytes []byte
	spans []*trace.Span
	said  map[string]bool // about the process that sent them
}

func collect(t *testing.T) (*collected, string) {
	t.Helper()
	c := &collected{said: map[string]bool{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &request)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		c.add(body, &request)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	return c, s.URL
}

func (c *collected) add(body []byte, request *collector.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes = append(c.bytes, body...)
	for _, from := range request.GetResourceSpans() {
		for _, a := range from.GetResource().GetAttributes() {
			c.said[a.GetKey()+"="+a.GetValue().GetStringValue()] = true
		}
		for _, s := range from.GetScopeSpans() {
			c.spans = append(c.spans, s.GetSpans()...)
		}
	}
}

// ways are the spans of each row's way by their names, and what they say.
func (c *collected) ways(t *testing.T) map[string]map[string]string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	rows := map[string]string{} // trace → row
	ways := map[string]map[string]string{}
	for _, s := range c.spans {
		if says := attributes(s); s.GetName() == "reset" {
			row := says["rekey.campaign"] + "#" + says["rekey.row"]
			rows[string(s.GetTraceId())], ways[row] = row, map[string]string{"reset": says["rekey.pool"] + " " + says["rekey.state"]}
		}
	}
	for _, s := range c.spans {
		row := rows[string(s.GetTraceId())]
		if row == "" || s.GetEndTimeUnixNano() < s.GetStartTimeUnixNano() {
			t.Fatalf("a span of no row, or one that ends before it began: %v", s)
		}
		switch says := attributes(s); s.GetName() {
		case "reset":
		case "begin":
			ways[row]["begin"] = says["rekey.begin.answer"]
		case "ForgotPassword":
			ways[row]["ForgotPassword"] = says["rekey.outcome"] + " " + says["rekey.cause"]
		case "settle":
			ways[row]["settle"] = says["rekey.state"]
		default:
			ways[row][s.GetName()] = ""
		}
	}
	return ways
}

func attributes(s *trace.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.GetAttributes() {
		switch v := a.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			all[a.GetKey()] = v.StringValue
		case *common.AnyValue_IntValue:
			all[a.GetKey()] = fmt.Sprint(v.IntValue)
		}
	}
	return all
}

func TestTracesTellEachRowsWayAndNameNobody(t *testing.T) {
	t.Parallel()
	c, url := collect(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"users": roll(0, people), "faults": gossip()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const rows = 60
	f := Start(t, Options{
		Users: 1, Rate: 100, Pool: `lambda_refusals: ["no reset for"], `,
		Twin: []string{"--users-file", filepath.Join(dir, "users"), "--faults", filepath.Join(dir, "faults"), "--seed", "5"},
		Env: func(string) []string {
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + url, "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=rehearsal"}
		},
	})
	worker := f.Go("worker")
	f.Run("enqueue", "--campaign", "breach", "--guard", "off", "--start", "--confirm", fmt.Sprint(rows), f.Write("breach.csv", roll(0, rows)))
	f.Until("breach", "done", func(s Show) bool { return s.State == "done" })
	worker.Signal(syscall.SIGTERM)
	<-worker.Ended()

	ways := c.ways(t)
	lines := f.Report("breach")
	if len(lines) != rows {
		t.Fatalf("%d lines", len(lines))
	}
	for _, l := range lines {
		way := ways[l.Row]
		want := []string{"ForgotPassword", "begin", "reset", "settle", "wait"}
		if got := slices.Sorted(maps.Keys(way)); !slices.Equal(got, want) {
			t.Errorf("%s: spans %v, want %v", l.Row, got, want)
		} else if way["begin"] != "go" || way["reset"] != "test "+l.State || way["settle"] != l.State {
			t.Errorf("%s: %v, and the ledger says %s", l.Row, way, l.State)
		}
		if l.Cause != "" && way["ForgotPassword"] != "Refused "+l.Cause && way["ForgotPassword"] != "Undeliverable "+l.Cause {
			t.Errorf("%s: %v, and the ledger says %s", l.Row, way, l.Cause)
		}
	}
	if name := marks.Find(c.bytes); name != nil {
		t.Errorf("the traces name somebody: %s", name)
	}
	for _, want := range []string{"service.name=rekey-worker", "deployment.environment.name=rehearsal"} {
		if !c.said[want] {
			t.Errorf("the spans do not say %s: %v", want, c.said)
		}
	}
}

// A collector that takes connections and never answers.
func TestACollectorThatHangsHoldsUpNoCall(t *testing.T) {
	t.Parallel()
	hangs, end := context.WithCancel(context.Background())
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hangs.Done() }))
	t.Cleanup(s.Close)
	t.Cleanup(end)
	const users = 300
	f := Start(t, Options{Users: users, Rate: 100, Env: func(string) []string {
		return []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" + s.URL + "/v1/traces", "OTEL_BSP_MAX_QUEUE_SIZE=16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=8"}
	}})
	worker := f.Go("worker")
	f.Campaign("breach", users)
	f.Until("breach", "done", func(s Show) bool { return s.Counts["accepted"] == users })
	asked := time.Now()
	worker.Signal(syscall.SIGTERM)
	<-worker.Ended()
	if took := time.Since(asked); took > 5*time.Second {
		t.Errorf("it took %v to stop", took)
	}
}
