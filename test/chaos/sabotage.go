package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/test/fleet"
)

// sabotage is a safeguard, how it is taken out, and what shows that it is gone.
// The programs are built with other texts in place of some of their files (go
// build -overlay): nothing of this is in the code that it is about.
type sabotage struct {
	name    string
	patches []patch
	scene   func(testing.TB, Options) Result
	o       Options
	shows   string // part of what the run must complain about
}

// patch replaces a text that must stand in the file exactly once.
type patch struct{ file, old, new string }

const (
	beginLua  = "internal/campaign/lua/begin.lua"
	settleLua = "internal/campaign/lua/settle.lua"
)

// short is enough to see what a run by chance sees at all.
var short = Options{Seed: 1, Duration: 45 * time.Second, Users: 2000}

func parked(o Options) Options {
	o.Park = true
	return o
}

// sabotages lists every safeguard that is taken out, one at a time.
func sabotages() []sabotage {
	return []sabotage{
		// The row stays what it was while it is called: nobody knows of a call
		// whose worker died.
		{"mark", []patch{
			{beginLua, "transition(row, old, new)\nif uneven() then", "if uneven() then"},
			{settleLua, "if not late and old.state ~= CALLING then", "if false then"},
		}, Run, parked(short), "with --on-doubt park"},
		// Anybody may say what became of anybody's call.
		{"owner", []patch{
			{settleLua, "if not call or call.token ~= token then", "if not call then"},
			{settleLua, "(call.token ~= token or NOW_MS > call.mark + KEPT_FOR)", "NOW_MS > call.mark + KEPT_FOR"},
			{settleLua, "local own = redis.call('GET', LIVE) == member(row) .. ' ' .. token", "local own = redis.call('GET', LIVE)"},
		}, LateOwner, Options{Users: 600}, "two live codes"},
		{"live-key", []patch{
			{beginLua, "if value then return hold(value) end", ""},
		}, Run, short, "two live codes"},
		// The handler's look asks the same question as Begin, to save tokens.
		{"not-before", []patch{
			{beginLua, "if waiting and NOW_MS < old.time * 1000 then", "if false then"},
			{"internal/tasks/handler.go", "if r.State == campaign.Planned || wait <= 0 {", "if r.State == campaign.Planned || wait <= 0 || true {"},
		}, Run, short, "not before"},
		{"walk", []patch{
			{"internal/tasks/walk.go", "if c.State == campaign.Running && !w.going && !now.Before(w.due) {", "if false {"},
		}, Run, short, "lost"},
		{"age", []patch{
			{"internal/ratelimit/ratelimit.go", "const Life = 250 * time.Millisecond", "const Life = time.Hour"},
		}, StalledLedger, Options{Users: 1200}, "rate: "},
	}
}

// overlay writes the patched files, and returns the flags of go build.
func (s sabotage) overlay(root, dir string) ([]string, error) {
	replace := map[string]string{}
	for _, p := range s.patches {
		from := filepath.Join(root, p.file)
		if replace[from] == "" {
			replace[from] = from // what is patched first is the file itself
		}
		text, err := os.ReadFile(replace[from])
		if err != nil {
			return nil, err
		}
		if n := strings.Count(string(text), p.old); n != 1 {
			return nil, fmt.Errorf("sabotage %s: %q stands %d times in %s; say anew how the safeguard is taken out", s.name, p.old, n, p.file)
		}
		replace[from] = filepath.Join(dir, filepath.Base(p.file))
		if err := os.WriteFile(replace[from], []byte(strings.Replace(string(text), p.old, p.new, 1)), 0o600); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "overlay.json")
	return []string{"-overlay", file}, os.WriteFile(file, text, 0o600)
}

// moduleRoot is where go.mod is.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/rekeyhq/rekey").Output()
	return strings.TrimSpace(string(out)), err
}

// found plays the scene without the safeguard, and returns what was complained
// about, and whether it is what shows that the safeguard is gone.
func (s sabotage) found(ctx context.Context, out io.Writer) (broken []string, found bool) {
	broken = runAlone(ctx, out, func(t testing.TB) {
		root, err := moduleRoot()
		if err != nil {
			t.Fatal(err)
		}
		flags, err := s.overlay(root, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		s.o.Bin = fleet.Build(t, flags...)
		fmt.Fprint(out, s.scene(t, s.o))
	})
	for _, b := range broken {
		found = found || strings.Contains(b, s.shows)
	}
	return broken, found
}

// runSabotages plays those that are named, or all, and returns an exit code.
func runSabotages(ctx context.Context, name string) int {
	code, played := 0, 0
	for _, s := range sabotages() {
		if name != "all" && name != s.name {
			continue
		}
		played++
		broken, found := s.found(ctx, os.Stderr)
		if !found {
			code = 1
		}
		fmt.Printf("%s taken out: found %t, %d complaints, such as %q\n", s.name, found, len(broken), broken[:min(2, len(broken))])
	}
	if played == 0 {
		fmt.Fprintf(os.Stderr, "chaos: there is no safeguard %q\n", name)
		return 2
	}
	return code
}
