package topology

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/redistest"
)

// cluster is three primaries with a replica each.
type cluster struct{ primaries, replicas []node }

func startCluster(t *testing.T) cluster {
	t.Helper()
	var all []node
	for range 6 {
		bus := redistest.Port(t)
		all = append(all, start(t, "--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000",
			"--cluster-announce-bus-port", bus))
	}
	c := cluster{all[:3], all[3:]}
	c.meet(t, all)
	for i, p := range c.primaries {
		first := i * 16384 / 3
		last := (i+1)*16384/3 - 1
		if err := p.client(t).ClusterAddSlotsRange(t.Context(), first, last).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range c.replicas {
		c.replicate(t, r, c.primaries[i])
	}
	for _, n := range all {
		n.await(t, "cluster_state:ok", "cluster_slots_assigned:16384")
	}
	for _, p := range c.primaries {
		p.follow(t, 1)
	}
	return c
}

func (c cluster) meet(t *testing.T, all []node) {
	t.Helper()
	first := all[0].client(t)
	for _, n := range all[1:] {
		bus := n.client(t).ConfigGet(t.Context(), "cluster-announce-bus-port").Val()["cluster-announce-bus-port"]
		if err := first.Do(t.Context(), "cluster", "meet", "127.0.0.1", n.port, bus).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range all {
		n.await(t, "cluster_known_nodes:"+strconv.Itoa(len(all)))
	}
}

func (c cluster) replicate(t *testing.T, replica, primary node) {
	t.Helper()
	id, err := primary.client(t).ClusterMyID(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	rdb := replica.client(t)
	until(t, "the replica knows its primary", func() error { return rdb.ClusterReplicate(t.Context(), id).Err() })
}

// await waits until CLUSTER INFO says all of this.
func (n node) await(t *testing.T, lines ...string) {
	t.Helper()
	rdb := n.client(t)
	until(t, strings.Join(lines, ", "), func() error {
		info, err := rdb.ClusterInfo(t.Context()).Result()
		for _, line := range lines {
			if err == nil && !strings.Contains(info, line+"\r\n") {
				err = fmt.Errorf("%q", info)
			}
		}
		return err
	})
}

// agree returns what is nil once all who are left take the shard's replica for
// the primary of the slot.
func (c cluster) agree(t *testing.T, slot, shard int) func() error {
	t.Helper()
	var left []*redis.Client
	for i := range c.primaries {
		left = append(left, c.replicas[i].client(t))
		if i != shard {
			left = append(left, c.primaries[i].client(t))
		}
	}
	return func() error {
		for _, rdb := range left {
			shards, err := rdb.ClusterShards(t.Context()).Result()
			if err != nil {
				return err
			}
			if !has(shards, int64(slot), c.replicas[shard].port) {
				return fmt.Errorf("the slot is not with %s: %+v", c.replicas[shard].port, shards)
			}
			// A node takes its time to say that all is well again.
			if info, err := rdb.ClusterInfo(t.Context()).Result(); err != nil || !strings.Contains(info, "cluster_state:ok") {
				return fmt.Errorf("%q, %w", info, err)
			}
		}
		return nil
	}
}

// has reports whether the node at the port is the slot's primary.
func has(shards []redis.ClusterShard, slot int64, port string) bool {
	for _, s := range shards {
		here := slices.ContainsFunc(s.Slots, func(r redis.SlotRange) bool { return r.Start <= slot && slot <= r.End })
		for _, n := range s.Nodes {
			if here && n.Role == "master" && n.Health == "online" && strconv.FormatInt(n.Port, 10) == port {
				return true
			}
		}
	}
	return false
}

// hosts lists all nodes.
func (c cluster) hosts() string {
	var addrs []string
	for _, n := range append(slices.Clone(c.primaries), c.replicas...) {
		addrs = append(addrs, n.addr())
	}
	return strings.Join(addrs, ",")
}
