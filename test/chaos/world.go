package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/test/fleet"
	"github.com/rekeyhq/rekey/test/process"
)

// world is everything that a script may break.
type world struct {
	o     Options
	rate  float64
	t     testing.TB
	f     *fleet.Fleet
	redis *embedredis.Server
	crew  [workers]*worker
	began time.Time

	mu   sync.Mutex
	done map[deed]int
}

// worker is a process, the last of its place, and its ways.
type worker struct {
	config      string
	redis, twin *proxy
	p           *process.Process
	all         []*process.Process
	down        bool // on purpose, until the script starts it
	held        chan struct{}
}

func newWorld(t testing.TB, o Options, rate float64, faults string, twin ...string) *world {
	t.Helper()
	redis, err := embedredis.Start(t.Context(), embedredis.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = redis.Close() })
	if !redis.Real() {
		t.Fatal("chaos needs a redis-server on PATH: one in memory cannot be killed")
	}
	w := &world{o: o, t: t, rate: rate, redis: redis, done: map[deed]int{}, began: time.Now()}
	script := filepath.Join(t.TempDir(), "faults")
	if err := os.WriteFile(script, []byte(faults), 0o600); err != nil {
		t.Fatal(err)
	}
	w.f = fleet.Start(t, fleet.Options{
		Users: o.Users, Rate: rate, Redis: redis.URL(), Bin: o.Bin, Pool: "concurrency: 128, ",
		// Room enough, so that throttles come from the script alone.
		Twin: append([]string{"--quota", fmt.Sprint(4 * rate), "--latency", "200ms", "--faults", script, "--seed", fmt.Sprint(o.Seed)}, twin...),
	})
	for i := range w.crew {
		w.crew[i] = w.hire(i)
	}
	return w
}

// load starts the campaign of all users. The script's time counts from here.
func (w *world) load() {
	onDoubt := "resend"
	if w.o.Park {
		onDoubt = "park"
	}
	w.f.Run("enqueue", "--campaign", first, "--guard", "off", "--on-doubt", onDoubt, "--start", "--confirm", fmt.Sprint(w.o.Users), w.f.Users)
	w.began = time.Now()
}

// hire makes a worker's ways and its configuration.
func (w *world) hire(i int) *worker {
	dir, err := os.MkdirTemp("", "rekey-way-") // short: it is for a socket
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "redis.sock")
	o := &worker{
		redis: newProxy(w.t, "unix", socket, "unix", w.redis.Options().Addr),
		twin:  newProxy(w.t, "tcp", "127.0.0.1:0", "tcp", w.f.Twin),
	}
	o.config = w.f.Configure(fmt.Sprintf("worker-%d.yaml", i), "unix://"+socket, o.twin.ln.Addr().String())
	return o
}

// hired are the workers that have been started at all.
func (w *world) hired() []*worker {
	return slices.DeleteFunc(slices.Clone(w.crew[:]), func(o *worker) bool { return o.p == nil })
}

func (w *world) start(o *worker) {
	o.p, o.down = w.f.Go("worker", "--config", o.config), false
	o.all = append(o.all, o.p)
}

// play does every step at its time, or as soon after it as the steps before it
// are done.
func (w *world) play(script []step, do func(step)) {
	for _, s := range script {
		if !w.until(s.at) {
			return
		}
		w.count(s.deed)
		w.t.Logf("%s", s)
		do(s)
	}
}

func (w *world) until(at time.Duration) bool {
	t := time.NewTimer(time.Until(w.began.Add(at)))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-w.t.Context().Done():
		return false
	}
}

func (w *world) count(d deed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done[d]++
}
