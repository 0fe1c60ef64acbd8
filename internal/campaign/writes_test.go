package campaign

import (
	"maps"
	"testing"

	"github.com/rekeyhq/rekey/internal/redistest"
	"github.com/rekeyhq/rekey/internal/reset"
)

// everything is all that Redis holds.
func (l *ledger) everything() map[string]string {
	l.t.Helper()
	all := map[string]string{}
	for _, key := range l.rdb.Keys(l.t.Context(), "*").Val() {
		dump, err := l.rdb.Dump(l.t.Context(), key).Result()
		if err != nil {
			l.t.Fatal(err)
		}
		all[key] = dump
	}
	return all
}

// changes are the scripts that change a ledger, each with a row in the state
// that it needs.
var changes = map[string]func(*ledger) func() error{
	"begin": func(l *ledger) func() error {
		m := l.mark(0)
		return func() error { _, err := l.Begin(l.t.Context(), m); return err }
	},
	"begin again after a doubt": func(l *ledger) func() error {
		l.call(0, Verdict{Outcome: reset.Unanswered, Cause: reset.Timeout, State: InDoubt, AtLimit: Parked})
		l.rdb.Del(l.t.Context(), l.liveOf(l.mark(0).Username))
		m := l.mark(0)
		return func() error { _, err := l.Begin(l.t.Context(), m); return err }
	},
	"settle accepted":      settling(accepted()),
	"settle refused":       settling(refused()),
	"settle unanswered":    settling(unanswered()),
	"settle misconfigured": settling(misconfigured()),
	"lost": func(l *ledger) func() error {
		m := l.mark(0)
		l.want(m, AnswerGo)
		l.rdb.HSet(l.t.Context(), l.keys.calls(), member(m.Ref), m.Token+" 1")
		return func() error { _, err := l.lost(l.t.Context(), m.Ref); return err }
	},
	"bury": func(l *ledger) func() error {
		return func() error { return l.Bury(l.t.Context(), l.ref(0), reset.RosterDamaged, "sample") }
	},
	"replay": func(l *ledger) func() error {
		l.call(0, refused())
		return func() error { _, err := l.Replay(l.t.Context(), "c1", Filter{States: []State{Dead}}, 1); return err }
	},
	"resume": func(l *ledger) func() error {
		l.set("state", "halted")
		l.rdb.HSet(l.t.Context(), l.keys.halt(), "reason", "a", "at", "1")
		return func() error { _, err := l.Resume(l.t.Context(), "c1"); return err }
	},
}

func settling(v Verdict) func(*ledger) func() error {
	return func(l *ledger) func() error {
		m := l.mark(0)
		l.want(m, AnswerGo)
		return func() error { _, err := l.Settle(l.t.Context(), m, v); return err }
	}
}

// restore makes Redis hold what it held. Live keys stay for ever.
func (l *ledger) restore(all map[string]string) {
	l.t.Helper()
	l.rdb.FlushDB(l.t.Context())
	for key, dump := range all {
		if err := l.rdb.Restore(l.t.Context(), key, 0, dump).Err(); err != nil {
			l.t.Fatal(err)
		}
	}
}

// unlessItWrote runs a change that may fail, and reports whether it did. Then
// Redis must hold what it held before.
func (l *ledger) unlessItWrote(run func() error) (failed bool) {
	l.t.Helper()
	before := l.everything()
	err := run()
	if err != nil && !maps.Equal(l.everything(), before) {
		l.t.Errorf("it failed, and wrote something all the same: %v", err)
	}
	return err != nil
}

// A user who loses a right in mid-campaign: what a script's last command may not
// do its first one has not done.
func TestAScriptWritesAllOrNothingWhateverRightIsMissing(t *testing.T) {
	t.Parallel()
	rights := []string{"hset", "set", "hdel", "setrange", "hincrby", "setbit", "del", "pexpire", "zadd", "zrem", "incr",
		"get", "getrange", "hget", "hmget", "hexists", "zscore", "exists"}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := ledgerOn(t, redistest.Client(t, redistest.Real(t)), 1, "guard", 700)
			run := change(l)
			base, refused := l.everything(), 0
			for _, right := range rights {
				l.rdb.Do(t.Context(), "acl", "setuser", "default", "-"+right)
				if l.unlessItWrote(run) {
					refused++
				}
				l.rdb.Do(t.Context(), "acl", "setuser", "default", "+"+right)
				l.restore(base)
			}
			if refused < 3 {
				t.Errorf("it needs %d rights; the test is not what it says", refused)
			}
			if err := run(); err != nil {
				t.Errorf("with every right: %v", err)
			}
			l.recount()
		})
	}
}

// Another program overwrote a key.
func TestAScriptWritesAllOrNothingWhateverKeyIsOfAnotherType(t *testing.T) {
	t.Parallel()
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := ledgerOn(t, redistest.Client(t, redistest.Real(t)), 1, "guard", 700)
			run := change(l)
			base := l.everything()
			for _, key := range append(l.keys.row(l.ref(0)), l.keys.walk()) {
				l.rdb.Del(t.Context(), key)
				l.rdb.RPush(t.Context(), key, "of another program")
				l.unlessItWrote(run)
				l.restore(base)
			}
			if err := run(); err != nil {
				t.Errorf("with every key: %v", err)
			}
			l.recount()
		})
	}
}

// 060 is a number for Go and Lua, and none for HINCRBY; no word is one.
func TestACounterThatIsNoNumberKeepsNoRowFromItsCallAndIsWrittenAnew(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"03", "many", "3.0", "", "99999999999999999999"} {
		for _, name := range []string{"planned", "calling", "accepted", "dead"} {
			l := newLedger(t, 3)
			l.call(0, refused())
			if wrong == "03" {
				l.set(name, "0"+l.field(name))
			} else {
				l.set(name, wrong)
			}
			l.call(1, accepted())
			l.call(2, refused())
			if l.recount(); l.field("state") != "done" {
				t.Errorf("%s %q: the campaign is %s", name, wrong, l.field("state"))
			}
		}
	}
}

// calls was lost while a call was under way: the live key says whose it is.
func TestAnAnswerIsRecordedThoughItsEntryWasLost(t *testing.T) {
	t.Parallel()
	l := newTimedLedger(t, 2)
	m, other := l.mark(0), l.mark(0)
	l.want(m, AnswerGo)
	l.rdb.Del(t.Context(), l.keys.calls())
	if s := l.settle(other, accepted()); s.Recorded {
		t.Errorf("somebody else's answer was recorded: %+v", s)
	}
	if s := l.settle(m, accepted()); !s.Recorded || s.Record.State != Accepted {
		t.Errorf("%+v", s)
	}
	late := l.mark(1)
	l.want(late, AnswerGo)
	l.rdb.Del(t.Context(), l.keys.calls())
	if s := l.settle(late, unanswered()); !s.Recorded || s.Record.State != InDoubt {
		t.Errorf("%+v", s)
	}
	if s := l.settle(late, accepted()); !s.Recorded || s.Record.State != Accepted {
		t.Errorf("a late answer: %+v", s)
	}
	l.recount()
}
