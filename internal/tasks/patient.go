package tasks

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// patient is the Redis that asynq's server has. When asynq cannot ask for the
// next task it asks again at once: a Redis that answers, but serves nobody (it
// is full, read-only, wants another password), got thirty thousand scripts a
// second from one worker. So a script that was refused takes a while to say so.
//
// While the worker stands aside there is no next task for it. asynq cannot be
// stopped and started again, nor would its pause be this worker's alone.
//
// For each task asynq asks the urgent queue first, and waits for the answer
// before it asks the other. Where a quota allows more than [lull] gives room
// for, that was half of the time that a task took to come here.
type patient struct {
	redis.UniversalClient
	stop   signal
	aside  func() bool
	urgent *emptied
}

func newPatient(rdb redis.UniversalClient, stop signal, aside func() bool) patient {
	return patient{rdb, stop, aside, &emptied{}}
}

// EvalSha implements [redis.Scripter].
func (p patient) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	takes := takesTask(keys)
	urgent := takes && strings.HasSuffix(keys[0], urgentSuffix+"}:pending")
	if takes && p.aside() || urgent && p.urgent.lately() {
		cmd := redis.NewCmd(ctx)
		cmd.SetErr(redis.Nil)
		return cmd
	}
	cmd := p.wait(p.UniversalClient.EvalSha(ctx, sha, keys, args...))
	if urgent && errors.Is(cmd.Err(), redis.Nil) {
		p.urgent.note()
	}
	return cmd
}

// lull is how long an urgent queue that was empty is not asked again: less than
// a token's time at AWS's quota, so that an urgent reset is called when it would
// have been.
const lull = 25 * time.Millisecond

// emptied is when a queue was last found empty.
type emptied struct {
	mu sync.Mutex
	at time.Time
}

func (e *emptied) note() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.at = time.Now()
}

func (e *emptied) lately() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Since(e.at) < lull
}

// Eval implements [redis.Scripter].
func (p patient) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return p.wait(p.UniversalClient.Eval(ctx, script, keys, args...))
}

func (p patient) wait(cmd *redis.Cmd) *redis.Cmd {
	if refused(cmd.Err()) {
		_ = pause(p.stop.ctx, patience) // whoever stops does not wait
	}
	return cmd
}

// takesTask tells asynq's script that takes a task, by the first of its keys:
// all others begin with what they move.
func takesTask(keys []string) bool { return len(keys) > 0 && strings.HasSuffix(keys[0], ":pending") }

// refused tells an error of Redis from what scripts say in the course of their
// work: nothing is there, the server does not know the script yet, the task has
// gone.
func refused(err error) bool {
	return err != nil && !errors.Is(err, redis.Nil) &&
		!redis.HasErrorPrefix(err, "NOSCRIPT") && !redis.HasErrorPrefix(err, "NOT FOUND")
}
