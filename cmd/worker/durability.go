package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// durability says whether Redis keeps what it acknowledged: with the marks of
// calls it would lose the promise that nobody holds two live codes.
func durability(ctx context.Context, rdb redis.UniversalClient) (keeps bool, words string) {
	all, err := nodes(ctx, rdb)
	if err != nil {
		return false, "cannot tell: " + err.Error()
	}
	f := worst(all, func(n node) finding { return durable(ctx, n) })
	return f.Level == fine, f.text()
}

// durable is what one server does with what it has acknowledged.
func durable(ctx context.Context, n node) finding {
	settings := map[string]string{}
	for _, name := range []string{"appendonly", "appendfsync"} {
		got, err := n.ConfigGet(ctx, name).Result()
		if err != nil && !errors.As(err, new(redis.Error)) {
			return finding{Level: warned, Says: "cannot tell (no answer)"}
		}
		if err != nil || got[name] == "" {
			return finding{Level: warned, Says: "cannot tell (CONFIG is forbidden)",
				Do: "wanted: appendonly yes, appendfsync always; MemoryDB keeps what it acknowledged, ElastiCache's failover " +
					"can lose the last marks, and users called then may get a second code"}
		}
		settings[name] = got[name]
	}
	return kept(settings["appendonly"], settings["appendfsync"])
}

func kept(appendonly, appendfsync string) finding {
	f := finding{Level: fine, Says: fmt.Sprintf("appendonly %s, appendfsync %s", appendonly, appendfsync)}
	switch {
	case appendonly != "yes":
		f.Level, f.Do = failed, "set appendonly yes, appendfsync always"
		f.Says += ": a crash of Redis loses campaigns, and who was called"
	case appendfsync != "always":
		f.Level, f.Do = warned, "set appendfsync always"
		f.Says += ": a crash of Redis loses the marks of its last second, and users called then may get a second code"
	}
	return f
}
