package ratelimit

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/internal/redistest"
)

// model is the script's arithmetic once more: GCRA, the curve, what a throttle
// teaches, the clock.
type model struct{ rate, burst, tat, seen, slowed, level, sent float64 }

func (m *model) at(t float64) float64 {
	s, least := max(0, t-m.slowed)/1e6, min(0.5, m.rate)
	level := min(m.rate, max(least, m.level))
	switch {
	case m.slowed == 0 || s >= 11:
		return m.rate
	case s < 1:
		return max(least, level/10)
	case s < 6:
		return level
	}
	return level + (m.rate-level)*(s-6)*(s-6)/25
}

// step goes on at the level where it leaves the dip.
func (m *model) step(t float64) float64 {
	r, left := m.at(t), m.slowed+1e6-t
	if left <= 0 || left >= 1e6/r {
		return 1e6 / r
	}
	return left + (1e6-left*r)/m.at(m.slowed+1e6)
}

func (m *model) cut(now float64) {
	switch s := max(0, now-m.slowed) / 1e6; {
	case m.slowed == 0 || s >= 12:
		m.level = 0.65 * m.at(now)
	case s < 2:
		m.level /= 2
	default:
		m.level = 0.8 * min(m.at(now), m.sent/s)
	}
	m.slowed, m.sent, m.level = now, 0, max(min(0.5, m.rate), m.level)
}

func (m *model) take(now float64, n int) (instants []float64, ahead float64) {
	tat := m.tat - max(0, m.seen-now)
	if m.seen == 0 || tat-now > 2e6+(8+m.burst)*1e6/min(floor, m.rate) {
		tat = now
	}
	for len(instants) < n {
		from := max(now, tat)
		step, slack := m.step(from), 0.0
		if m.at(from) == m.rate {
			slack = (m.burst - 1) * step
		}
		at, limit := max(now, tat-slack), now+max(2e6, 8*step)
		if len(instants) == 0 && at > limit {
			return nil, now + at - limit
		}
		if len(instants) > 0 && at > now+50e3 {
			break
		}
		tat = max(tat, at) + step
		instants = append(instants, math.Floor(at+0.5))
	}
	m.tat, m.seen = math.RoundToEven(tat), now
	m.sent += float64(len(instants))
	return instants, 0
}

func near(a, b float64) bool { return math.Abs(a-b) <= 2 }

// take calls the script as the line does, for one pool.
func takeFor(t testing.TB, b *Bucket, pool string, n int) answer {
	t.Helper()
	q := question{n: n, pools: []string{pool}, counts: map[string]int{pool: n}}
	a, err := b.takeOrClaim(t.Context(), q)
	if err == nil && a.word == "other" {
		a, err = b.take(t.Context(), q)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func compare(t *rapid.T, m *model, a answer, n int) {
	want, ahead := m.take(float64(a.now), n)
	if a.word == "ahead" {
		if !near(ahead, float64(a.end)) {
			t.Fatalf("ahead until %d, the model says %.0f", a.end, ahead)
		}
		return
	}
	if a.word != "taken" || len(a.instants) != len(want) {
		t.Fatalf("%s: %v, the model says %.0f", a.word, a.instants, want)
	}
	for i, at := range a.instants {
		if !near(float64(at), want[i]) {
			t.Fatalf("token %d of %d is for %d, the model says %.0f", i, len(want), at, want[i])
		}
	}
}

func quotaFor(t *rapid.T) Quota {
	return Quota{
		Name:  "q",
		Limit: rapid.OneOf(rapid.Float64Range(0.1, 3), rapid.Float64Range(3, 4000)).Draw(t, "limit"), Share: 0.8, Echo: 0.4,
		Burst: rapid.IntRange(0, 20).Draw(t, "burst"),
	}
}

// On the server in memory the clock can be set: hours pass, and it goes back.
func TestTheScriptIsTheModelOnAnyClock(t *testing.T) {
	m := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer func() { _ = rdb.Close() }()
	rapid.Check(t, func(rt *rapid.T) {
		q := quotaFor(rt)
		b := New(rdb, q, Options{Worker: "w"})
		rdb.Del(t.Context(), b.key)
		mod := &model{rate: q.Rate(), burst: max(1, float64(q.Burst))}
		now := time.UnixMicro(1_790_000_000_000_000)
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.OneOf(rapid.Int64Range(0, 100), rapid.Int64Range(0, 200_000),
				rapid.Int64Range(0, 15_000_000),
				rapid.Int64Range(-5_000_000, 5_000_000), rapid.Int64Range(-4e9, 4e9)).Draw(rt, "µs")) * time.Microsecond)
			m.SetTime(now)
			step(t, rt, b, mod)
		}
	})
}

// On a redis-server it is Redis's own Lua that counts.
func TestTheScriptIsTheModelOnARealRedis(t *testing.T) {
	rdb := redistest.New(t)
	rapid.Check(t, func(rt *rapid.T) {
		q := quotaFor(rt)
		b := New(rdb, q, Options{Worker: "w"})
		rdb.Del(t.Context(), b.key)
		mod := &model{rate: q.Rate(), burst: max(1, float64(q.Burst))}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			step(t, rt, b, mod)
		}
	})
}

// step takes, and now and then throttles. The clock is the answer's.
func step(t *testing.T, rt *rapid.T, b *Bucket, mod *model) {
	n := rapid.IntRange(1, 40).Draw(rt, "n")
	a := takeFor(t, b, "p", n)
	compare(rt, mod, a, n)
	if rapid.IntRange(0, 5).Draw(rt, "throttle") > 0 {
		return
	}
	if _, err := b.Throttled(t.Context(), Token{taken: time.UnixMicro(a.now + 1e12)}); err != nil {
		rt.Fatal(err)
	}
	s, fields := look(t, b)
	cut, _ := strconv.ParseFloat(fields["cut"], 64)
	mod.cut(cut)
	if want := mod.at(float64(s.Now.UnixMicro())); math.Abs(s.Allowed-want) > 1e-6*want {
		rt.Fatalf("allowed is %v, the model says %v", s.Allowed, want)
	}
}

func look(t testing.TB, b *Bucket) (State, map[string]string) {
	t.Helper()
	s, err := b.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s, b.rdb.HGetAll(t.Context(), b.key).Val()
}

func TestAClockThatWentBackAnHourStopsNobody(t *testing.T) {
	m := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer func() { _ = rdb.Close() }()
	b := New(rdb, Quota{Name: "q", Limit: 10, Share: 1, Burst: 1}, Options{})
	now := time.UnixMicro(1_790_000_000_000_000)
	m.SetTime(now)
	for range 10 {
		takeFor(t, b, "p", 1)
	}
	if _, err := b.Throttled(t.Context(), Token{taken: now.Add(1)}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(-time.Hour)
	m.SetTime(now)
	if a := takeFor(t, b, "p", 1); a.word != "taken" || a.instants[0]-now.UnixMicro() > 1.2e6 {
		t.Errorf("%s %v, want a token for about a second ahead, as before", a.word, a.instants)
	}
	m.HSet(b.key, "tat", "1790009999000000") // hours ahead: nobody reserved that
	if a := takeFor(t, b, "p", 1); a.word != "taken" || a.instants[0] != now.UnixMicro() {
		t.Errorf("%s %v, want one for now, %d", a.word, a.instants, now.UnixMicro())
	}
	cut, err := b.Throttled(t.Context(), Token{taken: now})
	if err != nil || !cut {
		t.Errorf("a throttle after the clock went back: cut %v, %v", cut, err)
	}
}

func TestOtherNumbersThanAnAnswersWordsAreErrors(t *testing.T) {
	b, rdb := memory(t)
	b.scripts.take = redis.NewScript(`return {'maybe', '1', '2', {}, {}}`)
	if _, err := b.Wait(t.Context(), "p", false); !isAnswer(err) {
		t.Errorf("an unknown word: %v", err)
	}
	for _, lua := range []string{`return 1`, `return {'taken'}`, `return {'taken', 'x', '0', {}, {}}`, `return false`} {
		b.scripts.take = redis.NewScript(lua)
		if _, err := b.Wait(t.Context(), "p", false); !isAnswer(err) {
			t.Errorf("%s: %v", lua, err)
		}
	}
	b.scripts.change = redis.NewScript(`return {'perhaps', '0'}`)
	_, err := b.Throttled(t.Context(), Token{})
	for _, err := range []error{err, b.Block(t.Context(), "p", time.Second, "x"), b.Unblock(t.Context(), "p")} {
		if !isAnswer(err) {
			t.Errorf("an unknown word of change: %v", err)
		}
	}
	b.scripts.claim = redis.NewScript(`return {'mine', '', '', '0'}`)
	if err := b.Run(t.Context()); !isAnswer(err) {
		t.Errorf("an unknown word of claim: %v", err)
	}
	if n := rdb.Exists(t.Context(), b.key).Val(); n != 0 {
		t.Error("something was written all the same")
	}
}

func memory(t *testing.T) (*Bucket, *redis.Client) {
	s, err := embedredis.Start(t.Context(), embedredis.Options{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	rdb := redistest.Client(t, s)
	t.Cleanup(func() { _ = s.Close() })
	return New(rdb, Quota{Name: "q", Limit: 10, Share: 1, Burst: 1}, Options{}), rdb
}

// An answer that says "ask again now" would be asked again now, for ever.
func TestWhoIsAheadByLessThanAMicrosecondWaitsOne(t *testing.T) {
	m := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: m.Addr()})
	defer func() { _ = rdb.Close() }()
	b := New(rdb, Quota{Name: "q", Limit: 3, Share: 1, Burst: 1}, Options{})
	now := time.UnixMicro(1_790_000_000_000_000)
	m.SetTime(now)
	takeFor(t, b, "p", 1)
	m.HSet(b.key, "tat", strconv.FormatInt(now.UnixMicro()+2_666_667, 10)) // eight steps are a third less
	if a := takeFor(t, b, "p", 1); a.word != "ahead" || a.end-now.UnixMicro() != 1 {
		t.Errorf("%s, again in %d µs", a.word, a.end-now.UnixMicro())
	}
}
