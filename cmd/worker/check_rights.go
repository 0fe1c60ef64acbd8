package main

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/ratelimit"
)

//go:embed lua/rights.lua
var rightsLua string

// commands are what rekey and its queue send, and what their scripts call. Their
// shape is whole: a server looks for the keys in it.
var commands = []string{
	"PING", "TIME", "MULTI", "EXEC", "EVALSHA x 1 KEY", "SUBSCRIBE",
	"GET KEY", "SET KEY x", "SETEX KEY 1 x", "DEL KEY", "UNLINK KEY", "EXISTS KEY", "INCR KEY",
	"GETRANGE KEY 0 1", "SETRANGE KEY 0 x", "SETBIT KEY 0 1",
	"EXPIRE KEY 1", "PEXPIRE KEY 1", "EXPIREAT KEY 1", "PTTL KEY",
	"HGET KEY x", "HSET KEY x x", "HSETNX KEY x x", "HMGET KEY x", "HGETALL KEY", "HDEL KEY x", "HEXISTS KEY x",
	"HINCRBY KEY x 1", "HSCAN KEY 0",
	"ZADD KEY 1 x", "ZREM KEY x", "ZSCORE KEY x", "ZCARD KEY", "ZCOUNT KEY 0 1", "ZRANGE KEY 0 1", "ZREVRANGE KEY 0 1",
	"ZRANGEBYSCORE KEY 0 1", "ZSCAN KEY 0", "ZREMRANGEBYSCORE KEY 0 1", "ZREMRANGEBYRANK KEY 0 1",
	"LPUSH KEY x", "RPUSH KEY x", "LRANGE KEY 0 1", "LREM KEY 1 x", "LLEN KEY", "RPOPLPUSH KEY KEY", "SADD KEY x", "SREM KEY x",
}

// kinds are a pool's keys.
var kinds = []string{
	"campaigns", "calls", "doubts", "later", "live:x", "live-key", "event:x", "misconfigured", "halt", "feeder", "workers",
	"c:x", "c:x:open", "c:x:r:0", "c:x:l:0",
}

// right is one thing that a user must be allowed.
type right struct {
	command string // as it would be sent
	what    string // for people
	rule    string // that allows it
}

// allowed is the error of a worker whose user lacks a right: it would begin what
// it cannot end. Where the server cannot tell, it serves.
func allowed(ctx context.Context, p *cli.Program, cfg *config.Config, rdb redis.UniversalClient) error {
	all, err := nodes(ctx, rdb)
	if err != nil {
		return err
	}
	k := &check{p: p, cfg: cfg, rdb: rdb, pools: slices.Collect(maps.Values(cfg.Pools))}
	f := worst(all, func(n node) finding { return k.rights(ctx, n) })
	if f.Level != failed {
		return nil
	}
	return &cli.Error{Code: cli.CodeFailed, Err: fmt.Errorf("%s: %s", cfg.Redis, f.Says), Hint: f.Do}
}

// rights asks for every command, for every kind of key, and for the channel.
func (k *check) rights(ctx context.Context, n node) finding {
	wanted := k.wanted()
	args := make([]any, len(wanted))
	for i, w := range wanted {
		args[i] = w.command
	}
	refused, err := redis.NewScript(rightsLua).Run(ctx, n, nil, args...).Int64Slice()
	switch {
	case err != nil && redis.IsPermissionError(err):
		f := k.error(err)
		f.Do = k.grant([]right{{rule: "+eval"}, {rule: "+evalsha"}})
		return f
	case err != nil:
		return k.error(err)
	case len(refused) == 0:
		return finding{Level: fine, Says: "this user may run what rekey and its queue need"}
	case refused[0] < 0:
		return finding{Level: warned, Says: "cannot tell (this Redis does not say)", Do: "wanted: a worker's rights, see docs/redis.md"}
	}
	missing := missing(wanted, refused)
	return finding{Level: failed, Says: "this user lacks the rights to " + some(missing), Do: k.grant(missing)}
}

// missing leaves out what was refused for the sake of something else.
func missing(wanted []right, refused []int64) []right {
	var all []right
	for _, i := range refused {
		all = append(all, wanted[i-1])
	}
	// EVAL is allowed, or nothing would have been asked: without it on the key
	// of the commands, it is the key that is refused.
	noKey := slices.ContainsFunc(all, func(r right) bool { return r.command == "EVAL x 1 "+wanted[0].what })
	noSubscribe := slices.ContainsFunc(all, func(r right) bool { return r.command == "SUBSCRIBE" })
	return slices.DeleteFunc(all, func(r right) bool {
		return noKey && strings.HasPrefix(r.rule, "+") && strings.Contains(r.command, wanted[0].what) ||
			noSubscribe && r.rule == "&asynq:cancel"
	})
}

// grant is what an administrator types.
func (k *check) grant(missing []right) string {
	var rules []string
	for _, m := range missing {
		if !slices.Contains(rules, m.rule) {
			rules = append(rules, m.rule)
		}
	}
	return "ACL SETUSER " + cmp.Or(k.cfg.Redis.Username, "default") + " " + strings.Join(rules, " ") +
		" (all of a worker's rights: docs/redis.md)"
}

// some names the first few, and says how many more there are.
func some(missing []right) string {
	const most = 4
	var names []string
	for _, m := range missing[:min(most, len(missing))] {
		names = append(names, m.what)
	}
	text := strings.Join(names, ", ")
	if more := len(missing) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// wanted begins with the key on which the commands are asked for.
func (k *check) wanted() []right {
	var all []right
	for _, key := range k.keys() {
		family, _, _ := strings.Cut(key, ":")
		all = append(all, right{"EVAL x 1 " + key, key, "~" + family + ":*"})
	}
	sent := commands
	if k.cfg.WaitReplicas > 0 {
		sent = append(slices.Clone(sent), "WAIT "+strconv.Itoa(k.cfg.WaitReplicas)+" 1")
	}
	for _, c := range sent {
		name, _, _ := strings.Cut(c, " ")
		all = append(all, right{strings.ReplaceAll(c, "KEY", all[0].what), name, "+" + strings.ToLower(name)})
	}
	return append(all, right{"SUBSCRIBE asynq:cancel", "subscribe to asynq:cancel", "&asynq:cancel"})
}

// keys has one of each kind.
func (k *check) keys() []string {
	keys := append(k.ownKeys(), "rekey:{ids}:ids", "asynq:queues", "asynq:servers", "asynq:servers:{x}", "asynq:workers", "asynq:workers:{x}")
	for _, q := range k.quotas() {
		keys = append(keys, ratelimit.Key(q.Name))
	}
	for _, p := range k.pools {
		for _, kind := range kinds {
			keys = append(keys, "rekey:{"+p.Name+"}:"+kind)
		}
	}
	return keys
}
