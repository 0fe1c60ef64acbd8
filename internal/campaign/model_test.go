package campaign

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
)

// machine drives ledger and model side by side, and is the world around them:
// workers that hold marks, some of which will never answer, and the users who
// may have got a code.
type machine struct {
	*ledger
	model *model
	camps map[string]Campaign
	held  []Mark            // answered go; their workers may settle, or never
	past  []Mark            // settled, or given up: to be repeated
	codes map[string][]code // by username
	seen  map[string]int    // how often each answer came, over all runs
}

// code may have been sent from its mark on, until a deadline later.
type code struct {
	token string
	mark  time.Time
	none  bool // the call's answer proves that there is none
}

const modelRows = 5

func newMachine(t *rapid.T, outer testing.TB, seen map[string]int) *machine {
	rdb, clock := redistest.Memory(outer)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	clock.SetTime(now)
	l := ledgerOn(outer, rdb, modelRows)
	l.clock, l.now, l.t = clock, now, t
	m := &machine{ledger: l, camps: map[string]Campaign{}, codes: map[string][]code{}, seen: seen,
		model: &model{now: now, hour: l.pool.Hour, camps: map[string]*modelCampaign{}, calls: map[string]modelCall{},
			doubts: map[string]modelCall{}, live: map[string]modelLive{}}}
	for _, id := range []string{"c1", "c2"} {
		c := &modelCampaign{park: rapid.Bool().Draw(t, "park"), skip: rapid.Bool().Draw(t, "skip"), rows: make([]Record, modelRows)}
		m.camps[id] = m.add(id, modelRows, "on_doubt", word(c.park, Park, Resend), "on_live", word(c.skip, Skip, Wait))
		m.model.camps[id] = c
	}
	return m
}

func word[T ~string](yes bool, a, b T) string {
	if yes {
		return string(a)
	}
	return string(b)
}

// markOf is a fresh mark. Ten rows share four users, within a campaign too, so
// that live codes of other rows are met often.
func (m *machine) markOf(ref reset.Ref) Mark {
	k := m.mark(ref.Row)
	k.Ref, k.Username = ref, reset.Hide(fmt.Sprintf("user%d", ref.Row%4))
	return k
}

// attempt is a row that is delivered, now and then too late.
func (m *machine) attempt(t *rapid.T) Mark {
	c := m.camps[rapid.SampledFrom([]string{"c1", "c2"}).Draw(t, "campaign")]
	k := m.markOf(c.Ref(rapid.Int64Range(0, modelRows-1).Draw(t, "row")))
	if rapid.IntRange(0, 9).Draw(t, "late") == 0 {
		k.NotAfter = m.now.Add(-time.Second)
	}
	return k
}

// begins asks for a mark. With a ghost nobody hears the answer: it is a repeated
// command that was on its way for long.
func (m *machine) begins(t *rapid.T, k Mark, ghost bool) {
	want := m.model.begin(k)
	b := m.begin(k)
	m.seen["begin "+string(b.Answer)]++
	if b.Answer != want {
		t.Fatalf("begin %s = %s, the model says %s", k.Ref, b.Answer, want)
	}
	repeated := slices.ContainsFunc(m.held, func(h Mark) bool { return h.Token == k.Token })
	if b.Answer == AnswerGo && !repeated && !ghost {
		m.goesOut(t, k)
		m.held = append(m.held, k)
	}
}

// asks is a worker that does not want to stand in line in vain.
func (m *machine) asks(t *rapid.T) {
	k := m.attempt(t)
	k.Token = ""
	want := m.model.begin(k)
	b, err := m.Hold(m.t.Context(), k.Ref, k.Username)
	if err != nil || b.Answer != want {
		t.Fatalf("hold %s = %s, %v; the model says %s", k.Ref, b.Answer, err, want)
	}
	m.seen["begin "+string(b.Answer)]++
}

// goesOut is the promise: no code of the user can be alive now.
func (m *machine) goesOut(t *rapid.T, k Mark) {
	user := k.Username.Reveal()
	for _, c := range m.codes[user] {
		if ends := c.mark.Add(m.pool.Hour.Deadline() + time.Hour); !c.none && m.now.Before(ends) {
			t.Fatalf("%s is called for %s at %v: a code of %v may be alive", k.Ref, user, m.now, c.mark)
		}
	}
	m.codes[user] = append(m.codes[user], code{token: k.Token, mark: m.now})
}

func (m *machine) settles(t *rapid.T, k Mark, v Verdict) {
	want := m.model.settle(k, v)
	s := m.settle(k, v)
	m.seen[fmt.Sprintf("settle %v", s.Recorded)]++
	if s.Recorded != want {
		t.Fatalf("settle %s with %s: recorded %v, the model says %v", k.Ref, v.Outcome, s.Recorded, want)
	}
}

// answers is a worker that hears from Cognito, on time or much too late.
func (m *machine) answers(t *rapid.T) {
	if len(m.held) == 0 {
		t.Skip("no call in flight")
	}
	i := rapid.IntRange(0, len(m.held)-1).Draw(t, "mark")
	k := m.held[i]
	v := rapid.SampledFrom([]Verdict{accepted(), refused(), userLimited(), throttled(), unanswered(), notSent()}).Draw(t, "verdict")
	m.held = slices.Delete(m.held, i, i+1)
	m.past = append(m.past, k)
	m.settles(t, k, v)
	for user, codes := range m.codes {
		for j := range codes {
			if codes[j].token == k.Token {
				m.codes[user][j].none = v.Outcome != reset.Accepted && v.Outcome != reset.Unanswered
			}
		}
	}
	if rapid.Bool().Draw(t, "repeat") {
		m.settles(t, k, v)
	}
}

// comesBack is a row whose task is delivered again while its call is in flight,
// or long after its worker died.
func (m *machine) comesBack(t *rapid.T) {
	if len(m.model.calls) == 0 {
		t.Skip("no call in flight")
	}
	keys := slices.Sorted(maps.Keys(m.model.calls))
	ref, err := parseMember(rapid.SampledFrom(keys).Draw(t, "row"))
	if err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(t, "old") {
		m.passes(t)
	}
	m.begins(t, m.markOf(ref), false)
}

// dies is a worker that is killed: nobody will settle its mark.
func (m *machine) dies(t *rapid.T) {
	if len(m.held) == 0 {
		t.Skip("no call in flight")
	}
	m.held = m.held[1:]
}

func (m *machine) passes(t *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Second, 30 * time.Second, time.Minute, 20 * time.Minute, time.Hour, 66 * time.Minute, 25 * time.Hour}).Draw(t, "time")
	m.pass(d + time.Duration(2*rapid.IntRange(0, 400).Draw(t, "ms")+1)*time.Millisecond)
	m.model.now = m.now
}

func (m *machine) pauses(t *rapid.T) {
	id := rapid.SampledFrom([]string{"c1", "c2"}).Draw(t, "campaign")
	key := m.keys.campaign(id)
	c := m.model.camps[id]
	if m.rdb.HGet(t.Context(), key, "state").Val() == "done" {
		t.Skip("done")
	}
	// Most of the time both run.
	c.paused = !c.paused && rapid.IntRange(0, 2).Draw(t, "pause") == 0
	m.rdb.HSet(t.Context(), key, "state", word(c.paused, Paused, Running))
}

func (m *machine) replays(t *rapid.T) {
	id := rapid.SampledFrom([]string{"c1", "c2"}).Draw(t, "campaign")
	n := m.model.replay(id)
	if n == 0 {
		t.Skip("no dead letters")
	}
	if moved, err := m.Replay(t.Context(), id, Filter{States: []State{Dead, Parked}}, n); err != nil || moved != n {
		t.Fatalf("replayed %d, %v; want %d", moved, err, n)
	}
}

func (m *machine) looks(t *rapid.T) {
	if want, got := m.model.look(), m.look(); got != want {
		t.Fatalf("the look found %d doubts, the model %d", got, want)
	}
}

// check compares all records, the counters with a recount, and the states.
func (m *machine) check(t *rapid.T) {
	for id, camp := range m.camps {
		c := m.model.camps[id]
		final := true
		for row, want := range c.rows {
			ref := reset.Ref{Campaign: id, Generation: camp.Generation, Row: int64(row)}
			got, err := m.Record(t.Context(), ref)
			if err != nil || got != want {
				t.Fatalf("%s is %+v, %v; the model says %+v", ref, got, err, want)
			}
			final = final && want.State.Final()
		}
		state := Status(m.rdb.HGet(t.Context(), m.keys.campaign(id), "state").Val())
		if final {
			c.paused = false
		}
		if want := map[bool]Status{true: Done, false: Status(word(c.paused, Paused, Running))}[final]; state != want {
			t.Fatalf("%s is %s, want %s", id, state, want)
		}
		m.recount(camp)
	}
}

func TestTheLedgerIsItsModel(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		m := newMachine(rt, t, seen)
		begin := func(t *rapid.T) { m.begins(t, m.attempt(t), false) }
		rt.Repeat(map[string]func(*rapid.T){
			"begin": begin, "begin again": begin, "begin more": begin,
			"repeat": func(t *rapid.T) {
				if len(m.held) > 0 {
					m.begins(t, rapid.SampledFrom(m.held).Draw(t, "mark"), false)
				}
			},
			"ghost": func(t *rapid.T) {
				if len(m.past) > 0 {
					m.begins(t, rapid.SampledFrom(m.past).Draw(t, "mark"), true)
				}
			},
			"answer": m.answers, "another answer": m.answers, "come back": m.comesBack, "die": m.dies, "pass": m.passes, "pass more": m.passes,
			"look": m.looks, "ask": m.asks, "pause": m.pauses, "replay": m.replays, "": m.check,
		})
	})
	for a := range answers { // with -short there are too few runs
		if !testing.Short() && a != AnswerGone && seen["begin "+string(a)] == 0 {
			t.Errorf("no run came to the answer %s: the test is weaker than it looks", a)
		}
	}
	t.Log(seen)
}
