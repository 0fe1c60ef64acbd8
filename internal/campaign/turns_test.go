package campaign

import "testing"

func TestOtherCampaignsAreReckonedWithByTheirPriority(t *testing.T) {
	t.Parallel()
	running := func(id string, p Priority, planned int64) Campaign {
		return Campaign{ID: id, State: Running, Priority: p, Counts: Counts{Planned: planned}}
	}
	for _, c := range []struct {
		name        string
		mine, other Priority
		others      int64
		want        int64
	}{
		{"an equal takes turns", Normal, Normal, 1_000_000, 200},
		{"a short equal ends", Normal, Normal, 7, 107},
		{"urgent goes first", Normal, Urgent, 5000, 5100},
		{"urgent waits for nobody", Urgent, Bulk, 5000, 100},
		{"bulk gets one row to four", Normal, Bulk, 5000, 125},
		{"bulk lets four rows go first", Bulk, Normal, 5000, 500},
	} {
		a := running("a", c.mine, 100)
		paused := running("c", Urgent, 1000)
		paused.State = Paused
		if got := a.CallsUntilDone([]Campaign{a, running("b", c.other, c.others), paused}); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestARowThatIsBeingCalledNeedsNoTokenAnyMore(t *testing.T) {
	t.Parallel()
	c := Campaign{ID: "a", State: Running, Priority: Normal, Counts: Counts{Planned: 3, Calling: 2, Waiting: 1, InDoubt: 1, Accepted: 9}}
	if got := c.CallsUntilDone([]Campaign{c}); got != 5 {
		t.Errorf("%d calls until it is done, want 5", got)
	}
}
