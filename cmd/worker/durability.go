package main

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// durability says whether Redis keeps what it acknowledges: with the marks of
// calls it would lose the promise that nobody holds two live codes.
func durability(ctx context.Context, rdb redis.UniversalClient) (keeps bool, words string) {
	settings := map[string]string{}
	for _, name := range []string{"appendonly", "appendfsync"} {
		got, err := rdb.ConfigGet(ctx, name).Result()
		if err != nil || got[name] == "" {
			return true, "cannot tell (CONFIG is forbidden); wanted: appendonly yes, appendfsync always"
		}
		settings[name] = got[name]
	}
	have := fmt.Sprintf("appendonly %s, appendfsync %s", settings["appendonly"], settings["appendfsync"])
	switch {
	case settings["appendonly"] != "yes":
		return false, have + ": a crash of Redis loses campaigns; set appendonly yes, appendfsync always"
	case settings["appendfsync"] != "always":
		return false, have + ": a crash of Redis loses the marks of its last second, and users called then may get a second code; set appendfsync always"
	}
	return true, have
}
