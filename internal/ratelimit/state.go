package ratelimit

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// State is what a bucket looks like. Its zero value is a bucket that no worker
// has claimed yet.
type State struct {
	Quota string
	// Now is Redis's clock.
	Now time.Time
	// Limit is AWS's, Configured what rekey may use, Allowed what it may use now
	// (0 while the quota is held or its budget spent), Measured the calls of the
	// last minute; each a second.
	Limit, Configured, Allowed, Measured float64
	Burst, Daily                         int
	// Used is the calls of the last 24 hours; BudgetBack when some return, if
	// the budget is spent. Returns says when all of them do, the first first.
	Used       int
	BudgetBack time.Time
	Returns    []Return
	// Reserved is the tokens of Used whose instants are still to come.
	Reserved int
	// Throttled: a throttle has reduced the rate, and it has not yet returned.
	Throttled bool
	// Blocks are those that stand, the quota's own (pool "") first.
	Blocks []Block
	// Taken is the tokens of the last minute, GaveUp those of them that were not
	// used in time, by reason.
	Taken  int
	GaveUp map[GiveUpReason]int
	// Held: workers keep the bucket's numbers at this moment; By is one of them.
	Held bool
	By   string
	// numbers are the text that workers compare, left what is left of their lease.
	numbers string
	left    time.Duration
}

// Block is a time during which a pool, or with pool "" everybody, gets no token.
type Block struct {
	Pool  string
	Until time.Time // on Redis's clock
	Why   string
}

// Return is calls that leave the 24 hours of the daily budget together.
type Return struct {
	At    time.Time
	Calls int
}

// Blocked returns what stands in the pool's way, if anything.
func (s State) Blocked(pool string) (Block, bool) {
	for _, b := range s.Blocks {
		if b.Pool == "" || b.Pool == pool {
			return b, true
		}
	}
	return Block{}, false
}

// AllowedTo is Allowed as the pool sees it: 0 while it is blocked.
func (s State) AllowedTo(pool string) float64 {
	if _, blocked := s.Blocked(pool); blocked {
		return 0
	}
	return s.Allowed
}

// Limiter is what limits a pool's calls, in a word. The words are API: metrics
// have them as label values.
type Limiter string

// The limiters. Redis and connection are [GiveUpReason]'s words.
const (
	LimitedByHold       Limiter = "hold"
	LimitedByBudget     Limiter = "budget"
	LimitedByRedis      Limiter = "redis"
	LimitedByConnection Limiter = "connection"
	LimitedByThrottled  Limiter = "throttled"
	LimitedByQuota      Limiter = "quota"
)

// Limiters returns every one, the one that decides first.
func Limiters() []Limiter {
	return []Limiter{LimitedByHold, LimitedByBudget, LimitedByRedis, LimitedByConnection, LimitedByThrottled, LimitedByQuota}
}

// Limiter says what limits the pool's calls, as far as the bucket knows.
func (s State) Limiter(pool string) Limiter {
	gaveUp := s.GaveUp[ByRedis] + s.GaveUp[ByConnection]
	_, blocked := s.Blocked(pool)
	switch {
	case blocked:
		return LimitedByHold
	case !s.BudgetBack.IsZero():
		return LimitedByBudget
	case 10*gaveUp > s.Taken && s.GaveUp[ByRedis] >= s.GaveUp[ByConnection]:
		return LimitedByRedis
	case 10*gaveUp > s.Taken:
		return LimitedByConnection
	case s.Throttled:
		return LimitedByThrottled
	}
	return LimitedByQuota
}

// LimitedBy is [State.Limiter] for people: it says which, why and until when.
func (s State) LimitedBy(pool string) string {
	switch by := s.Limiter(pool); by {
	case LimitedByHold:
		b, _ := s.Blocked(pool)
		return fmt.Sprintf("hold until %s (%s)", b.Until.UTC().Format(time.RFC3339), b.Why)
	case LimitedByBudget:
		return "budget until " + s.BudgetBack.UTC().Format(time.RFC3339)
	case LimitedByQuota:
		return "quota " + s.Quota
	default:
		return string(by)
	}
}

// State looks at the bucket.
func (b *Bucket) State(ctx context.Context) (State, error) {
	return Peek(ctx, b.rdb, b.quota.Name)
}

// Peek looks at a quota's bucket without being a worker.
func Peek(ctx context.Context, rdb redis.UniversalClient, quota string) (State, error) {
	v, err := redis.NewScript(curveLua+lookLua).Run(ctx, rdb, []string{Key(quota)}).Slice()
	if err != nil {
		return State{}, fmt.Errorf("the bucket of quota %s: %w", quota, err)
	}
	if len(v) != 2 {
		return State{}, unknown("look", v)
	}
	p := parser{script: "look"}
	now, fields := p.number(v[0]), p.list(v[1])
	h := map[string]string{}
	for ; len(fields) >= 2; fields = fields[2:] {
		h[p.text(fields[0])] = p.text(fields[1])
	}
	if p.err != nil {
		return State{}, p.err
	}
	return view(quota, now, h)
}

// hash is a bucket's fields, and the first that could not be read.
type hash struct {
	key    string // the bucket's
	fields map[string]string
	err    error
}

func (h *hash) number(field string) float64 {
	s, ok := h.fields[field]
	if !ok {
		return 0
	}
	f, err := strconv.ParseFloat(s, 64)
	h.check(err, field)
	return f
}

func (h *hash) check(err error, field string) {
	if err != nil && h.err == nil {
		h.err = fmt.Errorf("the bucket's field %s is damaged, and nothing is sent: %w; see what else writes to this Redis, then take the field out:  HDEL %s %s",
			field, err, h.key, field)
	}
}

func view(quota string, now int64, fields map[string]string) (State, error) {
	h := &hash{key: Key(quota), fields: fields}
	s := State{Quota: quota, Now: time.UnixMicro(now), By: fields["by"], GaveUp: map[GiveUpReason]int{}}
	_, numbers := parseNumbers(fields["numbers"])
	if limit, ok := numbers["limit"]; ok {
		var err error
		s.Limit, err = strconv.ParseFloat(limit, 64)
		h.check(err, "numbers")
	}
	s.Configured = h.number("rate")
	s.Burst, s.Daily = int(h.number("burst")), int(h.number("daily"))
	s.numbers, s.left = fields["numbers"], micros(max(0, int64(h.number("lease"))-now))
	s.Held = s.left > 0
	s.Allowed = curveAt(h, now)
	s.Throttled = s.Allowed < s.Configured && fields["why"] == "throttled"
	if ahead := h.number("tat") - float64(now); ahead > 0 && s.Configured > 0 {
		s.Reserved = int(math.Ceil(ahead/1e6*s.Configured)) - 1
	}
	s.readBlocks(h, now)
	s.readBudget(h, now)
	s.readMinute(h, now)
	return s, h.err
}

// The curve on which the rate returns, as curve.lua has it: seconds since it was
// lowered, and the calls a second that are left at the least.
const dip, hold, back, floor = 1, 6, 11, 0.5

// curveAt is the rate at a time, as curve.lua has it.
func curveAt(h *hash, now int64) float64 {
	rate, slowed, level := h.number("rate"), h.number("slowed"), h.number("level")
	s := max(0, float64(now)-slowed) / 1e6
	least := min(floor, rate)
	level = min(rate, max(least, level))
	switch {
	case slowed == 0 || s >= back:
		return rate
	case s < dip:
		return max(least, level/10)
	}
	return level + (rate-level)*math.Pow(max(0, s-hold)/(back-hold), 2)
}

func (s *State) readBlocks(h *hash, now int64) {
	for field, value := range h.fields {
		if field != "block" && !strings.HasPrefix(field, "block:") {
			continue
		}
		end, why, _ := strings.Cut(value, " ")
		until, err := strconv.ParseInt(end, 10, 64)
		h.check(err, field)
		if until <= now {
			continue
		}
		pool := strings.TrimPrefix(strings.TrimPrefix(field, "block"), ":")
		s.Blocks = append(s.Blocks, Block{pool, time.UnixMicro(until), why})
		if pool == "" {
			s.Allowed = 0
		}
	}
	slices.SortFunc(s.Blocks, func(a, b Block) int { return strings.Compare(a.Pool, b.Pool) })
}

const (
	slot  = 5 * time.Minute
	slots = 289
)

// readBudget adds up the slots that are within 24 h: the script does it only
// when it takes, so the sum that it keeps may be old.
func (s *State) readBudget(h *hash, now int64) {
	current, last := now/slot.Microseconds(), int64(h.number("day"))
	if ahead := last - current; ahead > 0 && ahead < slots {
		current = last // the clock went back: time stands still
	}
	for d := max(current, last) - slots + 1; d <= last; d++ {
		n := int(h.number("d:" + strconv.FormatInt(d%slots, 10)))
		if n > 0 {
			s.Returns = append(s.Returns, Return{time.UnixMicro((d + slots) * slot.Microseconds()), n})
		}
		s.Used += n
	}
	s.spend()
}

// readMinute reads what was counted in the last minute. A campaign that began
// ten seconds ago is measured over those ten. A field that cannot be read is left
// out: it limits nothing, and its second of the next minute overwrites it.
func (s *State) readMinute(h *hash, now int64) {
	oldest := now
	gaveUp := 0
	for field, value := range h.fields {
		if !strings.HasPrefix(field, "m:") {
			continue
		}
		var second, taken, byRedis, byConnection int64
		if n, err := fmt.Sscan(value, &second, &taken, &byRedis, &byConnection); err != nil || n != 4 {
			continue
		}
		if second*1e6 < now-60e6 || second*1e6 > now {
			continue
		}
		oldest = min(oldest, second*1e6)
		s.Taken += int(taken)
		s.GaveUp[ByRedis] += int(byRedis)
		s.GaveUp[ByConnection] += int(byConnection)
		gaveUp += int(byRedis + byConnection)
	}
	s.Measured = max(0, float64(s.Taken-gaveUp)) / max(1, float64(now-oldest)/1e6)
}
