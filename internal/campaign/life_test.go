package campaign

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/reset"
)

func TestAWrongNumberLeavesTheDraftAsItIs(t *testing.T) {
	l := newLife(t)
	l.draft("c", 10)
	for _, n := range []int64{0, 9, 11, -10} {
		if e := wantErr[ErrConfirm](t, l.Start(t.Context(), "c", n)); e.Want != 10 {
			t.Errorf("the right number is %d, want 10", e.Want)
		}
	}
	if c := l.wantState("c", Draft); !c.Started.IsZero() {
		t.Error("it has a start")
	}
	l.ok(l.Start(t.Context(), "c", 10))
	if c := l.wantState("c", Running); time.Since(c.Started).Abs() > time.Minute {
		t.Errorf("started at %v", c.Started)
	}
}

func TestOfTwoOperatorsTheSecondIsTold(t *testing.T) {
	l := newLife(t)
	l.draft("c", 10)
	for _, op := range []struct {
		verb string
		do   func() error
	}{
		{"start", func() error { return l.Start(t.Context(), "c", 10) }},
		{"pause", func() error { _, err := l.Pause(t.Context(), "c", ""); return err }},
		{"resume", func() error { _, err := l.Resume(t.Context(), "c"); return err }},
		{"cancel", func() error { return l.Cancel(t.Context(), "c", 10) }},
	} {
		var done atomic.Int32
		together(8, func(int) {
			var e ErrState
			switch err := op.do(); {
			case err == nil:
				done.Add(1)
			case !errors.As(err, &e) || e.Want != op.verb || len(e.Possible) == 0:
				t.Errorf("%s: %v", op.verb, err)
			}
		})
		if done.Load() != 1 {
			t.Errorf("%d of 8 operators did %s", done.Load(), op.verb)
		}
	}
}

// The client repeats a command when the network took the answer.
func TestARepeatedCommandIsDone(t *testing.T) {
	l := newLife(t)
	l.draft("c", 10)
	keys := []string{l.keys.campaign("c"), l.keys.halt(), l.keys.misconfigured(), l.keys.walk()}
	for range 2 {
		r, err := l.answer(t.Context(), 3, "life", keys, "start", "same-token", 10, "")
		l.ok(err)
		if r.text(0) != "done" {
			t.Errorf("answer = %v", r.values)
		}
	}
	l.rdb.HSet(t.Context(), l.keys.campaign("c"), "state", "paused")
	l.rdb.HSet(t.Context(), l.keys.halt(), "reason", "r", "at", 1)
	for range 2 {
		r, err := l.answer(t.Context(), 3, "life", keys, "resume", "another", 0, "")
		l.ok(err)
		if r.text(0) != "done" || r.int(2) != 1 {
			t.Errorf("answer = %v, want that the halt was lifted", r.values)
		}
	}
}

func TestWhatAStateDoesNotAllowIsRefused(t *testing.T) {
	verbs := map[string]func(l *life) error{
		"start":  func(l *life) error { return l.Start(t.Context(), "c", 10) },
		"pause":  func(l *life) error { _, err := l.Pause(t.Context(), "c", ""); return err },
		"resume": func(l *life) error { _, err := l.Resume(t.Context(), "c"); return err },
		"cancel": func(l *life) error { return l.Cancel(t.Context(), "c", 10) },
		"replay": func(l *life) error { _, err := l.Replay(t.Context(), "c", Filter{}, 0); return err },
		"delete": func(l *life) error { return l.Delete(t.Context(), "c", 10) },
	}
	allowed := map[Status]string{
		Loading: "delete", Draft: "start cancel delete", Running: "pause cancel replay",
		Paused: "resume cancel replay delete", Halted: "resume cancel replay delete",
		Done: "replay delete", Cancelled: "delete",
	}
	l := newLife(t)
	for state, may := range allowed {
		for verb, do := range verbs {
			l.draft("c", 10)
			l.rdb.HSet(t.Context(), l.keys.campaign("c"), "state", string(state))
			err := do(l)
			if slices.Contains(strings.Fields(may), verb) {
				if err != nil {
					t.Errorf("%s of a campaign that is %s: %v", verb, state, err)
				}
			} else if e := wantErr[ErrState](t, err); e.Have != state {
				t.Errorf("%s: error says %s, want %s", verb, e.Have, state)
			}
			l.rdb.HSet(t.Context(), l.keys.campaign("c"), "state", "draft", "total", 10)
			l.ok(l.Delete(t.Context(), "c", 10))
		}
	}
	for verb, do := range verbs {
		if e := wantErr[ErrUnknown](t, do(l)); e.ID != "c" {
			t.Errorf("%s: %v", verb, e)
		}
	}
}

func TestAfterAPauseHasReturnedNoBeginSucceeds(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 200)
	var began, late atomic.Int64
	var paused atomic.Bool
	var inFlight int64
	together(9, func(i int) {
		if i == 8 {
			n, err := l.Pause(t.Context(), "c", "lunch")
			paused.Store(true)
			inFlight = n
			if err != nil {
				t.Error(err)
			}
			return
		}
		for row := int64(i); row < 200; row += 8 {
			before := paused.Load()
			b, err := l.Begin(t.Context(), r.mark(row))
			if err != nil {
				t.Error(err)
			}
			if b.Answer == AnswerGo {
				began.Add(1)
				if before {
					late.Add(1)
				}
			}
		}
	})
	if late.Load() != 0 {
		t.Errorf("%d calls began after the pause", late.Load())
	}
	if inFlight != began.Load() {
		t.Errorf("the pause says %d calls are in flight, %d have begun", inFlight, began.Load())
	}
	if c := l.wantState("c", Paused); c.Reason != "lunch" || c.Counts.Calling != inFlight {
		t.Errorf("campaign = %+v", c)
	}
}

func TestResumeLiftsThePoolsHaltAndNamesTheOthers(t *testing.T) {
	l := newLife(t)
	for _, id := range []string{"a", "b", "d"} {
		l.running(id, 5)
	}
	l.draft("e", 5)
	_, err := l.Pause(t.Context(), "d", "")
	l.ok(err)
	l.rdb.HSet(t.Context(), l.keys.halt(), "reason", "wrong client", "next", "repair it", "at", 1)
	l.rdb.HSet(t.Context(), l.keys.misconfigured(), "run", "x,")
	if c := l.wantState("a", Halted); c.Reason != "wrong client" || c.Next != "repair it" || !c.PoolHalted {
		t.Errorf("campaign = %+v", c)
	}
	l.wantState("d", Paused)
	walks, err := l.Walks(t.Context())
	l.ok(err)

	others, err := l.Resume(t.Context(), "a")
	l.ok(err)
	if !slices.Equal(others, []string{"b"}) {
		t.Errorf("others = %v", others)
	}
	l.wantState("a", Running)
	l.wantState("b", Running)
	if n := l.rdb.Exists(t.Context(), l.keys.halt(), l.keys.misconfigured()).Val(); n != 0 {
		t.Error("the halt or its counts still stand")
	}
	if now, _ := l.Walks(t.Context()); now == walks {
		t.Error("nobody is asked to walk")
	}
	// No halt: only this one goes on.
	others, err = l.Resume(t.Context(), "d")
	l.ok(err)
	if len(others) != 0 {
		t.Errorf("others = %v", others)
	}
}

func TestAHaltedCampaignThatIsResumedIsNotHaltedByItsOldRows(t *testing.T) {
	l := newLife(t)
	if _, err := l.Load(t.Context(), Spec{ID: "c"}, l.reader(csvOf(0, 100))); err != nil {
		t.Fatal(err)
	}
	l.ok(l.Start(t.Context(), "c", 100))
	r := &ledger{Store: l.Store, t: t, rdb: l.rdb, camp: l.campaign("c")}
	row := int64(0)
	for ; l.campaign("c").State == Running; row++ {
		r.call(row, refused())
	}
	if c := l.wantState("c", Halted); c.Reason == "" || c.Next == "" || c.PoolHalted {
		t.Errorf("campaign = %+v", c)
	}
	_, err := l.Resume(t.Context(), "c")
	l.ok(err)
	r.call(row, refused())
	if c := l.wantState("c", Running); c.Reason != "" || c.Next != "" {
		t.Errorf("campaign = %+v", c)
	}
}

func TestErrorsSayWhatIsPossible(t *testing.T) {
	l := newLife(t)
	l.draft("c", 10)
	_, err := l.Pause(t.Context(), "c", "")
	if want := "c is draft and cannot pause; possible now: start, cancel, delete"; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %q", err, want)
	}
	for next, e := range map[string]error{
		"the number to confirm is 0":      ErrConfirm{ID: "breach", Of: "users"},
		"campaign delete breach --pool p": ErrTaken{ID: "breach", Pool: "p"},
		"campaign delete breach":          ErrOtherContent{ID: "breach", What: "rows"},
		"campaign show breach":            ErrStale{"breach"},
		"load the file again":             ErrExpired{"breach"},
		"--username-column":               ErrNobody{ID: "breach"},
		"back from a backup":              ErrDamaged{Campaign: "breach"},
		"put no older copy back":          ErrDamaged{Campaign: "breach", Ledger: true},
	} {
		if text := e.Error(); !strings.Contains(text, "breach") || !strings.Contains(text, next) {
			t.Errorf("%T does not name the campaign and what to do (%s): %s", e, next, text)
		}
	}
}

func TestCampaignsAreListedTheYoungestFirst(t *testing.T) {
	l := newLife(t)
	for i, id := range []string{"b", "a", "c"} {
		l.draft(id, 1)
		// Made in the same millisecond they would be sorted by their names.
		l.rdb.ZAddXX(t.Context(), l.keys.campaigns(), redis.Z{Member: id, Score: float64(i)})
	}
	all, err := l.Campaigns(t.Context())
	l.ok(err)
	var ids []string
	for _, c := range all {
		ids = append(ids, c.ID)
		if c.Counts.Planned != 1 || c.Pool != "prod" {
			t.Errorf("campaign = %+v", c)
		}
	}
	if !slices.Equal(ids, []string{"c", "a", "b"}) {
		t.Errorf("ids = %v", ids)
	}
}

func TestCausesAndSamplesAreReadFromTheHash(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 10)
	r.call(0, refused())
	r.call(1, throttled())
	r.call(2, refused())
	c := l.wantState("c", Running)
	if c.Causes[Dead][reset.UserNotFound] != 2 || c.Causes[Waiting][reset.TooManyRequests] != 1 || len(c.CausesOf()) != 2 || len(c.CausesOf(Dead)) != 1 {
		t.Errorf("causes = %v", c.Causes)
	}
	if c.Samples[reset.UserNotFound] != "User does not exist." {
		t.Errorf("samples = %v", c.Samples)
	}
}
