package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

func TestASeedRepeatsItsScript(t *testing.T) {
	t.Parallel()
	a, b, other := faults(7, time.Minute), faults(7, time.Minute), faults(8, time.Minute)
	if !slices.Equal(a, b) || !slices.Equal(operations(7, time.Minute), operations(7, time.Minute)) {
		t.Error("the same seed made two scripts")
	}
	if slices.Equal(a, other) {
		t.Error("two seeds made the same script")
	}
	if one, two := twinsFaults(7, 1000), twinsFaults(7, 1000); one != two {
		t.Error("the same seed made two scripts for the twin")
	}
}

func TestEveryScriptEndsWhatItBegins(t *testing.T) {
	t.Parallel()
	ends := map[deed]deed{}
	for _, c := range deck {
		ends[c.deed] = c.ends
	}
	for seed := range uint64(200) {
		open := map[step]int{}
		for _, s := range faults(seed, time.Minute) {
			if end, begins := ends[s.deed]; begins {
				open[step{deed: end, worker: s.worker}]++
				continue
			}
			open[step{deed: s.deed, worker: s.worker}]--
		}
		for s, n := range open {
			if n != 0 {
				t.Errorf("seed %d: %s of worker %d: %d too few", seed, s.deed, s.worker, n)
			}
		}
	}
}

func TestAShortScriptHasEveryDeed(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		seen := map[deed]bool{}
		for _, s := range faults(seed, 45*time.Second) {
			seen[s.deed] = true
		}
		missing := 0
		for _, c := range deck {
			if !seen[c.deed] {
				missing++
			}
		}
		// What falls on something that is broken already is left out.
		if missing > 3 {
			t.Errorf("seed %d: %d deeds are missing", seed, missing)
		}
	}
}

func TestTheTwinUnderstandsItsScript(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		if _, err := cognitosim.ParseFaults(strings.NewReader(twinsFaults(seed, 2000))); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}
