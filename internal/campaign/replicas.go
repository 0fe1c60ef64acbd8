package campaign

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// replicaPatience is how long replicas have to acknowledge a mark. It is as
// long as a token of the bucket is good for: the call would not go out later.
const replicaPatience = 250 * time.Millisecond

// ErrTooFewReplicas means that a mark stands in Redis, but that a failover could
// lose it: fewer replicas than wanted had it in time. The call is not made.
type ErrTooFewReplicas struct{ Have, Want int }

// Error implements error.
func (e ErrTooFewReplicas) Error() string {
	return fmt.Sprintf("%d of %d replicas had the mark within %s, so the call is not made: "+
		"see why the replicas of Redis are away or behind, or lower wait_replicas", e.Have, e.Want, replicaPatience)
}

// markAndWait sends the script and WAIT together on one connection, to the node
// that has the pool's keys: WAIT speaks of its own connection's writes, and a
// Cluster's client would send it anywhere.
func (s *Store) markAndWait(ctx context.Context, keys []string, args []any) (reply, int, error) {
	node, err := s.node(ctx)
	if err != nil {
		return reply{}, 0, err
	}
	script := s.scripts["begin"]
	mark, copies := sendAndWait(ctx, node, s.pool.WaitReplicas, func(p redis.Pipeliner) *redis.Cmd {
		return script.EvalSha(ctx, p, keys, args...)
	})
	if redis.HasErrorPrefix(mark.Err(), "NOSCRIPT") {
		mark, copies = sendAndWait(ctx, node, s.pool.WaitReplicas, func(p redis.Pipeliner) *redis.Cmd {
			return script.Eval(ctx, p, keys, args...)
		})
	}
	r, err := replyOf(mark, 4, "begin")
	if err != nil {
		s.relearn(ctx)
		return reply{}, 0, err
	}
	have, err := copies.Int()
	if err != nil {
		return reply{}, 0, fmt.Errorf("waiting for replicas: %w", err)
	}
	return r, have, nil
}

// sendAndWait returns both answers; the pipeline's own error is one of theirs.
func sendAndWait(ctx context.Context, node *redis.Client, replicas int, send func(redis.Pipeliner) *redis.Cmd) (mark, copies *redis.Cmd) {
	_, _ = node.Pipelined(ctx, func(p redis.Pipeliner) error {
		mark = send(p)
		copies = p.Do(ctx, "wait", replicas, replicaPatience.Milliseconds())
		return nil
	})
	return mark, copies
}

// node is the client of the server that has the pool's keys.
func (s *Store) node(ctx context.Context) (*redis.Client, error) {
	switch rdb := s.rdb.(type) {
	case *redis.Client:
		return rdb, nil
	case *redis.ClusterClient:
		return rdb.MasterForKey(ctx, s.keys.calls())
	}
	return nil, fmt.Errorf("wait_replicas is not possible with a %T", s.rdb)
}

// relearn has a Cluster's client ask again which node has what. It does so by
// itself after a redirection, but does not see those of a single node's client.
func (s *Store) relearn(ctx context.Context) {
	if rdb, ok := s.rdb.(*redis.ClusterClient); ok {
		rdb.ReloadState(ctx)
	}
}
