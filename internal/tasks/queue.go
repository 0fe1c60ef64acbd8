package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/rekeyhq/rekey/internal/reset"
)

const (
	// enqueuers is how many enqueues are under way at once: with asynq's client
	// each is a round trip.
	enqueuers = 16
	// allQueues is asynq's set of queues, which its tools go by.
	allQueues = "asynq:queues"
)

// queues are a pool's two queues, as the feeder sees them. What is counted and
// listed here asynq's Inspector has too, but one script or one page at a time.
type queues struct {
	rdb    redis.UniversalClient
	client *asynq.Client
	names  [2]string // urgent, other
}

func newQueues(rdb redis.UniversalClient, pool string) *queues {
	return &queues{rdb, asynq.NewClientFromRedisClient(rdb), [2]string{UrgentQueue(pool), Queue(pool)}}
}

// name returns the queue for urgent rows, or the other one.
func (q *queues) name(urgent bool) string {
	if urgent {
		return q.names[0]
	}
	return q.names[1]
}

// key is one of asynq's keys.
func key(queue, list string) string { return "asynq:{" + queue + "}:" + list }

// publish makes the queues known to asynq's tools. asynq's client does so once
// in its life, and so not again after Redis has lost its data.
func (q *queues) publish(ctx context.Context) error {
	return q.rdb.SAdd(ctx, allQueues, q.names[0], q.names[1]).Err()
}

// length is how many tasks a queue has: those that could run now (pending and
// running ones, and those whose time has come), all, and those whose worker has
// stopped renewing its lease. The last ones are not due: their rows go on under
// other names, which would find no room if a whole fleet had died.
type length struct{ due, all, orphans int }

// lengths counts both queues.
func (q *queues) lengths(ctx context.Context, now time.Time) (urgent, other length, err error) {
	var counts [2][]*redis.IntCmd
	_, err = q.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		until := strconv.FormatInt(now.Unix(), 10)
		for i, name := range q.names {
			counts[i] = []*redis.IntCmd{
				p.LLen(ctx, key(name, "pending")), p.LLen(ctx, key(name, "active")),
				p.ZCount(ctx, key(name, "retry"), "-inf", until), p.ZCount(ctx, key(name, "scheduled"), "-inf", until),
				p.ZCard(ctx, key(name, "retry")), p.ZCard(ctx, key(name, "scheduled")),
				p.ZCount(ctx, key(name, "lease"), "-inf", until),
			}
		}
		return nil
	})
	if err != nil {
		return length{}, length{}, fmt.Errorf("length of the queues: %w", err)
	}
	return lengthOf(counts[0]), lengthOf(counts[1]), nil
}

func lengthOf(counts []*redis.IntCmd) length {
	n := make([]int, len(counts))
	for i, c := range counts {
		n[i] = int(c.Val())
	}
	return length{due: n[0] + max(0, n[1]-n[6]) + n[2] + n[3], all: n[0] + n[1] + n[4] + n[5], orphans: n[6]}
}

// listing says which rows have a task in a queue's lists, and which have one
// whose worker is gone. Spare tasks count for their row.
type listing struct{ live, orphans map[string]bool }

// list reads a queue's lists, at one instant: a task moves between them.
func (q *queues) list(ctx context.Context, urgent bool, now time.Time) (listing, error) {
	name := q.name(urgent)
	var lists []*redis.StringSliceCmd
	var gone *redis.StringSliceCmd
	_, err := q.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		lists = []*redis.StringSliceCmd{
			p.LRange(ctx, key(name, "pending"), 0, -1), p.LRange(ctx, key(name, "active"), 0, -1),
			p.ZRange(ctx, key(name, "retry"), 0, -1), p.ZRange(ctx, key(name, "scheduled"), 0, -1),
		}
		gone = p.ZRangeByScore(ctx, key(name, "lease"), &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(now.Unix(), 10)})
		return nil
	})
	if err != nil {
		return listing{}, fmt.Errorf("lists of queue %s: %w", name, err)
	}
	l := listing{live: map[string]bool{}, orphans: map[string]bool{}}
	for _, id := range gone.Val() {
		l.orphans[id] = true
	}
	for _, list := range lists {
		for _, id := range list.Val() {
			if !l.orphans[id] {
				l.live[rowOf(id)] = true
			}
		}
	}
	return l, nil
}

// item is a row to enqueue under a task id.
type item struct {
	ref    reset.Ref
	id     string
	urgent bool
	// missing: a walk found that the queue has no task for it.
	missing bool
}

func itemOf(ref reset.Ref, urgent bool) item { return item{ref: ref, id: taskID(ref), urgent: urgent} }

// enqueue puts rows into their queues, and returns those whose id is taken: a
// task of that name exists. They count as fed. An error says that some, nobody
// knows which, may not be there.
func (q *queues) enqueue(ctx context.Context, items []item) (taken []item, err error) {
	conflict := make([]atomic.Bool, len(items))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(enqueuers)
	for i, it := range items {
		group.Go(func() error {
			queue := q.name(it.urgent)
			_, err := q.client.EnqueueContext(ctx, asynq.NewTask(TaskType, encodePayload(it.ref)), taskOptions(queue, it.id)...)
			if errors.Is(err, asynq.ErrTaskIDConflict) {
				conflict[i].Store(true)
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("enqueue: %w", err)
	}
	for i := range items {
		if conflict[i].Load() {
			taken = append(taken, items[i])
		}
	}
	return slices.Clip(taken), nil
}
