package tasks

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Paused returns those of the pool's two queues that somebody paused with
// asynq's own tools: the other one, and the one for urgent campaigns. asynq
// takes nothing from such a queue, and says so nowhere but in its tools.
func Paused(ctx context.Context, rdb redis.UniversalClient, pool string) (other, urgent bool, err error) {
	var found [2]*redis.IntCmd
	_, err = rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		found[0] = p.Exists(ctx, PausedKey(Queue(pool)))
		found[1] = p.Exists(ctx, PausedKey(UrgentQueue(pool)))
		return nil
	})
	if err != nil {
		return false, false, fmt.Errorf("whether the queues of pool %s are paused: %w", pool, err)
	}
	return found[0].Val() > 0, found[1].Val() > 0, nil
}

// PausedKey is the key by which asynq pauses a queue. Without it the queue goes on.
func PausedKey(queue string) string { return key(queue, "paused") }

// pauses are which queues the feeder has found paused.
type pauses struct{ other, urgent atomic.Bool }

func (p *pauses) forget() {
	p.other.Store(false)
	p.urgent.Store(false)
}

// lookAtPause tells the log when a queue is paused, and when no longer; others
// are told with the worker's presence.
func (f *feeder) lookAtPause(ctx context.Context) error {
	if time.Since(f.pauseSeen) < listEvery {
		return nil
	}
	other, urgent, err := Paused(ctx, f.pool.Redis, f.name)
	if err != nil {
		return err
	}
	f.pauseSeen = time.Now()
	f.sayPause(Queue(f.name), f.paused.other.Swap(other), other)
	f.sayPause(UrgentQueue(f.name), f.paused.urgent.Swap(urgent), urgent)
	return nil
}

func (f *feeder) sayPause(queue string, was, is bool) {
	switch {
	case is && !was:
		f.log.Warn("nothing of a queue is sent: it was paused with asynq's tools", "queue", queue,
			"next", "unpause it there, or  redis-cli DEL "+PausedKey(queue))
	case was && !is:
		f.log.Info("a queue is no longer paused", "queue", queue)
	}
}
