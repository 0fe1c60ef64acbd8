package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/redistest"
)

// refuseWrites makes the server of p answer as one whose disk is full: what is
// written cannot be saved.
func (p inProcess) refuseWrites(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	// At its end it would try to save, and not end.
	t.Cleanup(func() { p.rdb.ConfigSet(context.Background(), "save", "") })
	if err := p.rdb.BgSave(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for !strings.HasPrefix(p.rdb.Ping(t.Context()).String(), "ping: MISCONF") {
		if time.Now().After(deadline) {
			t.Fatal("Redis takes writes still")
		}
	}
}

func TestWhileRedisTakesNoWritesCampaignsCanBeRead(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := processOn(t, redistest.Real(t, "--dir", dir, "--save", "3600 1"))
	p.load(t, "a", 3)
	if err := p.Cancel(t.Context(), "a", 3); err != nil {
		t.Fatal(err)
	}
	p.refuseWrites(t, dir)
	for _, args := range []string{"list", "show a", "report a", "find a --username nobody", "wait a"} {
		out, err := p.run(t.Context(), io.Discard, strings.Fields(args)...)
		if err != nil && strings.Contains(err.Error(), "disk") || out == "" && args != "find a --username nobody" {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
	_, err := p.run(t.Context(), io.Discard, "delete", "a", "--confirm", "3")
	if err == nil || !strings.Contains(err.Error(), "cannot write to its disk, and so takes no writes: make room there") {
		t.Errorf("delete: %v", err)
	}
}
