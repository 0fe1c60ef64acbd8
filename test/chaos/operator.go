package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hibiken/asynq"
)

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
