//go:build sabotage

package main

import (
	"testing"
	"time"
)

// It takes six minutes on two cores:
//
//	go test -tags sabotage -timeout 40m -run TestChaosFindsEverySafeguardTakenOut ./test/chaos
func TestChaosFindsEverySafeguardTakenOut(t *testing.T) {
	for _, s := range sabotages() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			broken, found := s.found(t.Context(), t.Output())
			if !found {
				t.Errorf("without %s nothing was said of %q; complaints: %q", s.name, s.shows, broken)
			}
			t.Logf("found in %v: %d complaints, such as %q", time.Since(began).Round(time.Second), len(broken), broken[:min(2, len(broken))])
		})
	}
}
