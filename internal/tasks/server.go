package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"github.com/rekeyhq/rekey/internal/breaker"
	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognito"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/reset"
)

const (
	// drainGrace is what stopping may take beside the deadline of the calls that
	// are in flight.
	drainGrace = time.Second
	// leaveTry is the part of it that is kept for saying good-bye.
	leaveTry = drainGrace / 4
)

// Pool is what is needed to serve a pool.
type Pool struct {
	Redis  redis.UniversalClient
	Store  *campaign.Store
	Client *cognito.Client
	Bucket *ratelimit.Bucket
	// Quota is the name of what Bucket guards.
	Quota string
	// Concurrency is how many rows are in hand at once; most of them wait in line.
	Concurrency int
	// Rehearsal: calls go to an endpoint that is not AWS's.
	Rehearsal bool
}

// Options say who serves it.
type Options struct {
	// Worker is this worker's name, unique in the fleet.
	Worker string
	// Info is what other programs are told about it.
	Info    string
	Log     *slog.Logger
	Metrics *Metrics
	// Tracer makes a span of each step of a row's way; nil makes none.
	Tracer trace.Tracer
}

// Server serves one pool: it feeds the pool's queues when it holds the lease,
// and takes tasks from them.
type Server struct {
	pool    Pool
	opts    Options
	name    string // of the pool
	log     *slog.Logger
	metrics *Metrics
	tracing tracing

	next    next
	breaker *breaker.Breaker
	watch   *watch
	clock   clock
	trouble trouble
	aside   *aside
	keyless *keyless
	paused  pauses
	streak  streak
	feeder  *feeder
	bucket  atomic.Pointer[ratelimit.State] // as of the last second
	// bucketFault is what the log was told of it last.
	bucketFault atomic.Pointer[string]

	stop    signal // handlers that wait leave
	end     signal // answers that are not recorded yet are lost
	started atomic.Bool
	benched atomic.Pointer[string] // why the worker stopped serving
}

// New returns a server; Run runs it.
func New(p Pool, o Options) *Server {
	about := p.Store.Pool()
	s := &Server{
		pool: p, opts: o, name: about.Name, metrics: o.Metrics, tracing: newTracing(o.Tracer, about.Name),
		log:  newBounded(o.Log.With("pool", about.Name)),
		next: newNext(about.Hour, p.Rehearsal), watch: newWatch(p.Store.Campaign),
		aside: newAside(), keyless: &keyless{}, stop: newSignal(), end: newSignal(),
	}
	s.breaker = breaker.New(about.Name, breaker.Options{Log: s.log, OnTrip: s.tripped})
	s.feeder = newFeeder(s)
	return s
}

// config is asynq's. TaskCheckInterval costs two scripts each, and only while
// there is nothing to do.
func (s *Server) config() asynq.Config {
	return asynq.Config{
		Concurrency:              s.pool.Concurrency,
		Queues:                   map[string]int{UrgentQueue(s.name): 2, Queue(s.name): 1},
		StrictPriority:           true,
		DelayedTaskCheckInterval: time.Second,
		TaskCheckInterval:        100 * time.Millisecond,
		ShutdownTimeout:          s.next.hour.Deadline() + drainGrace/2,
		IsFailure:                isFailure,
		RetryDelayFunc:           retryDelay,
		Logger:                   queueLog{s.log},
	}
}

// Run serves until ctx ends, and then drains: handlers that wait leave, calls
// in flight end and are recorded. It returns within the calls' deadline and a
// second, even when Redis is away.
func (s *Server) Run(ctx context.Context) error {
	if err := s.clock.measure(ctx, s.pool.Store.Now); err != nil {
		return fmt.Errorf("pool %s: %w", s.name, err)
	}
	queue := asynq.NewServerFromRedisClient(newPatient(s.pool.Redis, s.stop, s.leavesTasks), s.config())
	if err := queue.Start(s); err != nil {
		return fmt.Errorf("pool %s: %w", s.name, err)
	}
	life, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	parts := s.startParts(ctx, life)
	s.started.Store(true)
	select {
	case <-ctx.Done():
	case <-s.stop.ctx.Done(): // benched
	}
	err := s.drain(queue, kill, parts)
	s.leave(ctx)
	<-ctx.Done()
	return err
}

// startParts starts what runs beside the handlers. The feeder ends with the
// stop, the others when the last handler has gone.
func (s *Server) startParts(ctx, life context.Context) *sync.WaitGroup {
	var parts sync.WaitGroup
	feeding, done := or(ctx, s.stop.ctx)
	parts.Go(func() { defer done(); s.feeder.run(feeding) })
	parts.Go(func() { s.watch.run(life) })
	parts.Go(func() { s.clock.run(life, s.pool.Store.Now) })
	parts.Go(func() { s.pulse(life) })
	return &parts
}

func (s *Server) drain(queue *asynq.Server, kill context.CancelFunc, parts *sync.WaitGroup) error {
	s.stop.raise(errStopping)
	defer s.end.raise(errStopping)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		queue.Shutdown()
		kill()
		parts.Wait()
	}()
	late := time.NewTimer(s.next.hour.Deadline() + drainGrace - leaveTry)
	defer late.Stop()
	select {
	case <-drained:
		return nil
	case <-late.C:
	}
	if s.trouble.any() {
		return fmt.Errorf("pool %s: stopped before every answer was recorded, since Redis is away; such calls will be found in doubt", s.name)
	}
	return fmt.Errorf("pool %s: stopped without handing its tasks back, since Redis is away; they come again by themselves", s.name)
}

// leave says that this worker no longer serves the pool; if it cannot, that
// shows after half a minute.
func (s *Server) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTry)
	defer cancel()
	_ = s.pool.Store.Leave(ctx, s.opts.Worker)
}

// Ready returns why the pool is not being served, or nil.
func (s *Server) Ready() error {
	switch why := s.benched.Load(); {
	case why != nil:
		return errors.New(*why)
	case !s.started.Load():
		return fmt.Errorf("pool %s: starting", s.name)
	case s.stop.ctx.Err() != nil:
		return fmt.Errorf("pool %s: stopping", s.name)
	}
	if err := s.pool.Bucket.Standby(); err != nil {
		return err
	}
	return s.keyless.err(s.name)
}

// leavesTasks reports whether the worker takes no tasks for now.
func (s *Server) leavesTasks() bool { return s.aside.any() || s.keyless.aside() }

// tripped is told by the breaker that it opened. When every failure was of this
// worker's own network it stands aside; else it speaks for the fleet.
func (s *Server) tripped(t breaker.Trip) {
	if t.Local {
		s.aside.stand(t.For)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), settleTry)
	defer cancel()
	s.block(ctx, t.For, "the circuit breaker of worker "+s.opts.Worker)
}

// bench stops serving the pool, unless the fault is everybody's.
func (s *Server) bench(ctx context.Context, cause reset.Cause) {
	halt, err := s.pool.Store.Halt(ctx)
	if err != nil || halt != nil {
		s.streak.forget()
		return
	}
	why := fmt.Sprintf("pool %s: this worker's last %d calls ended with %s while others succeed; "+
		"compare its configuration with theirs, then start it again", s.name, benchAfter, cause)
	if s.benched.CompareAndSwap(nil, &why) {
		s.log.Error("this worker stops serving the pool", "cause", cause.String())
		s.stop.raise(errStopping)
	}
}
