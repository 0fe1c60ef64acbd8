package tasks

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"
)

// patient is the Redis that asynq's server has. When asynq cannot ask for the
// next task it asks again at once: a Redis that answers, but serves nobody (it
// is full, read-only, wants another password), got thirty thousand scripts a
// second from one worker. So a script that was refused takes a while to say so.
//
// While the worker stands aside there is no next task for it. asynq cannot be
// stopped and started again, nor would its pause be this worker's alone.
type patient struct {
	redis.UniversalClient
	stop  signal
	aside func() bool
}

// EvalSha implements [redis.Scripter].
func (p patient) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	if takesTask(keys) && p.aside() {
		cmd := redis.NewCmd(ctx)
		cmd.SetErr(redis.Nil)
		return cmd
	}
	return p.wait(p.UniversalClient.EvalSha(ctx, sha, keys, args...))
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
