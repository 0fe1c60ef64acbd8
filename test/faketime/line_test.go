package faketime

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/rekeyhq/rekey/internal/cognitosim/simtest"
	"github.com/rekeyhq/rekey/internal/embedredis"
)

// line is the workers' way to Redis. It can be cut, and it is slow for what a
// worker asks again and again in a rhythm of its own: 170 times a second when
// there is nothing to do, which would make an hour take a minute. A poll that
// takes its time is nothing new to a worker; what handlers ask is not slowed.
type line struct {
	t      *testing.T
	memory *miniredis.Miniredis
	wires  wires
	waited atomic.Int64
}

// How long polls take: the feeder's round and the copies of the campaigns'
// state; the look at the bucket; the look at an empty queue.
const (
	campaignsTake = 7 * time.Second // the feeder's lease lasts for ten
	bucketTakes   = 8 * time.Second
	nothingTakes  = 2 * time.Second
)

func newLine(t *testing.T, m *miniredis.Miniredis) *line { return &line{t: t, memory: m} }

// client returns a worker's client.
func (l *line) client() *redis.Client {
	rdb := redis.NewClient(&redis.Options{
		Addr:                     "memory",
		Dialer:                   l.wires.through(embedredis.Dialer(l.memory)),
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	rdb.AddHook(l)
	return rdb
}

func (l *line) cut()  { l.wires.cut() }
func (l *line) mend() { l.wires.mend() }

type rhythm struct{}

// ownRhythm marks what a worker does by itself, beside its handlers: the
// context that it runs under reaches the former and not the latter.
func ownRhythm(ctx context.Context) context.Context { return context.WithValue(ctx, rhythm{}, true) }

// DialHook implements [redis.Hook].
func (l *line) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements [redis.Hook]. An empty queue of asynq's is seen from
// here, without asking: these are most of all scripts, and miniredis's are slow.
func (l *line) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		key := scriptKey(cmd)
		switch {
		case l.wires.down():
		case strings.HasSuffix(key, ":pending") && !l.memory.Exists(key):
			if !strings.Contains(key, "-urgent") { // it is asked first
				pause(ctx, nothingTakes)
			}
			cmd.SetErr(redis.Nil)
			return redis.Nil
		case l.nothingDue(key), strings.HasPrefix(key, "asynq:servers:"): // the latter is for asynq's tools
			cmd.(*redis.Cmd).SetVal(int64(0))
			return nil
		case strings.HasSuffix(key, "}:calls") && len(cmd.Args()) == 4: // the clock; a worker looks at it every five seconds
			cmd.(*redis.Cmd).SetVal(time.Now().UnixMilli())
			return nil
		case strings.HasSuffix(key, "}:bucket") && own(ctx) && len(cmd.Args()) == 4:
			pause(ctx, bucketTakes)
		}
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook implements [redis.Hook].
func (l *line) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if own(ctx) && slices.ContainsFunc(cmds, func(c redis.Cmder) bool { return c.Name() == "hgetall" }) && !l.justWaited() {
			pause(ctx, campaignsTake)
			l.waited.Store(time.Now().UnixMilli())
		}
		return next(ctx, cmds)
	}
}

// justWaited: once a minute the feeder's round asks three times. Who has just
// waited does not wait again.
func (l *line) justWaited() bool {
	return time.Since(time.UnixMilli(l.waited.Load())) < 100*time.Millisecond
}

func own(ctx context.Context) bool { return ctx.Value(rhythm{}) != nil }

// scriptKey is the first key of a script that is called by its name.
func scriptKey(cmd redis.Cmder) string {
	if args := cmd.Args(); cmd.Name() == "evalsha" && len(args) > 3 {
		key, _ := args[3].(string)
		return key
	}
	return ""
}

// nothingDue: asynq moves what is due out of these lists.
func (l *line) nothingDue(key string) bool {
	if !strings.HasPrefix(key, "asynq:{") || strings.Contains(key, ":t:") {
		return false
	}
	if !strings.HasSuffix(key, ":retry") && !strings.HasSuffix(key, ":scheduled") && !strings.HasSuffix(key, ":completed") {
		return false
	}
	members, err := l.memory.ZMembers(key)
	if err != nil {
		return true // there is no such key
	}
	first, err := l.memory.ZScore(key, members[0])
	return err != nil || first > float64(time.Now().Unix())
}

// wires are connections that can all be cut at once; then new ones are refused.
type wires struct {
	mu   sync.Mutex
	dead bool
	open map[net.Conn]struct{}
}

type dial = func(ctx context.Context, network, addr string) (net.Conn, error)

func (w *wires) through(d dial) dial {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if w.down() {
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		}
		c, err := d(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.open == nil {
			w.open = map[net.Conn]struct{}{}
		}
		w.open[c] = struct{}{}
		return &wire{c, w}, nil
	}
}

func (w *wires) down() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead
}

func (w *wires) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = true
	for c := range w.open {
		_ = c.Close() // of a pipe: always nil
	}
	clear(w.open)
}

func (w *wires) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = false
}

// wire is a connection that leaves the list when it is closed.
type wire struct {
	net.Conn
	of *wires
}

// Close implements [net.Conn].
func (c *wire) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c.Conn)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// road is the workers' way to Cognito.
type road struct {
	wires
	dial simtest.Dial
}

func (r *road) dialTwin(ctx context.Context, network, addr string) (net.Conn, error) {
	return r.through(r.dial)(ctx, network, addr)
}
