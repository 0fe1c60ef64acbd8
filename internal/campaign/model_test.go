package campaign

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
)

// machine drives ledger and model side by side, and is the world around them:
// operators who load, start and cancel; feeders, some of them stale; workers
// that hold marks, some of which will never answer; and the users who may have
// got a code.
type machine struct {
	*ledger
	model   *model
	known   []Campaign // every draft there has been, deleted ones too
	loads   []*loadUnderWay
	feeders map[string]*feeder
	queue   []reset.Ref
	held    []Mark            // answered go; their workers may settle, or never
	past    []Mark            // settled, or given up: to be repeated
	codes   map[string][]code // by username
	seen    map[string]int    // how often each answer came, over all runs
}

// code may have been sent from its mark on, until a deadline later.
type code struct {
	token string
	mark  time.Time
	none  bool // the call's answer proves that there is none
}

// ids are few, so that one is loaded, deleted and loaded again.
var ids = []string{"c1", "c2"}

// newMachine has two campaigns, most of the time running. What else there is
// comes about.
func newMachine(t *rapid.T, outer testing.TB, seen map[string]int) *machine {
	rdb, clock := redistest.Memory(outer)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	clock.SetTime(now)
	s, err := Open(outer.Context(), rdb, Pool{Name: "prod", Hour: reset.Hour(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{
		ledger: &ledger{Store: s, t: t, rdb: rdb, clock: clock, now: now}, model: newModel(now, s.pool.Hour),
		feeders: map[string]*feeder{"a": {}, "b": {}}, codes: map[string][]code{}, seen: seen,
	}
	for i, id := range ids {
		m.loadBegins(t, id)
		m.loadWrites(t, m.loads[i])
		m.loadEnds(t, m.loads[i])
		m.commands(t, id, "start", m.number(t, int64(len(m.model.camps[id].rows))))
	}
	return m
}

func wordOf[T ~string](yes bool, a, b T) string {
	if yes {
		return string(a)
	}
	return string(b)
}

// markOf is a fresh mark. The rows share four users, within a campaign too, so
// that live codes of other rows are met often.
func (m *machine) markOf(ref reset.Ref) Mark {
	k := m.mark(ref.Row)
	k.Ref, k.Username = ref, reset.Hide(fmt.Sprintf("user%d", ref.Row%4))
	return k
}

// attempt is a row that is delivered, now and then too late. Most of the time it
// is of a campaign that is there.
func (m *machine) attempt(t *rapid.T) Mark {
	last := m.known[len(m.known)-1]
	c := rapid.OneOf(rapid.SampledFrom(m.known), rapid.Just(last)).Draw(t, "campaign")
	k := m.markOf(c.Ref(rapid.Int64Range(0, c.Total-1).Draw(t, "row")))
	if rapid.IntRange(0, 9).Draw(t, "late") == 0 {
		k.NotAfter = m.now.Add(-time.Second)
	}
	return k
}

// begins asks for a mark. With a ghost nobody hears the answer: it is a repeated
// command that was on its way for long.
func (m *machine) begins(t *rapid.T, k Mark, ghost bool) Answer {
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
	return b.Answer
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
	m.elapse(d + time.Duration(2*rapid.IntRange(0, 400).Draw(t, "ms")+1)*time.Millisecond)
}

func (m *machine) elapse(d time.Duration) {
	m.pass(d)
	m.model.now = m.now
}

func (m *machine) looks(t *rapid.T) {
	if want, got := m.model.look(), m.look(); got != want {
		t.Fatalf("the look found %d doubts, the model %d", got, want)
	}
}

// check compares everything: which campaigns there are and how they stand, all
// records, the counters with a recount, and later.
func (m *machine) check(t *rapid.T) {
	all, err := m.Campaigns(m.t.Context())
	if err != nil || len(all) != len(m.model.camps) {
		t.Fatalf("%d campaigns, %v; the model says %d", len(all), err, len(m.model.camps))
	}
	for _, c := range all {
		want := m.model.camps[c.ID]
		if c.State != want.state || c.Deleting != want.deleting {
			t.Fatalf("%s is %s, deleting %v; the model says %s, %v", c.ID, c.State, c.Deleting, want.state, want.deleting)
		}
		if c.State != Loading {
			m.checkRows(t, c, want)
		}
	}
	m.checkAllLater(t)
}

func (m *machine) checkRows(t *rapid.T, c Campaign, want *modelCampaign) {
	if c.Total != int64(len(want.rows)) || c.Cursor != want.cursor || c.Counts.Sum() != c.Total {
		t.Fatalf("%s: total %d, cursor %d, %+v; the model says %d, %d", c.ID, c.Total, c.Cursor, c.Counts, len(want.rows), want.cursor)
	}
	for row, want := range want.rows {
		got, err := m.Record(m.t.Context(), c.Ref(int64(row)))
		if err != nil || got != want {
			t.Fatalf("%s is %+v, %v; the model says %+v", c.Ref(int64(row)), got, err, want)
		}
	}
	m.recount(c)
}

func (m *machine) checkAllLater(t *rapid.T) {
	have := map[string]int64{}
	for _, z := range m.rdb.ZRangeWithScores(m.t.Context(), m.keys.later(), 0, -1).Val() {
		have[z.Member.(string)] = int64(z.Score)
	}
	if !maps.Equal(have, m.model.later) {
		t.Fatalf("later holds %v, the model says %v", have, m.model.later)
	}
}

func TestTheLedgerIsItsModel(t *testing.T) {
	t.Parallel()
	redis.SetLogger(quiet{})
	seen := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		m := newMachine(rt, t, seen)
		for range 2 {
			rt.Repeat(m.actions())
		}
		m.drain(rt)
	})
	wanted := []string{
		"load there", "load stale", "load begun", "load over another", "load over a deletion",
		"start", "pause", "resume", "cancel", "delete", "replay", "unknown", "state", "confirm",
		"lease true", "lease false", "advance true", "advance false", "advance by a stale feeder",
		"walk planned", "walk due", "later due", "drained",
	}
	for a := range answers {
		wanted = append(wanted, "begin "+string(a))
	}
	for _, w := range wanted { // with -short there are too few runs
		if !testing.Short() && seen[w] == 0 {
			t.Errorf("no run came to %q: the test is weaker than it looks", w)
		}
	}
	t.Log(seen)
}

func (m *machine) actions() map[string]func(*rapid.T) {
	begin := func(t *rapid.T) { m.begins(t, m.attempt(t), false) }
	return map[string]func(*rapid.T){
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
		"look": m.looks, "ask": m.asks, "load": m.loadsOn, "load on": m.loadsOn, "load more": m.loadsOn, "command": m.operates, "delete": m.deletes, "delete more": m.deletes, "replay": m.replays,
		"lease": m.leases, "feed": m.feeds, "feed on": m.feeds, "feed more": m.feeds, "deliver": m.delivers, "walk": m.walks, "later": m.feedsLater, "": m.check,
	}
}
