package main

import (
	"sync"
	"testing"
	"time"

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
	Done                    map[deed]int
	Took                    time.Duration
	Calls                   int
	Twice                   int     // users who were messaged more than once, one after the other's end
	Busiest, Tenth          int     // calls in the fullest second, and tenth of a second
	Promised, TenthPromised float64 // how many may leave in one
	Shows                   map[string]fleet.Show
	Broken                  []string
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
	w.play(faults(o.Seed, o.Duration), w.breaks)
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
