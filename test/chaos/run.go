package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/test/fleet"
)

const (
	workers = 3
	first   = "first"  // the campaign of all users
	second  = "second" // one of some of them, begun while the first runs
	// still is how long nothing may change at the end before what is not done is
	// lost. The longest that a row rests is a minute; the queue's own recovery of
	// a dead worker's tasks takes two, but nothing may hang on that.
	still = 90 * time.Second
	// drain is how long a worker may take to end after SIGTERM on a busy machine;
	// it promises two seconds.
	drain = 10 * time.Second
)

// Options say what to run. The same ones make the same script.
type Options struct {
	Seed     uint64
	Duration time.Duration // of the faults; the end takes a minute or two more
	Users    int
	Park     bool   // doubts are parked
	Bin      string // where the programs are; built when empty
}

// Result is what happened.
type Result struct {
	Options
	Done    map[deed]int
	Took    time.Duration
	Calls   int
	Twice   int // users who were messaged more than once, one after the other's end
	Busiest int // calls in the fullest second
	Limit   float64
	// The same of a tenth of a second.
	Tenth      int
	TenthLimit float64
	Shows      map[string]fleet.Show
	Broken     []string
}

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
	p           *fleet.Process
	all         []*fleet.Process
	down        bool // on purpose, until the script starts it
	held        chan struct{}
}

// Run plays the seed's script on a campaign, lets everything heal, and holds
// report and journal against each other. What is broken fails t.
func Run(t testing.TB, o Options) Result {
	t.Helper()
	w := newWorld(t, o, o.rate(), twinsFaults(o.Seed, o.Users*9/10))
	for _, one := range w.crew {
		w.start(one)
	}
	w.load()
	var operator sync.WaitGroup
	operator.Go(func() { w.play(w.operations(), w.operate) })
	w.play(faults(o.Seed, o.Duration, workers), w.breaks)
	operator.Wait()
	return w.end()
}

// end lets everything heal, waits, and tells what is broken.
func (w *world) end() Result {
	w.t.Helper()
	w.heal()
	r := w.audit(w.finish())
	for _, what := range r.Broken[:min(20, len(r.Broken))] {
		w.t.Errorf("%s", what)
	}
	if n := len(r.Broken); n > 20 {
		w.t.Errorf("… and %d more", n-20)
	}
	return r
}

// rate is such that the campaign would be over a little before the faults, if
// they did not keep it.
func (o Options) rate() float64 { return float64(o.Users) / o.Duration.Seconds() * 1.1 }

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

// breaks does a step of the faults.
func (w *world) breaks(s step) {
	w.supervise()
	o := w.crew[s.worker]
	switch s.deed {
	case killRedis:
		w.redis.Kill()
	case startRedis:
		w.restartRedis()
	case kill, start, stop, cont, term:
		w.signal(o, s.deed)
	case cutRedis, deafRedis, slowRedis, holdLedger, healRedis:
		o.changeRedis(s)
	case cutTwin, deafTwin, slowTwin, healTwin:
		o.changeTwin(s)
	}
}

func (w *world) restartRedis() {
	if err := w.redis.Restart(context.WithoutCancel(w.t.Context())); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) signal(o *worker, d deed) {
	switch d {
	case kill:
		o.down = true
		o.p.Kill()
	case stop:
		o.p.Signal(syscall.SIGSTOP)
	case cont:
		o.p.Signal(syscall.SIGCONT)
	case term:
		o.down = true
		o.p.Signal(syscall.SIGTERM)
	case start:
		w.drained(o)
		w.start(o)
	}
}

// drained waits for a worker that was told to end.
func (w *world) drained(o *worker) {
	select {
	case <-o.p.Ended():
	case <-time.After(drain):
		w.t.Errorf("a worker runs %v after SIGTERM", drain)
		o.p.Kill()
	}
}

// supervise starts workers that ended by themselves, as systemd would: one that
// is started while Redis is away ends with an error.
func (w *world) supervise() {
	for _, o := range w.hired() {
		select {
		case <-o.p.Ended():
			if !o.down {
				w.count("start again of a worker that found no Redis")
				w.start(o)
			}
		default:
		}
	}
}

func (o *worker) changeRedis(s step) {
	switch s.deed {
	case cutRedis:
		o.redis.set(mood{refuse: true})
		o.redis.cut()
	case deafRedis:
		o.redis.set(mood{deaf: true})
	case slowRedis:
		o.redis.set(mood{late: s.length})
	case holdLedger:
		o.held = make(chan struct{})
		o.redis.set(mood{hold: o.held})
	case healRedis:
		o.healRedis()
	}
}

// healRedis makes the way good. Where answers were lost, connections cannot be
// used any more: they would give the answers of other questions.
func (o *worker) healRedis() {
	before := o.redis.now()
	o.redis.set(mood{})
	if before.deaf {
		o.redis.cut()
	}
	if before.hold != nil {
		close(o.held)
	}
}

func (o *worker) changeTwin(s step) {
	switch s.deed {
	case cutTwin:
		o.twin.set(mood{refuse: true})
		o.twin.cut()
	case deafTwin:
		o.twin.set(mood{deaf: true})
	case slowTwin:
		o.twin.set(mood{late: s.length})
	case healTwin:
		o.healTwin()
	}
}

func (o *worker) healTwin() {
	deaf := o.twin.now().deaf
	o.twin.set(mood{})
	if deaf {
		o.twin.cut()
	}
}

// operations is the operator's script.
func (w *world) operations() []step {
	steps := operations(w.o.Seed, w.o.Duration)
	if w.o.Park {
		return steps // a second campaign may message its users once more
	}
	load := step{at: w.o.Duration / 3, deed: secondLoad}
	for i, s := range steps {
		if s.at > load.at {
			return append(append(steps[:i:i], load), steps[i:]...)
		}
	}
	return append(steps, load)
}

// operate does a step of the operator's. Redis may be away: then it is not done.
func (w *world) operate(s step) {
	switch s.deed {
	case pauseResume:
		w.f.Try("campaign", "pause", first, "--reason", "chaos")
		w.until(time.Since(w.began) + s.length)
		w.f.Try("campaign", "resume", first)
	case replay:
		w.replay(first)
	case again:
		w.deliverAgain()
	case secondLoad:
		w.loadSecond()
	}
}

// replay sends what is dead back, and what is parked where nobody minds.
func (w *world) replay(id string) {
	s, ok := w.f.Look(id)
	if !ok {
		return
	}
	for state, n := range map[string]int{"dead": s.Counts["dead"], "in_doubt": s.Parked} {
		if n > 0 && (state == "dead" || !w.o.Park) {
			w.f.Try("campaign", "replay", id, "--state", state, "--confirm", fmt.Sprint(n))
		}
	}
}

// loadSecond loads a second campaign over users whose codes are alive, and
// others, as often as it takes.
func (w *world) loadSecond() {
	text, err := os.ReadFile(w.f.Users)
	if err != nil {
		w.t.Errorf("%v", err)
		return
	}
	lines := strings.SplitAfter(strings.TrimSpace(string(text)), "\n")
	n := w.o.Users / 10
	some := append([]string{lines[0]}, lines[1+2*n:1+4*n]...)
	file := w.f.Write("second.csv", strings.Join(some, ""))
	for range 10 {
		_, code := w.f.Try("enqueue", "--campaign", second, "--priority", "urgent", "--guard", "off",
			"--start", "--confirm", fmt.Sprint(len(some)-1), file)
		if s, ok := w.f.Look(second); code == 0 || ok && s.State != "draft" && s.State != "loading" {
			return
		}
	}
	w.t.Errorf("the second campaign could not be loaded in ten attempts")
}

// deliverAgain does what the queue does on bad days: rows that wait for their
// time are delivered now. The urgent queue, because the other one holds a minute.
func (w *world) deliverAgain() {
	opt := asynq.RedisClientOpt{Network: w.redis.Options().Network, Addr: w.redis.Options().Addr}
	inspector, client := asynq.NewInspector(opt), asynq.NewClient(opt)
	defer func() { _ = inspector.Close(); _ = client.Close() }()
	waiting, err := inspector.ListRetryTasks("rekey-test", asynq.PageSize(1000))
	n := 0
	for _, task := range waiting {
		copied := asynq.NewTask(task.Type, task.Payload)
		id := asynq.TaskID(fmt.Sprintf("%s#%d", task.ID, time.Now().UnixNano()))
		if _, err = client.Enqueue(copied, asynq.Queue("rekey-test-urgent"), id); err == nil {
			n++
		}
	}
	w.t.Logf("%d of %d rows are delivered again; %v", n, len(waiting), err)
}

// heal ends whatever is still broken.
func (w *world) heal() {
	for _, o := range w.hired() {
		o.healRedis()
		o.healTwin()
		o.p.Signal(syscall.SIGCONT)
	}
	w.supervise()
}
