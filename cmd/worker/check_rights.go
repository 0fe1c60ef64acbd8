package main

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/ratelimit"
)

//go:embed lua/rights.lua
var rightsLua string

// enoughRights is what an ACL user needs at the most.
const enoughRights = "~rekey:* ~asynq:* &asynq:* +@all -@admin -@dangerous +info +config|get"

// commands are what rekey and its queue send, and what their scripts call. What
// is checked is the command and the key; the values are for the shape.
var commands = []string{
	"PING", "TIME", "MULTI", "EXEC", "EVAL x 1 KEY", "EVALSHA x 1 KEY",
	"GET KEY", "SET KEY x", "SETEX KEY 1 x", "DEL KEY", "UNLINK KEY", "EXISTS KEY", "INCR KEY",
	"GETRANGE KEY 0 1", "SETRANGE KEY 0 x", "SETBIT KEY 0 1",
	"EXPIRE KEY 1", "PEXPIRE KEY 1", "EXPIREAT KEY 1", "PTTL KEY",
	"HGET KEY x", "HSET KEY x x", "HSETNX KEY x x", "HMGET KEY x", "HGETALL KEY", "HDEL KEY x", "HEXISTS KEY x",
	"HINCRBY KEY x 1", "HSCAN KEY 0",
	"ZADD KEY 1 x", "ZREM KEY x", "ZSCORE KEY x", "ZCARD KEY", "ZCOUNT KEY 0 1", "ZRANGE KEY 0 1", "ZREVRANGE KEY 0 1",
	"ZRANGEBYSCORE KEY 0 1", "ZREMRANGEBYSCORE KEY 0 1", "ZREMRANGEBYRANK KEY 0 1",
	"LPUSH KEY x", "RPUSH KEY x", "LRANGE KEY 0 1", "LREM KEY 1 x", "LLEN KEY", "RPOPLPUSH KEY KEY", "SADD KEY x",
	"SUBSCRIBE asynq:cancel",
}

// kinds are a pool's keys.
var kinds = []string{
	"campaigns", "calls", "doubts", "later", "live:x", "live-key", "event:x", "misconfigured", "halt", "feeder", "workers",
	"c:x", "c:x:open", "c:x:r:0", "c:x:l:0",
}

// rights asks for every command on a key, and for two on every other key.
func (k *check) rights(ctx context.Context, n node) finding {
	wanted := k.wanted()
	args := make([]any, len(wanted))
	for i, w := range wanted {
		args[i] = w
	}
	refused, err := redis.NewScript(rightsLua).Run(ctx, n, nil, args...).Int64Slice()
	switch {
	case err != nil && redis.IsPermissionError(err):
		f := k.error(err)
		f.Do = k.grant()
		return f
	case err != nil:
		return k.error(err)
	case len(refused) == 0:
		return finding{Level: fine, Says: "this user may run what rekey and its queue need"}
	case refused[0] < 0:
		return finding{Level: warned, Says: "cannot tell (this Redis does not say)", Do: "wanted: a user with " + enoughRights}
	}
	return finding{Level: failed, Says: "this user may not run " + some(wanted, refused), Do: k.grant()}
}

// grant is what an administrator types.
func (k *check) grant() string {
	return "ACL SETUSER " + cmp.Or(k.cfg.Redis.Username, "default") + " " + enoughRights
}

// some names the first few, and says how many more there are.
func some(wanted []string, refused []int64) string {
	const most = 4
	var names []string
	for _, i := range refused[:min(most, len(refused))] {
		names = append(names, wanted[i-1])
	}
	text := strings.Join(names, ", ")
	if more := len(refused) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// wanted lists commands as they are sent.
func (k *check) wanted() []string {
	var all []string
	key := k.ownKeys()[1]
	for _, c := range commands {
		all = append(all, strings.ReplaceAll(c, "KEY", key))
	}
	for _, key := range k.keys() {
		all = append(all, "HGET "+key+" x", "HSET "+key+" x x")
	}
	if k.cfg.WaitReplicas > 0 {
		all = append(all, "WAIT "+strconv.Itoa(k.cfg.WaitReplicas)+" 1")
	}
	return all
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
