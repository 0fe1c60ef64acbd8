package tasks

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/reset"
)

// at is a campaign whose rows have all been fed.
func at(state campaign.Status, planned int64) []campaign.Campaign {
	return []campaign.Campaign{{ID: "c", Generation: "g", State: state, Total: 100, Cursor: 100,
		Counts: campaign.Counts{Planned: planned, Waiting: 10, Accepted: 90 - planned}}}
}

func TestWhenAWalkBegins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why   string
		state campaign.Status
		after time.Duration // since the last walk
		see   sight
		plan  int64
		want  bool
	}{
		{"every ten minutes", campaign.Running, walkEvery, sight{}, 5, true},
		{"not before", campaign.Running, walkEvery - time.Second, sight{}, 5, false},
		{"at once after a resume or a replay", campaign.Running, time.Second, sight{asked: 1}, 5, true},
		{"soon when a worker is gone", campaign.Running, walkSoon, sight{orphans: true}, 5, true},
		{"but not all the time", campaign.Running, walkSoon - time.Second, sight{orphans: true}, 5, false},
		{"soon when nothing is left in the queue, and rows are", campaign.Running, walkSoon, sight{idle: true}, 5, true},
		{"soon when rows wait that are in no list", campaign.Running, walkSoon, sight{idle: true, unlisted: true}, 0, true},
		{"an empty queue is as it should be at the end", campaign.Running, walkSoon, sight{idle: true}, 0, false},
		{"a paused campaign is left alone", campaign.Paused, walkEvery, sight{asked: 1}, 5, false},
	} {
		w, now := newWalks(), time.Now()
		w.notice(now, at(campaign.Running, c.plan), sight{})
		first := w.of["c"]
		if !first.going {
			t.Fatalf("%s: the take-over's walk did not begin", c.why)
		}
		first.end()
		w.notice(now.Add(c.after), at(c.state, c.plan), c.see)
		if got := w.of["c"].going; got != c.want {
			t.Errorf("%s: walks: %v", c.why, got)
		}
	}
}

func TestAfterAResumeThereIsASecondWalk(t *testing.T) {
	t.Parallel()
	w, now := newWalks(), time.Now()
	w.notice(now, at(campaign.Running, 5), sight{})
	w.of["c"].end()
	w.notice(now.Add(time.Minute), at(campaign.Running, 5), sight{asked: 1})
	w.of["c"].end()
	w.notice(now.Add(time.Minute+walkAgain), at(campaign.Running, 5), sight{asked: 1})
	if !w.of["c"].going {
		t.Error("there is none")
	}
	w.of["c"].end()
	w.notice(now.Add(2*time.Minute), at(campaign.Running, 5), sight{asked: 1})
	if w.of["c"].going {
		t.Error("there is a third")
	}
}

func TestANewGenerationBeginsAnew(t *testing.T) {
	t.Parallel()
	w, now := newWalks(), time.Now()
	w.notice(now, at(campaign.Running, 5), sight{})
	w.of["c"].suspects["c#1"] = true
	again := at(campaign.Running, 5)
	again[0].Generation = "h"
	w.notice(now, again, sight{})
	if one := w.of["c"]; len(one.suspects) > 0 || one.generation != "h" {
		t.Errorf("%+v", one)
	}
	w.notice(now, nil, sight{})
	if len(w.of) != 0 {
		t.Error("a campaign that is gone is still remembered")
	}
}

func TestATaskIsLostOnlyOnTheSecondWalk(t *testing.T) {
	t.Parallel()
	w, now := newWalks(), time.Unix(1700000000, 0)
	w.notice(now, at(campaign.Running, 5), sight{})
	taken := []item{
		{ref: reset.Ref{Campaign: "c", Generation: "g", Row: 1}, id: "c#1", missing: true},
		{ref: reset.Ref{Campaign: "c", Generation: "g", Row: 2}, id: "c#2"}, // fed, not found missing
	}
	if spares := w.refused("c", taken, now); len(spares) > 0 {
		t.Errorf("on the first walk: %v", spares)
	}
	one := w.of["c"]
	one.end()
	one.begin(now.Add(walkEvery))
	spares := w.refused("c", taken, now)
	if len(spares) != 1 || spares[0].id != "c#1#1700000000" || spares[0].ref != taken[0].ref {
		t.Errorf("on the second walk: %v", spares)
	}
	if rowOf(spares[0].id) != "c#1" {
		t.Error("the spare does not stand for its row")
	}
}

// A row that waits for less than a minute is in the queue alone.
func TestARowThatWaitsForSecondsComesBackWhenTheQueueLosesIt(t *testing.T) {
	t.Parallel()
	for name, pattern := range map[string]string{"emptied": "*", "hashes in no list": "retry"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := users(20)
			r := newRig(t, 20, cognitosim.Options{Users: cognitosim.Users{N: len(names)},
				Faults: []cognitosim.Fault{{From: 0, To: int64(len(names)) - 1, Answer: "TooManyRequests"}}})
			r.worker()
			r.run("breach", names)
			c := r.await("breach", "rows wait", 20*time.Second, func(c campaign.Campaign) bool { return c.Cursor == c.Total && c.Counts.Waiting > 5 })
			keys, err := r.rdb.Keys(t.Context(), key(Queue(poolName), pattern)).Result()
			if err != nil || len(keys) == 0 {
				t.Fatalf("nothing to lose of %+v: %v", c.Counts, err)
			}
			if err := r.rdb.Del(t.Context(), keys...).Err(); err != nil {
				t.Fatal(err)
			}
			c = r.await("breach", "done", 60*time.Second, done)
			if c.Counts.Accepted != int64(len(names)) {
				t.Errorf("%+v", c.Counts)
			}
		})
	}
}

func TestAWalkThatAnErrorEndedBeginsAgainSoonAndForgetsNoRow(t *testing.T) {
	t.Parallel()
	r := newRig(t, 20, cognitosim.Options{Users: cognitosim.Users{N: 20}})
	r.run("breach", users(20))
	c := r.campaign("breach")
	if ok, err := r.store.Advance(t.Context(), c, 0, c.Total); !ok || err != nil { // all were fed, and lost
		t.Fatal(ok, err)
	}
	f := r.idle()
	serve := func(now time.Time) int {
		all := []campaign.Campaign{r.campaign("breach")}
		f.walks.notice(now, all, sight{})
		_ = newMeal(f, now).serve(t.Context(), all, 0, 100) // what is in the queue tells
		_, other, err := f.queues.lengths(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		return other.all
	}
	r.rdb.Set(t.Context(), allQueues, "a fault", 0)
	now := time.Now()
	if n := serve(now); n != 0 {
		t.Fatalf("%d tasks though the queue takes none: the test shows nothing", n)
	}
	r.rdb.Del(t.Context(), allQueues)
	if n := serve(now.Add(2 * walkSoon)); n != 20 {
		t.Errorf("%d rows came back, want 20", n)
	}
}
