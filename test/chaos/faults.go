package main

import (
	"context"
	"syscall"
	"time"
)

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

// heal ends whatever is still broken.
func (w *world) heal() {
	for _, o := range w.hired() {
		o.healRedis()
		o.healTwin()
		o.p.Signal(syscall.SIGCONT)
	}
	w.supervise()
}
