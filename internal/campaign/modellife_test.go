package campaign

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"

	"pgregory.net/rapid"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// quiet drops what go-redis says of connections that a run's end cuts.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// loadUnderWay is a load that is taken step by step, while others begin.
type loadUnderWay struct {
	*loader
	file    int
	written bool
}

// files are what is loaded: two, of different lengths.
var files = [][]string{{"ann", "bob", "cyd", "dan", "eve"}, {"fay", "gil", "hal"}}

func rowsOf(file int) (rows []roster.Row) {
	for i, name := range files[file] {
		rows = append(rows, roster.Row{Line: int64(i) + 2, Request: reset.Request{Username: reset.Hide(name)}})
	}
	return rows
}

func (m *machine) draw(t *rapid.T) string { return rapid.SampledFrom(ids).Draw(t, "campaign") }

// loadsOn begins a load, or takes one further that is under way.
func (m *machine) loadsOn(t *rapid.T) {
	if len(m.loads) == 0 || rapid.IntRange(0, 2).Draw(t, "new load") == 0 {
		m.loadBegins(t, m.draw(t))
		return
	}
	l := rapid.SampledFrom(m.loads).Draw(t, "load")
	switch {
	case rapid.IntRange(0, 9).Draw(t, "dies") == 0:
		m.loads = slices.DeleteFunc(m.loads, func(o *loadUnderWay) bool { return o == l })
	case l.written:
		m.loadEnds(t, l)
	default:
		m.loadWrites(t, l)
	}
}

func (m *machine) loadBegins(t *rapid.T, id string) {
	spec := Spec{
		ID: id, Guard: GuardOff(),
		OnDoubt: OnDoubt(wordOf(rapid.Bool().Draw(t, "park"), Park, Resend)), OnLive: OnLive(wordOf(rapid.Bool().Draw(t, "skip"), Skip, Wait)),
	}
	l := &loadUnderWay{file: rapid.IntRange(0, len(files)-1).Draw(t, "file")}
	var err error
	if l.loader, err = m.newLoader(spec.withDefaults()); err != nil {
		t.Fatal(err)
	}
	before := m.model.camps[id]
	want := m.model.loadBegins(id, l.token)
	there, err := l.begin(m.t.Context())
	if err != nil || there != want {
		t.Fatalf("load %s: there %v, %v; the model says %v", id, there, err, want)
	}
	switch {
	case there:
		m.seen["load there"]++
		m.loadAgain(t, l)
		return
	case before != nil && before.deleting:
		m.seen["load over a deletion"]++
	case before != nil:
		m.seen["load over another"]++
	}
	m.seen["load begun"]++
	c := m.model.camps[id]
	c.park, c.skip = spec.OnDoubt == Park, spec.OnLive == Skip
	c.generation = m.rdb.HGet(m.t.Context(), m.keys.campaign(id), "generation").Val()
	m.loads = append(m.loads, l)
}

// loadAgain: the same file and rules change nothing, others are refused.
func (m *machine) loadAgain(t *rapid.T, l *loadUnderWay) {
	c := m.model.camps[l.spec.ID]
	same := c.file == l.file && c.park == (l.spec.OnDoubt == Park) && c.skip == (l.spec.OnLive == Skip)
	plan, err := l.compare(m.t.Context(), m.source(l.file))
	if same && (err != nil || !plan.Existed || plan.State != c.state) || !same && !errors.As(err, new(ErrOtherContent)) {
		t.Fatalf("load %s again: %+v, %v; the same %v", l.spec.ID, plan, err, same)
	}
}

func (m *machine) source(file int) source {
	return source{
		rows: func(yield func(roster.Row, error) bool) {
			for _, row := range rowsOf(file) {
				if !yield(row, nil) {
					return
				}
			}
		},
		stats: func() roster.Stats { return statsOf(file) },
	}
}

func statsOf(file int) roster.Stats {
	n := int64(len(files[file]))
	return roster.Stats{Rows: n, Users: n, Digest: [32]byte{byte(file) + 1}}
}

func (m *machine) loadWrites(t *rapid.T, l *loadUnderWay) {
	want := m.model.mayWrite(l.spec.ID, l.token)
	m.wantHold(t, l, l.write(m.t.Context(), 0, rowsOf(l.file)), want)
	l.written = want
}

func (m *machine) loadEnds(t *rapid.T, l *loadUnderWay) {
	id := l.spec.ID
	want, first := m.model.mayEnd(id, l.token), m.model.mayWrite(id, l.token)
	_, err := l.end(m.t.Context(), statsOf(l.file))
	m.wantHold(t, l, err, want)
	if !first {
		return
	}
	c := m.model.camps[id]
	c.state, c.file, c.rows = Draft, l.file, make([]Record, len(files[l.file]))
	draft, err := m.Campaign(m.t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	m.known = append(m.known, draft)
	var names []string
	for line, err := range m.Rows(m.t.Context(), draft, Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, line.Username.Reveal())
	}
	if !slices.Equal(names, files[l.file]) {
		t.Fatalf("%s has the users %v, and its load %v", id, names, files[l.file])
	}
}

// wantHold checks what a load was told about its hold on the campaign. One that
// lost it has ended.
func (m *machine) wantHold(t *rapid.T, l *loadUnderWay, err error, want bool) {
	if want && err != nil || !want && !errors.As(err, new(ErrStale)) {
		t.Fatalf("load %s: %v; the model says that it holds it: %v", l.spec.ID, err, want)
	}
	if !want {
		m.seen["load stale"]++
		m.loads = slices.DeleteFunc(m.loads, func(o *loadUnderWay) bool { return o == l })
	}
}

// kind is which refusal an error is.
func kind(err error) word {
	switch {
	case err == nil:
		return ""
	case errors.As(err, new(ErrUnknown)):
		return unknownWord
	case errors.As(err, new(ErrState)):
		return stateWord
	case errors.As(err, new(ErrConfirm)):
		return confirmWord
	}
	return word(err.Error())
}

func (m *machine) wantWord(t *rapid.T, verb string, err error, want word) {
	if m.seen[string(want)]++; want == "" {
		m.seen[verb]++
	}
	if got := kind(err); got != want {
		t.Fatalf("%s: %q (%v), the model says %q", verb, got, err, want)
	}
}

// number is what an operator confirms, now and then a wrong one.
func (m *machine) number(t *rapid.T, right int64) int64 {
	if rapid.IntRange(0, 4).Draw(t, "wrong") == 0 {
		return right + rapid.SampledFrom([]int64{-3, -1, 1, 2000}).Draw(t, "by")
	}
	return right
}

func (m *machine) operates(t *rapid.T) {
	id := m.draw(t)
	verb := rapid.SampledFrom([]string{"start", "start", "pause", "resume", "resume", "resume", "cancel"}).Draw(t, "verb")
	right := int64(0)
	if c := m.model.camps[id]; c != nil && verb == "start" {
		right = int64(len(c.rows))
	} else if c != nil {
		right = c.in(Planned, Waiting, InDoubt)
	}
	m.commands(t, id, verb, m.number(t, right))
}

func (m *machine) commands(t *rapid.T, id, verb string, confirm int64) {
	want := m.model.life(id, verb, confirm)
	var err error
	switch verb {
	case "start":
		err = m.Start(m.t.Context(), id, confirm)
	case "pause":
		_, err = m.Pause(m.t.Context(), id, "a test")
	case "resume":
		_, err = m.Resume(m.t.Context(), id)
	case "cancel":
		err = m.Cancel(m.t.Context(), id, confirm)
	}
	m.wantWord(t, verb, err, want)
}

// deletes removes a campaign, or dies when it has only begun to.
func (m *machine) deletes(t *rapid.T) {
	id := m.draw(t)
	right := int64(0)
	if c := m.model.camps[id]; c != nil {
		right = int64(len(c.rows))
	}
	confirm := m.number(t, right)
	want := m.model.deletionBegins(id, confirm)
	if rapid.Bool().Draw(t, "dies") {
		r, err := m.answer(m.t.Context(), 4, "delete_begin", []string{m.keys.campaign(id)}, rand.Text(), confirm, "")
		if err != nil || (r.text(0) == "begun") != (want == "") {
			t.Fatalf("delete %s: %s, %v; the model says %q", id, r.text(0), err, want)
		}
		return
	}
	m.wantWord(t, "delete", m.Delete(m.t.Context(), id, confirm), want)
	if want == "" {
		m.model.deleted(id)
	}
}

func (m *machine) replays(t *rapid.T) {
	id := m.draw(t)
	right := int64(0)
	if c := m.model.camps[id]; c != nil {
		right = c.in(Dead, Parked)
	}
	confirm := m.number(t, right)
	n, want := m.model.replay(id, confirm)
	moved, err := m.Replay(m.t.Context(), id, Filter{States: []State{Dead, Parked}}, confirm)
	m.wantWord(t, "replay", err, want)
	if moved != n {
		t.Fatalf("replayed %d of %s, the model says %d", moved, id, n)
	}
}
