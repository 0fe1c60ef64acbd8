package faketime

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
	"github.com/rekeyhq/rekey/internal/cognito"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
	"github.com/rekeyhq/rekey/internal/tasks"
)

const (
	pool  = "prod"
	quota = "q"
	hour  = reset.Hour(time.Hour)
)

// quiet is a logger for go-redis, which else tells stderr of a Redis that is away.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	// miniredis makes a Lua machine for each script: mostly garbage.
	debug.SetGCPercent(400)
	warmUp()
	os.Exit(m.Run())
}

// warmUp has what the whole process shares made outside of every bubble: zstd's
// coders make their channels at their first use, and those of one bubble are
// barred from the next.
func warmUp() {
	chunk, err := roster.Pack([]roster.Row{{Line: 2, Request: reset.Request{Username: reset.Hide("somebody")}}})
	if err == nil {
		_, err = roster.Unpack(chunk)
	}
	if err != nil {
		panic(err)
	}
}

// rig is a pool in a bubble of its own: a Redis, the twin, and the operator's
// view of both.
type rig struct {
	t      *testing.T
	memory *miniredis.Miniredis
	line   *line // the workers' way to Redis
	road   *road // the workers' way to Cognito
	sim    *cognitosim.Sim
	rdb    *redis.Client // the operator's own way to Redis
	store  *campaign.Store
	quota  ratelimit.Quota
	log    *logbook
	hired  int
}

// setup is what a test wants of its pool. The hour is an hour, the burst 2.
type setup struct {
	rate float64
	sim  cognitosim.Options
}

// inBubble runs the test on fake time, which begins at midnight UTC. While it
// runs somebody looks at the campaigns every half a minute, and at its end the
// ledger is held against the journal.
func inBubble(t *testing.T, s setup, test func(*testing.T, *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, s)
		r.beside(r.lookOn)
		test(t, r)
		r.audit()
	})
}

func newRig(t *testing.T, s setup) *rig {
	t.Helper()
	if s.sim.Quota == 0 {
		s.sim.Quota = -1
	}
	r := &rig{t: t, log: &logbook{}, quota: ratelimit.Quota{Name: quota, Limit: s.rate, Share: 1, Burst: 2}}
	r.rdb, r.memory = redistest.Memory(t)
	r.age()
	r.line = newLine(t, r.memory)
	var dial simtest.Dial
	r.sim, dial = simtest.Pipe(t, s.sim)
	r.road = &road{dial: dial}
	r.store = r.open(r.rdb)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s\nthe workers' log ends with\n%s", r.describe(), r.log.tail(8000))
		}
	})
	return r
}

// age has keys expire every few seconds. By itself miniredis goes over all its
// keys before each command, and each user has one.
func (r *rig) age() {
	const step = 5 * time.Second
	r.memory.ClockTTL(false)
	r.beside(func(ctx context.Context) {
		for pause(ctx, step) {
			r.memory.FastForward(step)
		}
	})
}

// beside runs f until the test ends.
func (r *rig) beside(f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f(ctx) })
	r.t.Cleanup(func() { cancel(); running.Wait() })
}

// pause returns false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *rig) open(rdb *redis.Client) *campaign.Store {
	r.t.Helper()
	store, err := campaign.Open(r.t.Context(), rdb, campaign.Pool{Name: pool, Hour: hour, Retention: 720 * time.Hour})
	if err != nil {
		r.t.Fatal(err)
	}
	return store
}

// worker starts a worker; stop ends it as SIGTERM does.
func (r *rig) worker() (stop func()) {
	r.t.Helper()
	client, err := cognito.New(cognito.Config{
		Region: "eu-west-1", ClientID: cognitosim.DefaultClientID, Endpoint: "http://twin", Dial: r.road.dialTwin,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.hired++
	name := fmt.Sprintf("worker-%d", r.hired)
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelInfo})).With("worker", name)
	rdb := r.line.client()
	bucket := ratelimit.New(rdb, r.quota, ratelimit.Options{Worker: name, Log: log})
	// No Rehearsal, although there is an endpoint: as against AWS a daily quota
	// returns at nine.
	server := tasks.New(tasks.Pool{
		Redis: rdb, Store: r.open(rdb), Client: client, Bucket: bucket, Quota: quota, Concurrency: 16,
	}, tasks.Options{Worker: name, Log: log, Metrics: tasks.NewMetrics(prometheus.NewRegistry(), "test")})
	ctx, cancel := context.WithCancel(ownRhythm(context.Background()))
	var wg sync.WaitGroup
	wg.Go(func() { _ = bucket.Run(ctx) }) // nil, or an unusable quota: then nothing is sent
	wg.Go(func() {
		if err := server.Run(ctx); err != nil {
			r.t.Errorf("%s: %v", name, err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		client.Close()
		_ = rdb.Close()
	})
	r.t.Cleanup(stop)
	return stop
}

// run loads users [from, to) as a campaign and starts it.
func (r *rig) run(id string, from, to int, change ...func(*campaign.Spec)) {
	r.t.Helper()
	campaigntest.Run(r.t, r.store, id, campaigntest.Users(from, to), change...)
}

func (r *rig) campaign(id string) campaign.Campaign {
	r.t.Helper()
	return campaigntest.Look(r.t, r.store, id)
}

// rows are what the ledger says of each of a campaign's users.
func (r *rig) rows(id string) map[string]campaign.Line {
	r.t.Helper()
	all := map[string]campaign.Line{}
	for line, err := range r.store.Rows(r.t.Context(), r.campaign(id), campaign.Filter{}) {
		if err != nil {
			r.t.Fatal(err)
		}
		all[line.Username.Reveal()] = line
	}
	return all
}

// bucket looks at the fleet's bucket.
func (r *rig) bucket() ratelimit.State {
	r.t.Helper()
	s, err := ratelimit.Peek(r.t.Context(), r.rdb, quota)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// await looks every second until it is as wanted.
func (r *rig) await(what string, within time.Duration, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(time.Second) {
		if time.Now().After(end) {
			r.t.Fatalf("not within %v: %s", within, what)
		}
	}
}

func (r *rig) awaitDone(id string, within time.Duration) campaign.Campaign {
	r.t.Helper()
	r.await(id+" is done", within, func() bool { return r.campaign(id).State == campaign.Done })
	return r.campaign(id)
}

func (r *rig) describe() string {
	all, err := r.store.Campaigns(context.Background())
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "at %s, after %d calls:", time.Now().UTC().Format(time.DateTime), r.sim.Calls())
	for _, c := range all {
		fmt.Fprintf(&b, " %s %s %q %+v %v cursor %d/%d;", c.ID, c.State, c.Reason, c.Counts, c.CausesOf(), c.Cursor, c.Total)
	}
	return b.String()
}
