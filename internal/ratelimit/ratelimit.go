// Package ratelimit is the bucket that all workers of a quota share: it says
// when the next call may leave.
//
// It promises that no second holds more than 1.05 × rate + burst of the instants
// that it gives, and that while somebody waits at least 99 % of the rate is used,
// with about one script for a token however many wait. A throttle slows every
// worker once; when Redis cannot be reached nobody gets a token.
//
// How: a token is for an instant on Redis's clock, spaced by GCRA, and it is
// never used before that instant nor 250 ms after it. In a worker everybody
// stands in one line, and only the head of the line holds a reservation.
//
// Its weak spot is what happens after a token was handed out. When calls are
// held up there, by up to those 250 ms, they leave closer together than their
// tokens were: no second sees more than 1.3 × rate + burst of them leave. And a
// token that is not used in time is lost.
package ratelimit

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Life is how long a token is good, from its instant.
const Life = 250 * time.Millisecond

const (
	lease      = 30 * time.Second
	renewEvery = 10 * time.Second
)

// Quota is what an account may do in a Region, as the file has it.
type Quota struct {
	Name string
	// Limit is AWS's, in calls a second. Share is rekey's part of it, and Echo
	// how many ConfirmForgotPassword calls a code brings back on the same quota.
	Limit, Share, Echo float64
	// Burst is how many calls may leave at once after a pause.
	Burst int
	// Daily is how many calls may leave in 24 hours; 0 is no budget.
	Daily int
}

// Rate is what rekey may use, in calls a second.
func (q Quota) Rate() float64 { return q.Limit * q.Share / (1 + q.Echo) }

// Validate says what makes the quota unusable.
func (q Quota) Validate() error {
	switch r := q.Rate(); {
	case q.Name == "":
		return fmt.Errorf("a quota needs a name")
	case !(r > 0) || math.IsInf(r, 0):
		return fmt.Errorf("quota %s: limit × share ÷ (1 + echo) is %v, it must be above 0", q.Name, r)
	case q.Burst < 0 || q.Daily < 0:
		return fmt.Errorf("quota %s: burst and daily must not be negative", q.Name)
	}
	return nil
}

// numbers is the text by which workers compare their files.
func (q Quota) numbers() string {
	return fmt.Sprintf("limit=%s share=%s echo=%s burst=%d daily=%d",
		exact(q.Limit), exact(q.Share), exact(q.Echo), q.Burst, q.Daily)
}

func exact(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// parseNumbers splits a bucket's text into keys and values, in the file's order.
func parseNumbers(s string) (keys []string, values map[string]string) {
	values = map[string]string{}
	for field := range strings.FieldsSeq(s) {
		k, v, _ := strings.Cut(field, "=")
		keys = append(keys, k)
		values[k] = v
	}
	return keys, values
}

// Key is the one key of Redis that a quota's bucket lives in.
func Key(quota string) string { return "rekey:{" + quota + "}:bucket" }

// Options say who the worker is.
type Options struct {
	// Worker is the name under which the numbers are held.
	Worker string
	Log    *slog.Logger
}

// Bucket is one worker's end of a quota's bucket. Handlers share it.
type Bucket struct {
	rdb     redis.UniversalClient
	quota   Quota
	opts    Options
	key     string
	scripts scripts

	mu sync.Mutex
	line
	gaveUp  [2]int // since the last take, by reason
	standby *DiffersError
}

// New returns the worker's end of the quota's bucket. Run keeps the bucket's
// numbers; Wait claims them if they are nobody's.
func New(rdb redis.UniversalClient, q Quota, o Options) *Bucket {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = o.Log.With("quota", q.Name)
	b := &Bucket{rdb: rdb, quota: q, opts: o, key: Key(q.Name), scripts: newScripts()}
	b.parked = map[string]time.Time{}
	return b
}

// Quota returns the worker's numbers.
func (b *Bucket) Quota() Quota { return b.quota }

// Token allows one call.
type Token struct {
	// At is the token's instant on this worker's clock, at the earliest that it
	// can be: counted from before the script was asked.
	At time.Time
	// Server is the instant on Redis's clock.
	Server time.Time
	// taken is when the script ran, on Redis's clock.
	taken time.Time
}

// NotAfter is the token's end on the worker's monotonic clock.
func (t Token) NotAfter() time.Time { return t.At.Add(Life) }

// GiveUpReason says what made a token useless.
type GiveUpReason uint8

// The reasons: the mark took too long, or the connection was not ready.
const (
	ByRedis GiveUpReason = iota
	ByConnection
)

// String returns the word of limited_by.
func (r GiveUpReason) String() string {
	if r == ByConnection {
		return "connection"
	}
	return "redis"
}

// GiveUp says that the token was not used in time. It cannot be returned: by
// now it would be late for everybody. The next take brings the figure along.
func (b *Bucket) GiveUp(_ Token, why GiveUpReason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gaveUp[why&1]++
}

// Throttled says that the token's call met a throttle. The rate is lowered, for
// all workers, once for each congestion: a token that was taken before the last
// cut says nothing new. It dips for a second, keeps below what was learned of
// the room that others leave, and from six seconds on looks for more: after
// eleven it is the configured one.
func (b *Bucket) Throttled(ctx context.Context, t Token) (cut bool, err error) {
	a, err := b.change(ctx, "cut", strconv.FormatInt(t.taken.UnixMicro(), 10))
	if err != nil {
		return false, err
	}
	switch a.word {
	case "cut":
		b.opts.Log.Warn("throttled: the rate is cut")
		return true, nil
	case "known":
		return false, nil
	}
	return false, unknown("change", a.word)
}
