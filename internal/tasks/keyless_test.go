package tasks

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/internal/reset"
	"github.com/rekeyhq/rekey/internal/roster"
)

// hold gives these roster keys to what is opened from now on.
func (r *rig) hold(secrets ...byte) {
	r.t.Helper()
	all := make([][]byte, len(secrets))
	for i, b := range secrets {
		all[i] = bytes.Repeat([]byte{b}, roster.KeyBytes)
	}
	var err error
	if r.keys, err = roster.NewKeys(all...); err != nil {
		r.t.Fatal(err)
	}
	r.store = r.open()
}

func TestACampaignWhoseKeyNoWorkerHasWaitsAndGoesOnByItself(t *testing.T) {
	t.Parallel()
	names := users(80)
	r := newRig(t, 100, cognitosim.Options{Users: cognitosim.Users{N: 80}})
	r.hold(1)
	key := r.keys.Sealing()
	r.run("sealed", names[:40])
	r.hold()
	first := r.worker()
	r.run("in-clear", names[40:])
	r.await("in-clear", "done, whatever is sealed", 30*time.Second, done)
	r.wantQueueEmpty()
	if c := r.campaign("sealed"); c.Counts.Planned != 40 || c.State != campaign.Running {
		t.Errorf("what cannot be read is %s, %+v", c.State, c.Counts)
	}
	if n := strings.Count(r.log.String(), "a campaign waits: no worker has its roster key"); n != 1 || !strings.Contains(r.log.String(), "key="+key) {
		t.Errorf("the log says so %d times", n)
	}
	if err := first.Ready(); err != nil {
		t.Errorf("it serves what it can, and is not ready: %v", err)
	}
	r.hold(2, 1)
	r.worker()
	r.await("sealed", "done by a worker that has the key", 60*time.Second, done)
	r.wantEachCalledOnce(names)
	if !strings.Contains(r.log.String(), "a campaign no longer waits for its roster key") {
		t.Error("the log does not say that it goes on")
	}
}

func TestAWorkerThatLacksAKeyLeavesItsTasksToThoseWhoHaveIt(t *testing.T) {
	t.Parallel()
	const n = 300
	names := users(n + 20)
	r := newRig(t, 60, cognitosim.Options{Users: cognitosim.Users{N: len(names)}})
	r.hold(1)
	late := r.worker()
	r.hold(2, 1)
	deployed := r.worker()
	key := r.keys.Sealing()
	r.run("sealed", names[:n])
	r.until("the one without the key says so", 20*time.Second, func() bool {
		err := late.Ready()
		return err != nil && strings.Contains(err.Error(), "lacks roster key "+key+" of sealed")
	})
	r.await("sealed", "done", 60*time.Second, done)
	r.wantEachCalledOnce(names[:n])
	if n := strings.Count(r.log.String(), "a row is left to others"); n > 3*late.pool.Concurrency {
		t.Errorf("%d rows were handed round", n)
	}
	if err := deployed.Ready(); err != nil {
		t.Errorf("the one that has the key: %v", err)
	}
	r.until("it serves again", 20*time.Second, func() bool { return late.Ready() == nil && !late.leavesTasks() })
	if err := deployed.stop(); err != nil {
		t.Error(err)
	}
	r.hold(1)
	r.run("old-key", names[n:])
	r.await("old-key", "done by the one that is left", 60*time.Second, done)
}

// A key that was lost in mid-day costs the rows that are sealed with it, no
// others; and those are not dead, since the key may be found.
func TestSingleResetsGoOnWhenAnEarlierKeyIsLost(t *testing.T) {
	t.Parallel()
	r := newRig(t, 100, cognitosim.Options{Users: cognitosim.Users{N: 3}})
	r.hold(1)
	add := func(name string) reset.Ref {
		ref, _, err := r.store.Append(t.Context(), reset.Request{Username: reset.Hide(name)}, "")
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	id := add("user000000").Campaign
	r.hold(2)
	w := r.worker()
	add("user000001")
	r.await(id, "the row that can be read is sent", 30*time.Second, func(c campaign.Campaign) bool { return c.Counts.Accepted == 1 })
	r.until("nobody else has the key, and it works on", 20*time.Second, func() bool {
		return !w.leavesTasks() && strings.Contains(r.log.String(), "rows of a campaign rest: its roster key is not here")
	})
	add("user000002")
	c := r.await(id, "and one that comes later", 30*time.Second, func(c campaign.Campaign) bool { return c.Counts.Accepted == 2 })
	if c.Counts.Dead != 0 || c.Counts.Planned != 1 {
		t.Errorf("counts are %+v", c.Counts)
	}
	if err := w.Ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
}

func TestAKeyThatNobodyHasIsLookedForAndForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &keyless{}
		if k.aside() || k.due() != nil {
			t.Error("it lacks a key from the beginning")
		}
		if wait := k.note("a", "c"); wait != keyEvery || !k.aside() {
			t.Errorf("the first row rests for %v, aside %v", wait, k.aside())
		}
		due := k.due()
		if len(due) != 1 || k.due() != nil {
			t.Errorf("keys to look for: %v", due)
		}
		k.note("b", "d") // while the look is under way
		k.learn(due, map[string]lack{"a": {campaign: "c", known: true}})
		if wait := k.note("a", "c"); wait != keyRest || !k.aside() {
			t.Errorf("a row whose key nobody has rests for %v", wait)
		}
		time.Sleep(keyEvery)
		k.learn(k.due(), map[string]lack{"a": {campaign: "c", known: true}, "b": {campaign: "d", known: true, elsewhere: true}})
		if err := k.err("prod"); !k.aside() || err == nil || !strings.Contains(err.Error(), "key b of d") {
			t.Errorf("aside %v, error %v", k.aside(), err)
		}
		time.Sleep(keyEvery)
		k.learn(k.due(), map[string]lack{"a": {campaign: "c", known: true}})
		if k.aside() || k.err("prod") != nil {
			t.Error("it stays aside")
		}
		time.Sleep(keyEvery)
		k.learn(k.due(), nil)
		if k.due() != nil || len(k.lacked) != 0 {
			t.Error("it remembers keys that nothing wants")
		}
	})
}
