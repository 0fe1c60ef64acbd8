package campaign

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

func single(name string) reset.Request { return reset.Request{Username: reset.Hide(name)} }

func (l *life) append(name, event string) (reset.Ref, bool) {
	l.t.Helper()
	ref, existed, err := l.Append(l.t.Context(), single(name), event)
	l.ok(err)
	return ref, existed
}

func TestAHundredAppendsOfOneEventAreOneRow(t *testing.T) {
	l := newLife(t)
	var mu sync.Mutex
	added := 0
	refs := map[reset.Ref]bool{}
	together(100, func(int) {
		ref, existed, err := l.Append(t.Context(), single("ann@example.com"), "order-17")
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Error(err)
		}
		refs[ref] = true
		if !existed {
			added++
		}
	})
	if added != 1 || len(refs) != 1 {
		t.Errorf("added %d times, as %v", added, refs)
	}
	for ref := range refs {
		c := l.wantState(ref.Campaign, Running)
		if c.Total != 1 || c.Counts.Planned != 1 {
			t.Errorf("campaign = %+v", c)
		}
	}
}

func TestAppendsAtOnceAreRowsOfTheirOwn(t *testing.T) {
	l := newLife(t)
	const n = 1100 // more than a chunk
	refs := make([]reset.Ref, n)
	together(20, func(g int) {
		for i := g; i < n; i += 20 {
			var err error
			if refs[i], _, err = l.Append(t.Context(), single(nameOf(i)), ""); err != nil {
				t.Error(err)
			}
		}
	})
	id := refs[0].Campaign
	c := l.wantState(id, Running)
	if c.Total != n || !c.Standing || c.Priority != Urgent || c.OnLive != Skip || c.OnDoubt != Resend || c.Guard != GuardOff() {
		t.Errorf("campaign = %+v", c)
	}
	want := make([]string, n)
	for i, ref := range refs {
		want[ref.Row] = nameOf(i)
	}
	if !slices.Equal(names(l.report(id, Filter{})), want) {
		t.Error("the report has other users in its rows")
	}
	row, err := l.Request(t.Context(), refs[7])
	if err != nil || row.Request.Username.Reveal() != nameOf(7) {
		t.Errorf("request = %v", err)
	}
	if pool, err := PoolOf(t.Context(), l.rdb, id); pool != "prod" || err != nil {
		t.Errorf("pool = %q, %v", pool, err)
	}
	r := &ledger{Store: l.Store, t: t, rdb: l.rdb, camp: c}
	r.call(1030, accepted())
	r.recount()
}

// The client repeats a command when the network took the answer.
func TestARepeatedAppendIsOneRow(t *testing.T) {
	l := newLife(t)
	l.append("first@example.com", "") // the hint is right from now on
	a := appending{row: roster.Row{Request: single("a@example.com")}, token: "same", event: l.keys.event("same"), kept: commandKept}
	first, what, err := l.Store.append(t.Context(), a)
	if what != "added" || err != nil {
		t.Fatalf("%s, %v", what, err)
	}
	again, what, err := l.Store.append(t.Context(), a)
	if what != "added" || again != first || err != nil {
		t.Errorf("again: %s %v, want %v; %v", what, again, first, err)
	}
	if c := l.wantState(first.Campaign, Running); c.Total != 2 {
		t.Errorf("total = %d, want 2", c.Total)
	}
}

func TestAnAppendAfterMidnightGoesToTheNextDay(t *testing.T) {
	l, m := newTimedLife(t)
	m.SetTime(time.Date(2026, 11, 23, 23, 59, 59, 0, time.UTC))
	today, _ := l.append("a@example.com", "e1")
	m.SetTime(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
	next, _ := l.append("b@example.com", "")
	if today.Campaign != "intake-2026-11-23-prod" || next.Campaign != "intake-2026-11-24-prod" || next.Row != 0 {
		t.Errorf("rows %v and %v", today, next)
	}
	if ref, existed := l.append("a@example.com", "e1"); !existed || ref != today {
		t.Errorf("the event of yesterday is %v, %v", ref, existed)
	}
	if c := l.campaign(next.Campaign); !c.Day.Equal(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("day = %v", c.Day)
	}
}

func TestAnEventIsRememberedForADay(t *testing.T) {
	l, _ := newTimedLife(t)
	l.append("a@example.com", "e1")
	key := l.keys.event(keyedHash(l.secret, "event e1"))
	if ttl := l.rdb.PTTL(t.Context(), key).Val(); ttl != 24*time.Hour {
		t.Errorf("it is remembered for %v", ttl)
	}
}

func TestAnAppendToAPausedCampaignIsKept(t *testing.T) {
	l := newLife(t)
	ref, _ := l.append("a@example.com", "")
	_, err := l.Pause(t.Context(), ref.Campaign, "")
	l.ok(err)
	l.append("b@example.com", "")
	if c := l.wantState(ref.Campaign, Paused); c.Total != 2 {
		t.Errorf("total = %d", c.Total)
	}
}

func TestAStandingCampaignIsNeitherCancelledNorDeletedWhileItsDayLasts(t *testing.T) {
	l, m := newTimedLife(t)
	ref, _ := l.append("a@example.com", "")
	_, err := l.Pause(t.Context(), ref.Campaign, "")
	l.ok(err)
	wantErr[ErrState](t, l.Cancel(t.Context(), ref.Campaign, 1))
	wantErr[ErrState](t, l.Delete(t.Context(), ref.Campaign, 1))
	l.wantState(ref.Campaign, Paused)
	m.SetTime(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
	l.ok(l.Cancel(t.Context(), ref.Campaign, 1))
	l.ok(l.Delete(t.Context(), ref.Campaign, 1))
	wantErr[ErrUnknown](t, l.Delete(t.Context(), ref.Campaign, 1))
}

func TestAStandingCampaignIsDoneWhenItsDayIsOverAndItsRowsAreFinal(t *testing.T) {
	l, m := newTimedLife(t)
	a, _ := l.append("a@example.com", "")
	r := &ledger{Store: l.Store, t: t, rdb: l.rdb, camp: l.campaign(a.Campaign)}
	r.call(0, accepted())
	l.ok(l.CloseDays(t.Context()))
	l.wantState(a.Campaign, Running) // its day lasts
	l.append("b@example.com", "")
	m.SetTime(time.Date(2026, 11, 24, 0, 0, 1, 0, time.UTC))
	l.ok(l.CloseDays(t.Context()))
	l.wantState(a.Campaign, Running) // a row is left
	r.call(1, accepted())
	l.wantState(a.Campaign, Done) // with its last row

	c, _ := l.append("c@example.com", "")
	r = &ledger{Store: l.Store, t: t, rdb: l.rdb, camp: l.campaign(c.Campaign)}
	r.call(0, accepted())
	m.SetTime(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC))
	l.ok(l.CloseDays(t.Context()))
	if c := l.wantState(c.Campaign, Done); c.Ended.IsZero() {
		t.Error("it has no end")
	}
}

func TestABadSingleResetChangesNothing(t *testing.T) {
	l := newLife(t)
	if _, _, err := l.Append(t.Context(), single("a b"), "e"); err == nil {
		t.Error("a username with a space was taken")
	}
	l.wantOnlyKeys(liveKeyOfProd)
}

func TestTheNameOfAStandingCampaignTellsItsPool(t *testing.T) {
	for _, pool := range []string{"prod", "a-b-2026", "x"} {
		if got, ok := intakePool(intakeID(pool, 20780)); got != pool || !ok {
			t.Errorf("%s: %q, %v", intakeID(pool, 20780), got, ok)
		}
	}
	for _, id := range []string{"intake-", "intake-2026-11-23", "intake-2026-11-23-", "intake-2026-13-23-prod", "breach"} {
		if pool, ok := intakePool(id); ok {
			t.Errorf("%s is of pool %q", id, pool)
		}
	}
}
