package campaign

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

func TestTheReportEqualsTheLedger(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 20*roster.ChunkRows+5) // more than is read at once
	verdicts := []func() Verdict{accepted, refused, undeliverable, parked, unanswered, throttled, userLimited}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		row := rng.Int64N(r.camp.Total)
		if m := r.mark(row); r.begin(m).Answer == AnswerGo {
			r.settle(m, verdicts[rng.IntN(len(verdicts))]())
		}
	}
	counts := map[State]int64{}
	next := int64(0)
	for line, err := range l.Rows(t.Context(), l.campaign("c"), Filter{}) {
		l.ok(err)
		if line.Ref.Row != next || line.Line != next+2 || line.Username.Reveal() != nameOf(int(next)) {
			t.Fatalf("line %d is of %s, line %d of the file", next, line.Ref, line.Line)
		}
		if line.State != Planned || next%997 == 0 {
			if rec := r.record(next); rec != line.Record {
				t.Fatalf("row %d: report %+v, ledger %+v", next, line.Record, rec)
			}
		}
		counts[line.State]++
		next++
	}
	c := l.campaign("c")
	for s := Planned; s <= Skipped; s++ {
		if counts[s] != c.Counts.Of(s) {
			t.Errorf("%d rows are reported as %s, the counter says %d", counts[s], stateFields[s], c.Counts.Of(s))
		}
	}
	f, err := ParseFilter("dead", "CodeDeliveryFailure")
	l.ok(err)
	if n := int64(len(l.report("c", f))); n != c.Causes[Dead][reset.CodeDeliveryFailureSESQuota] || n == 0 {
		t.Errorf("%d rows are reported, causes are %v", n, c.Causes)
	}
	f, err = ParseFilter("in_doubt", "")
	l.ok(err)
	if n := int64(len(l.report("c", f))); n != c.Counts.InDoubt+c.Counts.Parked {
		t.Errorf("%d doubts are reported, counts are %+v", n, c.Counts)
	}
}

func TestADamagedChunkNamesItselfAndLosesNoOtherRow(t *testing.T) {
	for name, damage := range map[string]func(l *life, key string){
		"other bytes": func(l *life, key string) { l.rdb.SetRange(t.Context(), key, 40, "damage") },
		"missing":     func(l *life, key string) { l.rdb.Del(t.Context(), key) },
		"another type": func(l *life, key string) {
			l.rdb.Del(t.Context(), key)
			l.rdb.HSet(t.Context(), key, "a", "b")
		},
		"shorter": func(l *life, key string) {
			packed, _ := roster.Pack([]roster.Row{{Line: 1, Request: single("x@example.com")}})
			l.rdb.Set(t.Context(), key, packed, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t)
			c := l.draft("c", 3000)
			key := l.keys.roster("c", 1)
			damage(l, key)
			var damaged []error
			var lines []Line
			for line, err := range l.Rows(t.Context(), c, Filter{}) {
				if err != nil {
					damaged = append(damaged, err)
					continue
				}
				lines = append(lines, line)
			}
			if len(damaged) != 1 || len(lines) != 3000 {
				t.Fatalf("%d errors, %d lines", len(damaged), len(lines))
			}
			if e := wantErr[ErrDamaged](t, damaged[0]); e.Key != key || e.First != 1024 || e.Last != 2047 {
				t.Errorf("error is %v", e)
			}
			want := slices.Concat(namesFrom(0, 1024), make([]string, 1024), namesFrom(2048, 3000))
			if !slices.Equal(names(lines), want) {
				t.Error("other rows were lost")
			}
			_, err := l.Request(t.Context(), c.Ref(1500))
			if e := wantErr[ErrDamaged](t, err); e.Key != key {
				t.Errorf("error is %v", e)
			}
			if row, err := l.Request(t.Context(), c.Ref(2500)); err != nil || row.Request.Username.Reveal() != nameOf(2500) {
				t.Errorf("a row beside it: %v", err)
			}
			found, err := l.Find(t.Context(), "c", reset.Hide(nameOf(2500)))
			wantErr[ErrDamaged](t, err)
			if len(found.Lines) != 1 {
				t.Errorf("found %d rows, want the one beside it", len(found.Lines))
			}
		})
	}
}

func TestFindComparesAsThePoolDoesAndLooksEverywhere(t *testing.T) {
	l := newLife(t)
	a := l.running("a", 2000)
	a.call(1500, refused())
	l.draft("b", 10)
	l.append("USER001500@example.com", "")
	found, err := l.Find(t.Context(), "", reset.Hide("user001500@EXAMPLE.COM"))
	l.ok(err)
	if len(found.Lines) != 2 {
		t.Fatalf("found %d rows, want 2", len(found.Lines))
	}
	for _, line := range found.Lines {
		if line.Ref.Campaign == "a" && (line.Ref.Row != 1500 || line.Cause != reset.UserNotFound || line.Line != 1502) {
			t.Errorf("line = %+v", line)
		}
	}
	if found, err = l.Find(t.Context(), "b", reset.Hide(nameOf(1500))); len(found.Lines) != 0 || err != nil {
		t.Errorf("found %d in another campaign, %v", len(found.Lines), err)
	}
	_, err = l.Find(t.Context(), "nowhere", reset.Hide("x"))
	wantErr[ErrUnknown](t, err)

	exact := &life{Store: l.Store, t: t, rdb: l.rdb}
	exact.Store, err = Open(t.Context(), l.rdb, Pool{Name: "prod", Hour: l.pool.Hour, CaseSensitive: true})
	l.ok(err)
	if found, _ = exact.Find(t.Context(), "a", reset.Hide("user001500@EXAMPLE.COM")); len(found.Lines) != 0 {
		t.Error("a pool that tells cases apart was searched without")
	}
}

func TestRequestsAreThoseOfTheFile(t *testing.T) {
	l := newLife(t)
	c := l.draft("c", 3000)
	together(8, func(int) {
		for row := int64(0); row < 3000; row += 13 {
			got, err := l.Request(t.Context(), c.Ref(row))
			if err != nil || got.Line != row+2 || got.Request.Username.Reveal() != nameOf(int(row)) {
				t.Errorf("row %d: line %d, %v", row, got.Line, err)
			}
		}
	})
	_, err := l.Request(t.Context(), c.Ref(3000))
	wantErr[ErrDamaged](t, err)
	old := c
	l.ok(l.Delete(t.Context(), "c", 3000))
	c = l.draft("c", 10)
	got, err := l.Request(t.Context(), c.Ref(5))
	if err != nil || got.Request.Username.Reveal() != nameOf(5) {
		t.Errorf("after a load anew: %v", err)
	}
	l.parts.cache = chunkCache{}
	_, err = l.Request(t.Context(), old.Ref(5))
	wantErr[ErrUnknown](t, err)
}

func TestTheCacheIsSmallAndKeepsWhatIsUsed(t *testing.T) {
	l := newLife(t)
	c := l.draft("c", (cachedChunks+5)*roster.ChunkRows)
	if _, err := l.Request(t.Context(), c.Ref(0)); err != nil {
		t.Fatal(err)
	}
	l.rdb.Del(t.Context(), l.keys.roster("c", 0)) // from now on it is in the cache alone
	for chunk := range int64(cachedChunks + 5) {
		for _, row := range []int64{chunk * roster.ChunkRows, 0} { // the first one again and again
			if _, err := l.Request(t.Context(), c.Ref(row)); err != nil {
				t.Fatalf("row %d: %v", row, err)
			}
		}
	}
	if n := len(l.parts.cache.chunks); n != cachedChunks {
		t.Errorf("%d chunks are kept, want %d", n, cachedChunks)
	}
}

func TestAfterTheRetentionNamesAreGoneAndTheLedgerStays(t *testing.T) {
	l, m := newTimedLife(t)
	r := l.running("c", 3)
	l.running("runs", 5)
	for row := range int64(3) {
		r.call(row, accepted())
	}
	l.wantState("c", Done)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	m.SetTime(now.Add(30*24*time.Hour - time.Second))
	if ids, err := l.Expire(t.Context()); len(ids) != 0 || err != nil {
		t.Fatalf("expired %v, %v", ids, err)
	}
	m.SetTime(now.Add(30 * 24 * time.Hour))
	ids, err := l.Expire(t.Context())
	l.ok(err)
	if fmt.Sprint(ids) != "[c]" {
		t.Errorf("expired %v", ids)
	}
	if n := l.rdb.Exists(t.Context(), l.keys.roster("c", 0)).Val(); n != 0 {
		t.Errorf("%d chunk is left", n)
	}
	c := l.wantState("c", Done)
	lines := l.report("c", Filter{})
	if !c.Expired || len(lines) != 3 || lines[2].State != Accepted || !lines[2].Username.IsZero() {
		t.Errorf("expired %v, %d lines", c.Expired, len(lines))
	}
	_, err = l.Find(t.Context(), "c", reset.Hide(nameOf(1)))
	wantErr[ErrExpired](t, err)
	_, err = l.Request(t.Context(), c.Ref(1))
	wantErr[ErrExpired](t, err)
	_, err = l.Replay(t.Context(), "c", Filter{}, 0)
	wantErr[ErrExpired](t, err)
	if ids, err := l.Expire(t.Context()); len(ids) != 0 || err != nil {
		t.Errorf("expired again: %v, %v", ids, err)
	}
	if len(l.report("runs", Filter{})) != 5 {
		t.Error("a campaign that runs lost its roster")
	}
}

func TestAnExpiryThatWasInterruptedGoesOn(t *testing.T) {
	l, m := newTimedLife(t)
	l.draft("c", 2000)
	l.ok(l.Cancel(t.Context(), "c", 2000))
	c := l.campaign("c")
	for _, at := range []struct {
		time time.Time
		may  bool
	}{{c.Ended.Add(l.pool.Retention - time.Second), false}, {c.Ended.Add(l.pool.Retention), true}} {
		m.SetTime(at.time)
		ok, err := l.run(t.Context(), "expire_begin", []string{l.keys.campaign("c")}, c.Generation, l.pool.Retention.Milliseconds()).Bool()
		if ok != at.may || err != nil {
			t.Fatalf("at %v: %v, %v", at.time, ok, err)
		}
	}
	if ids, err := l.Expire(t.Context()); fmt.Sprint(ids) != "[c]" || err != nil {
		t.Errorf("expired %v, %v", ids, err)
	}
	if n := l.rdb.Exists(t.Context(), l.keys.roster("c", 0), l.keys.roster("c", 1)).Val(); n != 0 {
		t.Error("the roster is left")
	}
}

func TestWorkersArePresentForAWhile(t *testing.T) {
	l, m := newTimedLife(t)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	l.ok(l.Presence(t.Context(), Worker{Name: "b", Info: "limited by redis", Away: now.Add(time.Minute), UrgentPaused: "q-urgent"}))
	l.ok(l.Presence(t.Context(), Worker{Name: "a"}))
	m.SetTime(now.Add(PresentFor / 2))
	l.ok(l.with(2, 1).Presence(t.Context(), Worker{Name: "a", Info: "again"}))
	m.SetTime(now.Add(PresentFor))
	workers, err := l.Workers(t.Context())
	l.ok(err)
	want := []Worker{{Name: "a", Info: "again", Seen: now.Add(PresentFor / 2)}, {Name: "b", Info: "limited by redis", Away: now.Add(time.Minute), UrgentPaused: "q-urgent", Seen: now}}
	want[0].Keys = []string{keyID(2), keyID(1)}
	if fmt.Sprint(workers) != fmt.Sprint(want) {
		t.Errorf("workers = %v, want %v", workers, want)
	}
	for key, want := range map[string]string{keyID(1): "", keyID(2): "", keyID(3): keyID(3)} {
		if got := (Campaign{Keys: []string{keyID(2), key}}).MissingKey(workers); got != want {
			t.Errorf("of %s the missing key is %q, want %q", key, got, want)
		}
	}
	m.SetTime(now.Add(PresentFor + time.Second))
	if workers, _ = l.Workers(t.Context()); len(workers) != 1 || workers[0].Name != "a" {
		t.Errorf("workers = %v", workers)
	}
	l.ok(l.Leave(t.Context(), "a"))
	if workers, _ = l.Workers(t.Context()); len(workers) != 0 {
		t.Errorf("workers = %v", workers)
	}
}
