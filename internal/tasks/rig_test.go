package tasks

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
	"github.com/rekeyhq/rekey/internal/cognito"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

const poolName = "prod"

// quiet is a logger for go-redis, which else tells stderr of every Redis that a
// test takes away.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	flag.Parse()
	// These tests wait more than they work: two at a time would take a minute.
	if err := flag.Set("test.parallel", "5"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// rig is a pool of its own: a Redis, a twin, and workers in this process.
type rig struct {
	t     *testing.T
	rdb   *redis.Client
	twin  *simtest.Server
	store *campaign.Store
	quota ratelimit.Quota
	log   *syncBuffer
	next  int // worker's number
	// replicas that marks wait for.
	replicas int
	// keys of what is opened from now on.
	keys *roster.Keys
}

// newRig starts Redis and twin. The Redis in memory is too slow for these rates:
// calls would run into their deadline of one second.
func newRig(t *testing.T, rate float64, o cognitosim.Options) *rig {
	t.Helper()
	return newRigOn(t, redistest.Client(t, redistest.Real(t)), rate, o)
}

// newRigOn is newRig on a Redis of the test's own. The rate is what one bucket
// gives everybody; the twin allows more.
func newRigOn(t *testing.T, rdb *redis.Client, rate float64, o cognitosim.Options) *rig {
	t.Helper()
	o.Hour = time.Duration(reset.MinHour)
	if o.Quota == 0 {
		o.Quota, o.Burst = 2*rate, int(rate)
	}
	r := &rig{t: t, rdb: rdb, twin: simtest.Start(t, o), log: &syncBuffer{}}
	r.quota = ratelimit.Quota{Name: "q", Limit: rate, Share: 1, Burst: 2}
	r.store = r.open()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the workers' log:\n%s", r.log.tail(6000))
		}
		if d := r.twin.Doubles(); len(d) > 0 {
			t.Errorf("%d users held two live codes: %+v", len(d), d[0])
		}
	})
	return r
}

func (r *rig) open() *campaign.Store {
	r.t.Helper()
	store, err := campaign.Open(r.t.Context(), r.rdb, campaign.Pool{
		Name: poolName, Hour: reset.MinHour, Retention: time.Hour, WaitReplicas: r.replicas, Keys: r.keys,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return store
}

// running is a worker under way.
type running struct {
	*Server
	limit    *ratelimit.Bucket
	registry *prometheus.Registry
	stop     func() error
}

// setup is what a test changes about a worker.
type setup struct {
	client cognito.Config
	// quick makes the waits of an outcome short, where a test is about how many
	// there are.
	quick reset.Outcome
}

// worker starts a worker for the twin, and ends it with the test.
func (r *rig) worker(change ...func(*setup)) *running {
	r.t.Helper()
	s := setup{client: cognito.Config{Region: "eu-west-1", ClientID: cognitosim.DefaultClientID, Endpoint: r.twin.URL(), Hour: reset.MinHour}}
	for _, c := range change {
		c(&s)
	}
	client, err := cognito.New(s.client)
	if err != nil {
		r.t.Fatal(err)
	}
	r.next++
	name := fmt.Sprintf("worker-%d", r.next)
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})).With("worker", name)
	w := &running{registry: prometheus.NewRegistry()}
	w.limit = ratelimit.New(r.rdb, r.quota, ratelimit.Options{Worker: name, Log: log})
	w.Server = New(Pool{
		Redis: r.rdb, Store: r.open(), Client: client, Bucket: w.limit, Quota: r.quota.Name, Concurrency: 32, Rehearsal: true,
	}, Options{Worker: name, Log: log, Metrics: NewMetrics(w.registry, "test")})
	if rule := w.next.rules[s.quick]; s.quick != 0 {
		rule.first, rule.most = 50*time.Millisecond, 50*time.Millisecond
		w.next.rules[s.quick] = rule
	}
	w.stop = r.start(w, client)
	return w
}

func (r *rig) start(w *running, client *cognito.Client) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { _ = w.limit.Run(ctx) })
	wg.Go(func() { err = w.Run(ctx) })
	stop = sync.OnceValue(func() error {
		cancel()
		wg.Wait()
		client.Close()
		return err
	})
	r.t.Cleanup(func() {
		if err := stop(); err != nil {
			r.t.Errorf("stop: %v", err)
		}
	})
	return stop
}

// users is the twin's first n users.
func users(n int) []string { return campaigntest.Users(0, n) }

// load makes a draft.
func (r *rig) load(id string, names []string, change ...func(*campaign.Spec)) {
	r.t.Helper()
	campaigntest.Load(r.t, r.store, id, names, change...)
}

// run loads a campaign and starts it.
func (r *rig) run(id string, names []string, change ...func(*campaign.Spec)) {
	r.t.Helper()
	campaigntest.Run(r.t, r.store, id, names, change...)
}

func (r *rig) campaign(id string) campaign.Campaign {
	r.t.Helper()
	return campaigntest.Look(r.t, r.store, id)
}

// await polls until the campaign is as wanted.
func (r *rig) await(id, what string, within time.Duration, ok func(campaign.Campaign) bool) campaign.Campaign {
	r.t.Helper()
	var c campaign.Campaign
	r.until(fmt.Sprintf("%s: %s", id, what), within, func() bool {
		var err error
		if c, err = r.store.Campaign(r.t.Context(), id); err != nil {
			return false // Redis may be away
		}
		return ok(c)
	})
	return c
}

func (r *rig) until(what string, within time.Duration, ok func() bool) {
	r.t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			r.t.Fatalf("not within %v: %s; campaigns: %s", within, what, r.describe())
		}
	}
}

func (r *rig) describe() string {
	all, err := r.store.Campaigns(context.Background())
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, c := range all {
		fmt.Fprintf(&b, "%s %s %q %+v %v cursor %d/%d; ", c.ID, c.State, c.Reason, c.Counts, c.CausesOf(), c.Cursor, c.Total)
	}
	return b.String()
}

func done(c campaign.Campaign) bool { return c.State == campaign.Done }

// sent counts the messages of each user by the twin's journal.
func (r *rig) sent() map[string]int {
	counts := map[string]int{}
	for _, e := range r.twin.Journal() {
		if e.Sent {
			counts[e.Username]++
		}
	}
	return counts
}

// calls counts the calls of each user.
func (r *rig) calls() map[string]int {
	counts := map[string]int{}
	for _, e := range r.twin.Journal() {
		counts[e.Username]++
	}
	return counts
}

// wantEachCalledOnce allows what a busy machine brings: a call that is not
// answered within its second is in doubt, and called again after its code's life.
func (r *rig) wantEachCalledOnce(names []string) {
	r.t.Helper()
	calls := map[string][]time.Time{}
	for _, e := range r.twin.Journal() {
		calls[e.Username] = append(calls[e.Username], e.At)
	}
	if len(calls) != len(names) {
		r.t.Errorf("%d users were called, want %d", len(calls), len(names))
	}
	for _, name := range names {
		if len(calls[name]) == 0 {
			r.t.Errorf("%s was not called", name)
		}
		for i, at := range calls[name][:max(0, len(calls[name])-1)] {
			if apart := calls[name][i+1].Sub(at); apart < reset.MinHour.CodeLife()-reset.MinHour.Deadline() {
				r.t.Errorf("%s was called twice, %v apart", name, apart)
				return
			}
		}
	}
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if os.Getenv("REKEY_TEST_LOG") != "" {
		_, _ = os.Stderr.Write(p)
	}
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *syncBuffer) tail(n int) string {
	all := s.String()
	return all[max(0, len(all)-n):]
}

// wantQueueEmpty waits until asynq holds no task of the pool.
func (r *rig) wantQueueEmpty() {
	r.t.Helper()
	q := newQueues(r.rdb, poolName)
	r.until("the queue is empty", 10*time.Second, func() bool {
		urgent, other, err := q.lengths(r.t.Context(), time.Now())
		return err == nil && urgent.all+other.all == 0
	})
}
