package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/cognito"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
	"github.com/rekeyhq/rekey/internal/tasks"
)

func say(w io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(w, format, args...)
	return err
}

func serve(ctx context.Context, p *cli.Program) error {
	cfg, err := p.FullConfig()
	if err != nil {
		return err
	}
	log, err := p.Logger()
	if err != nil {
		return err
	}
	name := workerName()
	spans, err := traced(ctx, p.Getenv, name, log)
	if err != nil {
		return cli.WithCode(cli.CodeUsage, err)
	}
	rdb, err := cli.OpenRedis(ctx, cfg.Redis)
	if err != nil {
		return err
	}
	w, err := newWorker(ctx, cfg, surroundings{name, rdb, log, spans.tracer})
	if err == nil {
		err = allowed(ctx, p, cfg, rdb)
	}
	if err != nil {
		return cli.Explain(cfg.Redis, errors.Join(err, rdb.Close()))
	}
	w.introduce(ctx, cfg)
	if err := w.run(ctx, cfg.Listen); err != nil {
		// Nothing is closed: a pool that could not drain still uses it, asynq
		// panics on a closed Redis, and the process ends anyway.
		return cli.Explain(cfg.Redis, err)
	}
	spans.stop()
	w.close()
	return rdb.Close()
}

// surroundings are what a worker is given from outside its configuration.
type surroundings struct {
	name   string // unique in the fleet
	rdb    redis.UniversalClient
	log    *slog.Logger
	tracer trace.Tracer // nil: no traces
}

// worker is everything that serves the pools of a configuration.
type worker struct {
	surroundings
	replicas int // that must have a mark
	keys     *roster.Keys
	registry *prometheus.Registry
	buckets  map[string]*ratelimit.Bucket
	clients  []*cognito.Client
	servers  []*tasks.Server
}

func newWorker(ctx context.Context, cfg *config.Config, with surroundings) (*worker, error) {
	w := &worker{surroundings: with, replicas: cfg.WaitReplicas, registry: prometheus.NewRegistry(), buckets: map[string]*ratelimit.Bucket{}}
	w.log = w.log.With("worker", w.name)
	var err error
	if w.keys, err = roster.NewKeys(cfg.KeySecrets()...); err != nil {
		return nil, cli.WithCode(cli.CodeUsage, err)
	}
	for name, q := range cfg.Quotas {
		w.buckets[name] = ratelimit.New(w.rdb, ratelimit.Quota(q), ratelimit.Options{Worker: w.name, Log: w.log})
	}
	w.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics := tasks.NewMetrics(w.registry, cli.Version())
	for _, name := range slices.Sorted(maps.Keys(cfg.Pools)) {
		if err := w.add(ctx, cfg.Pools[name], metrics); err != nil {
			w.close()
			return nil, fmt.Errorf("pool %s: %w", name, err)
		}
	}
	return w, nil
}

// workerName is unique in the fleet: containers share host names and process ids.
func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), strings.ToLower(rand.Text()[:4]))
}

func (w *worker) add(ctx context.Context, p config.Pool, m *tasks.Metrics) error {
	client, err := cognito.New(clientConfig(p))
	if err != nil {
		return cli.WithCode(cli.CodeUsage, err)
	}
	w.clients = append(w.clients, client)
	store, err := campaign.Open(ctx, w.rdb, campaign.Pool{
		Name: p.Name, Hour: reset.Hour(p.Hour), CaseSensitive: p.CaseSensitive, Retention: p.Retention,
		WaitReplicas: w.replicas, Keys: w.keys,
	})
	if err != nil {
		return err
	}
	w.servers = append(w.servers, tasks.New(tasks.Pool{
		Redis: w.rdb, Store: store, Client: client, Bucket: w.buckets[p.Quota], Quota: p.Quota,
		Concurrency: p.Concurrency, Rehearsal: p.Endpoint != "",
	}, tasks.Options{Worker: w.name, Info: cli.Version(), Log: w.log, Metrics: m, Tracer: w.tracer}))
	return nil
}

func clientConfig(p config.Pool) cognito.Config {
	c := cognito.Config{
		Region: p.Region, ClientID: p.ClientID, Endpoint: p.Endpoint, Hour: reset.Hour(p.Hour),
		LambdaRefusals: p.LambdaRefusals, UserAgent: "rekey/" + strings.ReplaceAll(cli.Version(), " ", "-"), MaxConns: p.Concurrency,
	}
	for _, s := range p.ClientSecrets {
		c.ClientSecrets = append(c.ClientSecrets, s.Reveal())
	}
	return c
}

// introduce is the first line: what is served, how fast, and what the Redis is worth.
func (w *worker) introduce(ctx context.Context, cfg *config.Config) {
	var pools []string
	for _, name := range slices.Sorted(maps.Keys(cfg.Pools)) {
		p := cfg.Pools[name]
		q := cfg.QuotaOf(p)
		pools = append(pools, fmt.Sprintf("%s (%s, client %s, quota %s: %s of %s)",
			name, place(p), short(p.ClientID), q.Name, cli.Rate(q.Rate()), cli.Rate(q.Limit)))
	}
	keeps, words := durability(ctx, w.rdb)
	level := slog.LevelInfo
	if !keeps {
		level = slog.LevelWarn
	}
	w.log.Log(ctx, level, "serving", "pools", strings.Join(pools, "; "), "redis", cfg.Redis.String(), "durability", words, "traces", w.tracer != nil)
}

func place(p config.Pool) string {
	if p.Endpoint != "" {
		return "not AWS but " + p.Endpoint
	}
	return p.Region
}

// short is enough to tell one client from another.
func short(client string) string {
	if len(client) < 12 {
		return client
	}
	return client[:4] + "…" + client[len(client)-4:]
}

// run serves until ctx ends, and drains.
func (w *worker) run(ctx context.Context, listen string) error {
	group, ctx := errgroup.WithContext(ctx)
	if err := w.listen(ctx, group, listen); err != nil {
		return err
	}
	// The numbers of the quotas are held until the last call has gone out.
	life, done := context.WithCancel(context.WithoutCancel(ctx))
	defer done()
	for _, b := range w.buckets {
		group.Go(func() error { return b.Run(life) })
	}
	context.AfterFunc(ctx, func() { w.log.Info("draining: calls in flight end, none begins; a second signal ends at once") })
	serving, _ := errgroup.WithContext(ctx)
	for _, s := range w.servers {
		serving.Go(func() error { return s.Run(ctx) })
	}
	group.Go(func() error {
		defer done()
		return serving.Wait()
	})
	err := group.Wait()
	w.log.Info("stopped")
	return err
}

func (w *worker) close() {
	for _, c := range w.clients {
		c.Close()
	}
}

// ready joins what keeps pools from being served.
func (w *worker) ready(ctx context.Context) error {
	var errs []error
	if err := w.rdb.Ping(ctx).Err(); err != nil {
		errs = append(errs, fmt.Errorf("redis: %w", err))
	}
	for _, s := range w.servers {
		errs = append(errs, s.Ready())
	}
	return errors.Join(errs...)
}
