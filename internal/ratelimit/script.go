package ratelimit

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/curve.lua
var curveLua string

//go:embed lua/take.lua
var takeLua string

//go:embed lua/change.lua
var changeLua string

//go:embed lua/claim.lua
var claimLua string

//go:embed lua/look.lua
var lookLua string

type scripts struct{ take, change, claim *redis.Script }

func newScripts() scripts {
	return scripts{
		take:   redis.NewScript(curveLua + takeLua),
		change: redis.NewScript(curveLua + changeLua),
		claim:  redis.NewScript(curveLua + claimLua),
	}
}

// ErrAnswer says that a script answered what this version does not know. It is
// never taken for one of the answers that it knows.
var ErrAnswer = errors.New("an unknown answer of a script; all of rekey's programs must be of one version")

func unknown(script string, answer any) error {
	return fmt.Errorf("%w: %s: %.200v", ErrAnswer, script, answer)
}

// run runs a script on the bucket and returns its answer, which is an array of
// size items. Whatever else Redis says is an error of Redis's.
func (b *Bucket) run(ctx context.Context, s *redis.Script, size int, args ...any) ([]any, error) {
	v, err := s.Run(ctx, b.rdb, []string{b.key}, args...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, unknown(b.key, "nil")
	}
	if err != nil {
		return nil, fmt.Errorf("the bucket of quota %s: %w", b.quota.Name, err)
	}
	a, ok := v.([]any)
	if !ok || len(a) != size {
		return nil, unknown(b.key, v)
	}
	return a, nil
}

// question is what the line asks take.lua.
type question struct {
	n      int
	pools  []string
	counts map[string]int
	gaveUp [2]int
}

// answer is take.lua's and change.lua's.
type answer struct {
	word     string
	now, end int64 // µs on Redis's clock
	instants []int64
	blocks   map[string]int64
}

func (b *Bucket) take(ctx context.Context, q question) (answer, error) {
	args := []any{b.quota.numbers(), q.gaveUp[ByRedis], q.gaveUp[ByConnection], q.n}
	for _, p := range q.pools {
		args = append(args, p, q.counts[p])
	}
	v, err := b.run(ctx, b.scripts.take, 5, args...)
	if err != nil {
		return answer{}, err
	}
	p := parser{script: "take"}
	a := answer{word: p.text(v[0]), now: p.number(v[1]), end: p.number(v[2])}
	for _, x := range p.list(v[3]) {
		a.instants = append(a.instants, p.number(x))
	}
	a.blocks = map[string]int64{}
	for l := p.list(v[4]); len(l) >= 2; l = l[2:] {
		a.blocks[p.text(l[0])] = p.number(l[1])
	}
	return a, p.err
}

func (b *Bucket) change(ctx context.Context, args ...any) (answer, error) {
	v, err := b.run(ctx, b.scripts.change, 2, args...)
	if err != nil {
		return answer{}, err
	}
	p := parser{script: "change"}
	return answer{word: p.text(v[0]), end: p.number(v[1])}, p.err
}

// parser reads an answer's items, and keeps the first that is not what it should be.
type parser struct {
	script string
	err    error
}

func (p *parser) text(v any) string {
	s, ok := v.(string)
	p.check(ok, v)
	return s
}

func (p *parser) number(v any) int64 {
	n, err := strconv.ParseInt(p.text(v), 10, 64)
	p.check(err == nil, v)
	return n
}

func (p *parser) list(v any) []any {
	l, ok := v.([]any)
	p.check(ok, v)
	return l
}

func (p *parser) check(ok bool, v any) {
	if !ok && p.err == nil {
		p.err = unknown(p.script, v)
	}
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
