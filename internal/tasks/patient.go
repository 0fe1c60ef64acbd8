package tasks

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// patient is the Redis that asynq's server has. When asynq cannot ask for the
// next task it asks again at once: a Redis that answers, but serves nobody (it
// is full, read-only, wants another password), got thirty thousand scripts a
// second from one worker. So a script that was refused takes a while to say so.
type patient struct {
	redis.UniversalClient
	stop signal
}

// EvalSha implements [redis.Scripter].
func (p patient) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
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

// refused tells an error of Redis from what scripts say in the course of their
// work: nothing is there, the server does not know the script yet, the task has
// gone.
func refused(err error) bool {
	return err != nil && !errors.Is(err, redis.Nil) &&
		!redis.HasErrorPrefix(err, "NOSCRIPT") && !redis.HasErrorPrefix(err, "NOT FOUND")
}
