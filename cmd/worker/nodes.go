package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
)

// node is one server that takes writes. Of a Cluster there are several, each
// with its own settings; addr is empty where there is only one.
type node struct {
	*redis.Client
	addr string
}

func nodes(ctx context.Context, rdb redis.UniversalClient) ([]node, error) {
	switch rdb := rdb.(type) {
	case *redis.Client:
		return []node{{Client: rdb}}, nil
	case *redis.ClusterClient:
		var mu sync.Mutex
		var all []node
		err := rdb.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, node{c, c.Options().Addr})
			return nil
		})
		slices.SortFunc(all, func(a, b node) int { return cmp.Compare(a.addr, b.addr) })
		return all, err
	}
	return nil, fmt.Errorf("a %T has no servers to look at", rdb)
}

// worst is what is found at the server where it is worst.
func worst(all []node, look func(node) finding) finding {
	var w finding
	for i, n := range all {
		f := look(n)
		if n.addr != "" && f.Level != fine {
			f.Says = n.addr + ": " + f.Says
		}
		if i == 0 || f.Level.above(w.Level) {
			w = f
		}
	}
	return w
}
