package campaign

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/roster"
)

func TestDeleteLeavesNothingButLiveCodes(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 2500)
	r.call(0, accepted())
	r.call(1, unanswered())
	r.call(2, userLimited())
	r.call(2000, misconfigured())
	m := r.mark(3)
	r.want(m, AnswerGo)
	wantErr[ErrState](t, l.Delete(t.Context(), "c", 2500)) // running
	_, err := l.Pause(t.Context(), "c", "")
	l.ok(err)
	if e := wantErr[ErrState](t, l.Delete(t.Context(), "c", 2500)); !strings.Contains(e.Why, "1 calls") {
		t.Errorf("why = %q, want the call in flight", e.Why)
	}
	r.settle(m, refused())
	wantErr[ErrConfirm](t, l.Delete(t.Context(), "c", 2499))
	l.ok(l.Delete(t.Context(), "c", 2500))
	_, err = l.Campaign(t.Context(), "c")
	wantErr[ErrUnknown](t, err)
	keys := l.rdb.Keys(t.Context(), "*").Val()
	left := slices.DeleteFunc(keys, func(k string) bool { return strings.Contains(k, ":live") })
	if !slices.Equal(left, []string{l.keys.misconfigured()}) {
		t.Errorf("left are %v", left)
	}
	for field := range l.rdb.HGetAll(t.Context(), l.keys.misconfigured()).Val() {
		if strings.Contains(field, "#") {
			t.Errorf("a row is left in misconfigured: %s", field)
		}
	}
}

func TestADeletionThatStoppedHalfWayIsEnded(t *testing.T) {
	for name, end := range map[string]func(*life) error{
		"by deleting again": func(l *life) error { return errors.Join(l.Delete(t.Context(), "c", 0), reload(l)) },
		"by loading again":  reload,
	} {
		t.Run(name, func(t *testing.T) {
			l := newLife(t)
			old := l.running("c", 2500)
			old.call(2000, accepted())
			_, err := l.Pause(t.Context(), "c", "")
			l.ok(err)
			r, err := l.answer(t.Context(), 4, "delete_begin", []string{l.keys.campaign("c")}, "killed", 2500, "")
			l.ok(err)
			if r.text(0) != "begun" {
				t.Fatalf("answer = %v", r.values)
			}
			if c := l.campaign("c"); !c.Deleting {
				t.Error("it does not say that it is being deleted")
			}
			if b := old.begin(old.mark(0)); b.Answer != AnswerGone {
				t.Errorf("a row of a campaign that is being deleted: %v", b.Answer)
			}
			l.ok(end(l))
			if b := old.begin(old.mark(0)); b.Answer != AnswerGone {
				t.Errorf("a row of the old campaign: %v", b.Answer)
			}
			c := l.wantState("c", Draft)
			if c.Total != 100 || len(l.report("c", Filter{})) != 100 || l.rdb.Exists(t.Context(), l.keys.ledger("c", 1), l.keys.roster("c", 1)).Val() != 0 {
				t.Errorf("campaign = %+v", c)
			}
			if pool, err := PoolOf(t.Context(), l.rdb, "c"); pool != "prod" {
				t.Errorf("its pool is %q, %v", pool, err)
			}
			// The deletion that was stopped wakes up.
			err = l.empty(t.Context(), "c", "g", emptying{token: "killed", chunks: 3})
			wantErr[ErrStale](t, err)
			l.wantState("c", Draft)
			if n := l.rdb.Exists(t.Context(), l.keys.roster("c", 0)).Val(); n != 1 {
				t.Error("the stale deletion removed a chunk of the new campaign")
			}
		})
	}
}

func reload(l *life) error {
	_, err := l.Load(l.t.Context(), Spec{ID: "c"}, l.reader(csvOf(0, 100)))
	return err
}

func TestAStaleDeletionKeepsItsHandsOffALaterClaim(t *testing.T) {
	l := newLife(t)
	l.draft("c", 10)
	seen, err := l.claimed(t.Context(), "c")
	l.ok(err)
	l.ok(l.Delete(t.Context(), "c", 10))
	l.draft("c", 10)
	if dropped, err := l.unclaim(t.Context(), "c", seen); dropped || err != nil {
		t.Errorf("dropped = %v, %v", dropped, err)
	}
}

func TestALateAnswerOfADeletedCampaignChangesNothing(t *testing.T) {
	l := newLife(t)
	r := l.running("c", 10)
	m := r.mark(0)
	r.want(m, AnswerGo)
	r.settle(m, unanswered())
	_, err := l.Pause(t.Context(), "c", "")
	l.ok(err)
	l.ok(l.Delete(t.Context(), "c", 10))
	l.running("c", 10)
	if s := r.settle(m, accepted()); s.Recorded {
		t.Errorf("settled = %+v", s)
	}
	if c := l.wantState("c", Running); c.Counts != (Counts{Planned: 10}) {
		t.Errorf("counts = %+v", c.Counts)
	}
}

func TestALoadWhoseCampaignIsDeletedBeforeItsEndSaysThatItIsStale(t *testing.T) {
	l := newLife(t)
	g := gated(l.reader(csvOf(0, roster.ChunkRows)), roster.ChunkRows)
	ended := make(chan error)
	go func() {
		_, err := l.load(context.Background(), Spec{ID: "c"}, g.source)
		ended <- err
	}()
	<-g.reached
	l.await("its chunk is written", func() bool {
		n, _ := l.rdb.HGet(t.Context(), l.keys.campaign("c"), "chunks").Int()
		return n == 1
	})
	l.ok(l.Delete(t.Context(), "c", 0))
	close(g.open)
	wantErr[ErrStale](t, <-ended)
	l.wantOnlyKeys(liveKeyOfProd)
}
