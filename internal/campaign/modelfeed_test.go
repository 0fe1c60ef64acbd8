package campaign

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/rekeyhq/rekey/internal/reset"
)

// feeder is one that has looked and not fed yet: meanwhile another may take
// over, and the campaign be another one.
type feeder struct {
	holds  bool // it believes
	looked bool
	camp   Campaign
	rows   []int64
	next   int64
	due    []reset.Ref
}

func (m *machine) someFeeder(t *rapid.T) (string, *feeder) {
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(m.feeders))).Draw(t, "feeder")
	return name, m.feeders[name]
}

func (m *machine) leases(t *rapid.T) {
	name, f := m.someFeeder(t)
	want := m.model.leases(name)
	got, err := m.Lease(m.t.Context(), name)
	if err != nil || got != want {
		t.Fatalf("lease of %s: %v, %v; the model says %v", name, got, err, want)
	}
	m.seen["lease "+wordOf(got, "true", "false")]++
	f.holds = got
}

// feeds is a feeder's look ahead, or what it does after it.
func (m *machine) feeds(t *rapid.T) {
	name, f := m.someFeeder(t)
	switch {
	case !f.holds:
		t.Skip("it has no lease")
	case f.looked:
		m.feedsRows(t, name, f)
	default:
		m.looksAhead(t, f, m.draw(t), rapid.IntRange(1, 4).Draw(t, "n"))
	}
}

func (m *machine) looksAhead(t *rapid.T, f *feeder, id string, n int) {
	want := m.model.camps[id]
	if want == nil || want.state != Running {
		return
	}
	c, err := m.Campaign(m.t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	rows, next, err := m.Ahead(m.t.Context(), c, n)
	wantRows, wantNext := want.ahead(n)
	if err != nil || next != wantNext || !slices.Equal(rows, wantRows) {
		t.Fatalf("ahead of %s: %v, next %d, %v; the model says %v, %d", id, rows, next, err, wantRows, wantNext)
	}
	f.looked, f.camp, f.rows, f.next = true, c, rows, next
}

// feedsRows enqueues and then moves the cursor, in that order. Now and then it
// does not hear the answer, and does all of it once more, much later perhaps.
func (m *machine) feedsRows(t *rapid.T, name string, f *feeder) {
	f.looked = rapid.IntRange(0, 3).Draw(t, "unheard") == 0
	for _, row := range f.rows {
		m.enqueue(f.camp.Ref(row))
	}
	want := m.model.advance(f.camp, f.next)
	got, err := m.Advance(m.t.Context(), f.camp, f.camp.Cursor, f.next)
	if err != nil || got != want {
		t.Fatalf("advance %s from %d to %d: %v, %v; the model says %v", f.camp.ID, f.camp.Cursor, f.next, got, err, want)
	}
	m.seen["advance "+wordOf(got, "true", "false")]++
	if m.model.lease.holder != name {
		m.seen["advance by a stale feeder"]++
	}
}

func (m *machine) enqueue(refs ...reset.Ref) {
	for _, ref := range refs {
		if !slices.Contains(m.queue, ref) {
			m.queue = append(m.queue, ref)
		}
	}
}

// feedsLater takes what is due out of later: it looks, enqueues, and only then
// says that it has; time may pass between.
func (m *machine) feedsLater(t *rapid.T) {
	_, f := m.someFeeder(t)
	if len(f.due) == 0 {
		m.looksLater(t, f, rapid.IntRange(1, 5).Draw(t, "limit"))
		return
	}
	m.enqueue(f.due...)
	for _, ref := range f.due {
		m.model.fed(member(ref))
	}
	if err := m.Fed(m.t.Context(), f.due...); err != nil {
		t.Fatal(err)
	}
	f.due = nil
}

func (m *machine) looksLater(t *rapid.T, f *feeder, limit int) {
	refs, err := m.Later(m.t.Context(), limit)
	var have []string
	for _, ref := range refs {
		have = append(have, member(ref))
	}
	if want := m.model.due(limit); err != nil || !slices.Equal(have, want) {
		t.Fatalf("due are %v, %v; the model says %v", have, err, want)
	}
	if len(refs) > 0 {
		m.seen["later due"]++
	}
	f.due = refs
}

// walks is the safety net. What it finds is enqueued once more.
func (m *machine) walks(t *rapid.T) {
	id := m.draw(t)
	if want := m.model.camps[id]; want == nil || want.state != Running {
		t.Skip("it does not run")
	}
	m.walksOver(t, id)
}

func (m *machine) walksOver(t *rapid.T, id string) {
	c, err := m.Campaign(m.t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	planned, due := m.model.behind(c)
	w, err := m.Behind(m.t.Context(), c, 0)
	if err != nil || !slices.Equal(w.Rows, append(planned, due...)) {
		t.Fatalf("behind the cursor %d of %s: %v, %v; the model says %v and %v", c.Cursor, id, w.Rows, err, planned, due)
	}
	for what, rows := range map[string][]int64{"planned": planned, "due": due} {
		if len(rows) > 0 {
			m.seen["walk "+what]++
		}
	}
	for _, row := range w.Rows {
		m.enqueue(c.Ref(row))
	}
}

// delivers is the queue, which may deliver twice, and may forget.
func (m *machine) delivers(t *rapid.T) {
	if len(m.queue) == 0 {
		t.Skip("nothing is queued")
	}
	i := rapid.IntRange(0, len(m.queue)-1).Draw(t, "task")
	ref := m.queue[i]
	switch rapid.SampledFrom([]string{"", "", "", "again", "forgets"}).Draw(t, "queue") {
	case "forgets":
		m.queue = slices.Delete(m.queue, i, i+1)
		return
	case "":
		m.queue = slices.Delete(m.queue, i, i+1)
	}
	m.begins(t, m.markOf(ref), false)
}

// drain is the promise that no row is forgotten, from wherever the run has come
// to: every worker dies, the queue is emptied, and a feeder that knows of nothing
// takes over. Campaigns that run end, however little time each round has.
func (m *machine) drain(t *rapid.T) {
	m.held, m.queue, m.feeders = nil, nil, map[string]*feeder{"c": {}}
	for range 12 {
		m.elapse(66*time.Minute + time.Millisecond)
		m.looks(t)
		m.leases(t)
		for _, id := range ids {
			if c := m.model.camps[id]; c != nil && c.state == Paused {
				m.commands(t, id, "resume", 0)
			}
			m.feedsAll(t, id)
		}
		m.serves(t)
		m.check(t)
	}
	for id, c := range m.model.camps {
		if c.state == Running {
			t.Fatalf("%s still runs after half a day: %+v", id, c.rows)
		}
	}
	m.seen["drained"]++
}

// feedsAll is a round of a feeder: later, then what is ahead, then the walk.
func (m *machine) feedsAll(t *rapid.T, id string) {
	f := m.feeders["c"]
	for range 2 { // it looks, and then it feeds
		m.feedsLater(t)
	}
	c := m.model.camps[id]
	if c == nil || c.state != Running {
		return
	}
	m.looksAhead(t, f, id, 10)
	m.feedsRows(t, "c", f)
	m.walksOver(t, id)
}

// serves calls everybody who is queued, and all of them are accepted.
func (m *machine) serves(t *rapid.T) {
	for _, ref := range m.queue {
		if k := m.markOf(ref); m.begins(t, k, false) == AnswerGo {
			m.settles(t, k, accepted())
		}
	}
	m.held, m.queue = nil, nil
}
