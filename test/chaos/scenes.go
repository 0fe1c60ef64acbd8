package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/test/fleet"
)

// What chance brings about too seldom is played on purpose.

// stalledRate is what three workers can mark at once while no answer comes: each
// mark in flight takes one of a worker's connections to Redis.
const stalledRate = 50

// StalledLedger has the ledger stand still for most of a call's deadline, five
// times, while the bucket goes on giving tokens: their calls must not leave
// together afterwards.
func StalledLedger(t testing.TB, o Options) Result {
	t.Helper()
	// An answer must come within what is left of the deadline.
	w := newWorld(t, o, stalledRate, "", "--latency", "50ms")
	for _, one := range w.crew {
		w.start(one)
	}
	w.load()
	w.until(4 * time.Second)
	for i := range 5 {
		at := time.Duration(4+3*i) * time.Second
		w.all(step{at: at, deed: holdLedger})
		w.all(step{at: at + 850*time.Millisecond, deed: healRedis})
	}
	return w.end()
}

// all does a step to every worker.
func (w *world) all(s step) {
	w.until(s.at)
	for i := range w.crew {
		s.worker = i
		w.count(s.deed)
		w.breaks(s)
	}
}

// LateOwner stops a worker between marks and calls, until others have taken the
// rows for lost and are calling them: then it wakes, and takes its marks back.
func LateOwner(t testing.TB, o Options) Result {
	t.Helper()
	// Every call takes most of its deadline, so that it is out for long.
	w := newWorld(t, o, 100, `{"answer":"OK","delay":"600ms"}`)
	w.start(w.crew[0])
	w.load()
	w.f.Until(first, "at work", func(s fleet.Show) bool { return s.Counts["accepted"] > 200 })
	at := time.Since(w.began)
	for _, s := range []step{
		{at: at, deed: holdLedger},
		{at: at + 600*time.Millisecond, deed: stop},
		{at: at + 700*time.Millisecond, deed: healRedis},
	} {
		w.until(s.at)
		w.count(s.deed)
		w.breaks(s)
	}
	w.start(w.crew[1])
	w.f.Until(first, "in doubt", func(s fleet.Show) bool { return s.Counts["in_doubt"] > 10 })
	calls := w.quiet(w.crew[1])
	// The first of them were with the twin already; the last ones were marked
	// alone, and it is those whose marks the owner takes back.
	most := w.f.Show(first).Counts["in_doubt"] - 3
	w.poll("called again", func() bool { return len(w.crew[1].twin.left()) > calls+most })
	w.crew[0].p.Signal(syscall.SIGCONT)
	w.count(cont)
	return w.end()
}

// quiet waits until a worker has called everybody whom the stopped one has not
// in hand, and returns how many that were.
func (w *world) quiet(o *worker) (calls int) {
	w.t.Helper()
	since := time.Now()
	w.poll("quiet", func() bool {
		if n := len(o.twin.left()); n != calls {
			calls, since = n, time.Now()
		}
		return time.Since(since) > 3*time.Second
	})
	return calls
}

func (w *world) poll(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if ok() {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("not %s after two minutes", what)
		}
	}
}
