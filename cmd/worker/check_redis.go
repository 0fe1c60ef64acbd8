package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/tasks"
)

const (
	// oldestRedis is the first whose scripts have flags.
	oldestRedis = 7
	// slowRedis: a mark must be written within the 250 ms of a token.
	slowRedis = 100 * time.Millisecond
	// nearlyFull is the share of maxmemory from which on it is said.
	nearlyFull = 0.8
)

//go:embed lua/write.lua
var writeLua string

// redis looks at the Redis, in the order in which one fault hides the next.
func (k *check) redis(ctx context.Context) {
	rdb, err := cli.OpenRedis(ctx, k.cfg.Redis)
	if err != nil {
		k.blind = true
		k.add("redis", "answers", k.error(err))
		return
	}
	k.rdb = rdb
	all, err := nodes(ctx, rdb)
	if err != nil {
		k.blind = true
		k.add("redis", "answers", k.error(err))
		return
	}
	s := survey(ctx, all)
	k.add("redis", "answers", s.answers(k.cfg.Redis))
	k.add("redis", "version", worst(all, func(n node) finding { return version(s.info[n.addr], flags(ctx, n)) }))
	rights, writes := worst(all, func(n node) finding { return k.rights(ctx, n) }), k.writes(ctx, s)
	k.add("redis", "rights", rights)
	k.add("redis", "writes", writes)
	k.blind = rights.Level == failed || writes.Level == failed
	k.add("redis", "durability", worst(all, func(n node) finding { return durable(ctx, n) }))
	k.add("redis", "eviction", worst(all, func(n node) finding { return eviction(s.info[n.addr]) }))
	k.add("redis", "memory", worst(all, func(n node) finding { return memory(s.info[n.addr]) }))
	k.add("redis", "replicas", worst(all, func(n node) finding { return replicas(s.info[n.addr], k.cfg.WaitReplicas) }))
	k.add("redis", "clock", s.clock(k.shortestDeadline()))
}

// info is what INFO says; nil where it is forbidden.
type info map[string]string

func readInfo(ctx context.Context, n node) info {
	text, err := n.Info(ctx).Result()
	if err != nil {
		return nil
	}
	all := info{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		all[key] = value
	}
	return all
}

func (i info) number(key string) int64 {
	n, _ := strconv.ParseInt(i[key], 10, 64) // what is not there is 0
	return n
}

func forbidden(wanted string) finding {
	return finding{Level: warned, Says: "cannot tell (INFO is forbidden)", Do: "wanted: " + wanted}
}

// flags asks whether scripts may ask to run with memory full.
func flags(ctx context.Context, n node) error {
	return n.Eval(ctx, "#!lua flags=allow-oom,no-writes\nreturn 1", nil).Err()
}

func version(i info, flags error) finding {
	known := "Redis " + i["redis_version"]
	if i == nil {
		known = "its version is not told (INFO is forbidden)"
	}
	major, _, _ := strings.Cut(i["redis_version"], ".")
	n, err := strconv.Atoi(major)
	old := err == nil && n < oldestRedis
	var reply redis.Error
	switch {
	case !old && flags == nil:
		return finding{Level: fine, Says: known}
	// What cannot be parsed is an ERR; any other word is of the moment.
	case !old && (!errors.As(flags, &reply) || !strings.HasPrefix(reply.Error(), "ERR ")):
		return finding{Level: warned, Says: known + "; whether its scripts know flags cannot be told", Do: "wanted: Redis 7 or later"}
	}
	return finding{Level: failed, Says: known + ": its scripts cannot ask to run with memory full, so answers of Cognito could be lost",
		Do: "take Redis 7 or later, or Valkey"}
}

// writes makes sure that every kind of key can be written to now.
func (k *check) writes(ctx context.Context, s *surveyed) finding {
	for _, i := range s.info {
		if i["role"] == "slave" {
			return finding{Level: failed, Says: "this is a replica: what is written there is lost",
				Do: "name the primary, or its sentinels, at redis"}
		}
	}
	script := redis.NewScript(writeLua)
	for _, key := range k.ownKeys() {
		err := script.Run(ctx, k.rdb, []string{key}).Err()
		if redis.HasErrorPrefix(err, "NOREPLICAS") {
			return finding{Level: failed, Says: "takes no writes: " + err.Error(),
				Do: "bring its replicas back, or lower min-replicas-to-write"}
		}
		if err != nil {
			return k.error(err)
		}
	}
	return finding{Level: fine, Says: "taken"}
}

// ownKeys are keys of nobody's, one in each slot that rekey uses.
func (k *check) ownKeys() []string {
	keys := []string{"rekey:{ids}:check"}
	for _, q := range k.quotas() {
		keys = append(keys, "rekey:{"+q.Name+"}:check")
	}
	for _, p := range k.pools {
		keys = append(keys, "rekey:{"+p.Name+"}:check",
			"asynq:{"+tasks.Queue(p.Name)+"}:check", "asynq:{"+tasks.UrgentQueue(p.Name)+"}:check")
	}
	return keys
}

func eviction(i info) finding {
	policy := i["maxmemory_policy"]
	f := finding{Level: fine, Says: "maxmemory-policy " + policy}
	switch {
	case policy == "":
		return forbidden("maxmemory-policy noeviction")
	case policy == "noeviction":
		return f
	case i.number("maxmemory") == 0:
		f.Level, f.Do = warned, "set noeviction before you set a maxmemory"
		f.Says += ", which does nothing while there is no maxmemory"
		return f
	}
	f.Level, f.Do = failed, "set maxmemory-policy noeviction"
	f.Says += ": a full Redis throws away live codes, rows or tasks"
	return f
}

func memory(i info) finding {
	if i == nil {
		return forbidden("used_memory well below maxmemory")
	}
	used, most := i.number("used_memory"), i.number("maxmemory")
	switch {
	case most == 0:
		return finding{Level: fine, Says: megabytes(used) + " used, no maxmemory"}
	case float64(used) < nearlyFull*float64(most):
		return finding{Level: fine, Says: fmt.Sprintf("%s of %s used", megabytes(used), megabytes(most))}
	}
	return finding{Level: warned, Says: fmt.Sprintf("%s of %s used, nearly full: when it is, nothing is sent", megabytes(used), megabytes(most)),
		Do: "raise maxmemory, or delete old campaigns"}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// replicas compares those that are online with those that calls wait for.
func replicas(i info, wait int) finding {
	if i == nil {
		return forbidden("wait_replicas not above the number of replicas, and not 0 where there are some")
	}
	online := 0
	for n := range i.number("connected_slaves") {
		if strings.Contains(i[fmt.Sprintf("slave%d", n)], "state=online") {
			online++
		}
	}
	f := finding{Level: fine, Says: fmt.Sprintf("%d online, wait_replicas %d", online, wait)}
	switch {
	case online < wait:
		f.Level, f.Do = failed, "bring the replicas back, or lower wait_replicas"
		f.Says += ": no call would go out"
	case online > 0 && wait == 0:
		f.Level, f.Do = warned, "set wait_replicas, see docs/redis.md (MemoryDB needs none)"
		f.Says += ": a failover can lose the last marks, and users called then may get a second code"
	case online == wait && wait > 0:
		f.Says += ": with one less no call would go out"
	}
	return f
}

// shortestDeadline is that of the calls, over all pools of the file.
func (k *check) shortestDeadline() time.Duration {
	shortest := deadline(k.pools[0])
	for _, p := range k.pools[1:] {
		shortest = min(shortest, deadline(p))
	}
	return shortest
}
