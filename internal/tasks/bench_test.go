package tasks

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
	"github.com/rekeyhq/rekey/internal/cognito"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
)

// unlimited is a rate that no machine reaches.
const unlimited = 1e6

// BenchmarkHandler is a row's way from ProcessTask to its settled answer: roster,
// live code, bucket, mark, call, ledger; without asynq, whose part is bench's to
// measure. Redis is a process of its own; the twin is in this one, and its
// allocations are counted as well.
func BenchmarkHandler(b *testing.B) {
	s := serverFor(b)
	users := campaigntest.Users(0, b.N)
	campaigntest.Run(b, s.pool.Store, "c", users)
	c := campaigntest.Look(b, s.pool.Store, "c")
	tasks := make([]*asynq.Task, b.N)
	for i := range tasks {
		tasks[i] = asynq.NewTask(TaskType, encodePayload(c.Ref(int64(i))))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, t := range tasks {
		if err := s.ProcessTask(b.Context(), t); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if c := campaigntest.Look(b, s.pool.Store, "c"); c.Counts.Accepted != int64(b.N) {
		b.Errorf("%d of %d rows were accepted", c.Counts.Accepted, b.N)
	}
}

// serverFor is a server whose queue does not run: tasks are handed to it.
func serverFor(b *testing.B) *Server {
	b.Helper()
	rdb := redistest.Client(b, redistest.Real(b))
	twin := simtest.Start(b, cognitosim.Options{Users: cognitosim.Users{N: b.N}, Hour: time.Duration(reset.MinHour), Quota: unlimited, Burst: unlimited})
	store, err := campaign.Open(b.Context(), rdb, campaign.Pool{Name: poolName, Hour: reset.MinHour, Retention: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	client, err := cognito.New(cognito.Config{Region: "eu-west-1", ClientID: cognitosim.DefaultClientID, Endpoint: twin.URL(), Hour: reset.MinHour})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	bucket := ratelimit.New(rdb, ratelimit.Quota{Name: "q", Limit: unlimited, Share: 1, Burst: 2}, ratelimit.Options{Worker: "w", Log: log})
	s := New(Pool{Redis: rdb, Store: store, Client: client, Bucket: bucket, Quota: "q", Concurrency: 1, Rehearsal: true},
		Options{Worker: "w", Log: log, Metrics: NewMetrics(prometheus.NewRegistry(), "bench")})
	runParts(b, s)
	return s
}

// runParts runs what a handler needs beside it: the clock, the watch, and the
// bucket.
func runParts(b *testing.B, s *Server) {
	b.Helper()
	if err := s.clock.measure(b.Context(), s.pool.Store.Now); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{}, 2)
	go func() { s.watch.run(ctx); ended <- struct{}{} }()
	go func() { _ = s.pool.Bucket.Run(ctx); ended <- struct{}{} }()
	b.Cleanup(func() { cancel(); <-ended; <-ended })
}

func BenchmarkPayload(b *testing.B) {
	ref := reset.Ref{Campaign: "breach-2026", Generation: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", Row: 123_456}
	payload := encodePayload(ref)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encodePayload(ref)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got, err := decodePayload(payload); got != ref {
				b.Fatal(got, err)
			}
		}
	})
}

// BenchmarkEnqueue is what the feeder does for a window of two seconds at 200/s;
// the figures are those of one row.
func BenchmarkEnqueue(b *testing.B) {
	const window = 400
	q := newQueues(redistest.Client(b, redistest.Real(b)), poolName)
	items := make([]item, 0, b.N)
	for i := range b.N {
		items = append(items, itemOf(reset.Ref{Campaign: "c" + strconv.Itoa(i/1e6), Generation: "g", Row: int64(i % 1e6)}, false))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for from := 0; from < b.N; from += window {
		if taken, err := q.enqueue(b.Context(), items[from:min(from+window, b.N)]); err != nil || len(taken) > 0 {
			b.Fatal(len(taken), err)
		}
	}
}
