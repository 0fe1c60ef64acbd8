package outage

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/campaign/campaigntest"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/ratelimit"
	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
)

const (
	pool     = "test"
	quota    = "q"
	burst    = 2
	handlers = 24 // of a worker
	// patience is how long a test waits for what must happen. It is long because
	// machines are shared; nothing is measured by it.
	patience = 3 * time.Minute
	// hour gives a call three seconds, so that one which is late because the
	// machine is busy is not taken for one that was lost. Only a test that waits
	// for the ends of many marks has a shorter one.
	hour = reset.Hour(30 * time.Second)
)

// program is the worker, built once for all tests.
var program string

// seed is of the moments that chance chooses. The moments are the same again;
// what the machine does between them is not.
var seed = flag.Uint64("seed", uint64(time.Now().UnixNano()%1e6), "of the moments; one that failed is printed")

// chanceOf returns chance of the seed, for one test.
func chanceOf(t *testing.T) *rand.Rand {
	t.Helper()
	t.Logf("again with: go test ./test/outage -run '^%s$' -seed %d", t.Name(), *seed)
	return rand.New(rand.NewPCG(*seed, 0))
}

// quiet is a logger for go-redis, which else tells stderr of every Redis that a
// test takes away.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rekey-outage-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "worker")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/rekeyhq/rekey/cmd/worker").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	// These tests wait more than they work: two at a time would take minutes.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	return m.Run()
}

// rig is a pool of its own: a Redis, a twin, and workers as processes.
type rig struct {
	t       *testing.T
	dir     string
	rate    float64
	hour    reset.Hour
	server  *embedredis.Server
	rdb     *redis.Client
	twin    *simtest.Server
	store   *campaign.Store
	configs int
}

// options say what a rig is like.
type options struct {
	users   int
	rate    float64
	latency time.Duration
	faults  []cognitosim.Fault
	hour    reset.Hour // the usual one, if it is 0
	redis   []string   // arguments of redis-server
}

// newRig starts Redis and twin. The twin allows more than the bucket gives, so
// that a throttle never explains anything.
func newRig(t *testing.T, o options) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), rate: o.rate, hour: cmp.Or(o.hour, hour)}
	r.server = redistest.Real(t, append([]string{"--appendonly", "yes", "--appendfsync", "always"}, o.redis...)...)
	r.rdb = redistest.Client(t, r.server)
	r.twin = simtest.Start(t, cognitosim.Options{
		Users: cognitosim.Users{N: o.users}, Quota: 3 * o.rate, Burst: int(o.rate), Latency: o.latency,
		Hour: time.Duration(r.hour), Faults: o.faults, PerUserHour: -1,
	})
	store, err := campaign.Open(t.Context(), r.rdb, campaign.Pool{Name: pool, Hour: r.hour, Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	r.store = store
	t.Cleanup(func() {
		if d := r.twin.Doubles(); len(d) > 0 {
			t.Errorf("%d users held two live codes: %+v", len(d), d[0])
		}
	})
	return r
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
func (r *rig) await(id, what string, ok func(campaign.Campaign) bool) campaign.Campaign {
	r.t.Helper()
	var c campaign.Campaign
	r.until(fmt.Sprintf("%s: %s", id, what), func() bool {
		var err error
		c, err = r.store.Campaign(r.t.Context(), id)
		return err == nil && ok(c) // Redis may be away
	}, func() string { return fmt.Sprintf("%s %q %+v %v", c.State, c.Reason, c.Counts, c.CausesOf()) })
	return c
}

func done(c campaign.Campaign) bool { return c.State == campaign.Done }

// until polls until something is so; state tells what it was like instead.
func (r *rig) until(what string, ok func() bool, state ...func() string) {
	r.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			for _, s := range state {
				r.t.Log(s())
			}
			r.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// wait lets time pass, which is what an outage is made of.
func (r *rig) wait(d time.Duration) {
	r.t.Helper()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.t.Context().Done():
	}
}

// queued is how many tasks asynq holds of the pool.
func (r *rig) queued(c redis.Cmdable) (n int64) {
	r.t.Helper()
	for _, q := range []string{"rekey-" + pool, "rekey-" + pool + "-urgent"} {
		for _, list := range []string{"pending", "active"} {
			n += r.must(c.LLen(r.t.Context(), asynqKey(q, list)))
		}
		for _, set := range []string{"retry", "scheduled"} {
			n += r.must(c.ZCard(r.t.Context(), asynqKey(q, set)))
		}
	}
	return n
}

func asynqKey(queue, list string) string { return "asynq:{" + queue + "}:" + list }

func (r *rig) must(cmd *redis.IntCmd) int64 {
	r.t.Helper()
	if err := cmd.Err(); err != nil {
		r.t.Fatal(err)
	}
	return cmd.Val()
}

// do runs a command that must succeed.
func (r *rig) do(c interface {
	Do(context.Context, ...any) *redis.Cmd
}, args ...any) {
	r.t.Helper()
	if err := c.Do(r.t.Context(), args...).Err(); err != nil {
		r.t.Fatalf("%v: %v", args, err)
	}
}

// bucket is the quota's bucket, seen from outside.
func (r *rig) bucket() ratelimit.State {
	r.t.Helper()
	s, err := ratelimit.Peek(r.t.Context(), r.rdb, quota)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}
