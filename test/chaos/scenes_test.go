package main

import (
	"testing"
)

func TestCallsDoNotLeaveTogetherAfterTheLedgerStoodStill(t *testing.T) {
	needsRedis(t)
	t.Parallel()
	t.Logf("\n%s", StalledLedger(t, Options{Users: 1200}))
}

func TestAnOwnerWhoComesLateChangesNothing(t *testing.T) {
	needsRedis(t)
	t.Parallel()
	t.Logf("\n%s", LateOwner(t, Options{Users: 600}))
}

func TestEverySafeguardIsWhereItsSabotageLooksForIt(t *testing.T) {
	t.Parallel()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sabotages() {
		if _, err := s.overlay(root, t.TempDir()); err != nil {
			t.Error(err)
		}
		if s.scene == nil || s.shows == "" || s.o.Users == 0 {
			t.Errorf("%s: not played", s.name)
		}
	}
}
