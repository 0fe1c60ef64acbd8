package main

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/rekeyhq/rekey/internal/campaign"
	"github.com/rekeyhq/rekey/internal/cli"
	"github.com/rekeyhq/rekey/internal/config"
	"github.com/rekeyhq/rekey/internal/roster"
)

// othersRead is the part of a file's mode by which everybody may read it.
const othersRead = 0o004

// rosterKeys says which keys seal and open rosters, and who else can read them.
func (k *check) rosterKeys() finding {
	if len(k.cfg.RosterKeys) == 0 {
		return finding{Level: warned, Says: "none: rosters are in clear in Redis, in its files and in their backups",
			Do: "set roster_keys, see docs/encryption.md"}
	}
	var all []string
	for i, key := range k.cfg.RosterKeys {
		does := "opens"
		if i == 0 {
			does = "seals and opens"
		}
		all = append(all, fmt.Sprintf("%s from %s %s", roster.KeyID([]byte(key.Secret.Reveal())), origin(key), does))
	}
	f := finding{Level: fine, Says: strings.Join(all, ", ")}
	if open := readableByAll(k.cfg.RosterKeys); len(open) > 0 {
		f.Level, f.Do = warned, "chmod o-rwx "+strings.Join(open, " ")
		f.Says += "; everybody on this machine can read " + strings.Join(open, ", ")
	}
	return f
}

func origin(k config.RosterKey) string {
	if k.Path != "" {
		return k.Path
	}
	return "$" + k.Env
}

// readableByAll returns the files of keys that everybody may read. Where modes
// say nothing of that, it says nothing either.
func readableByAll(keys []config.RosterKey) (open []string) {
	for _, key := range keys {
		if key.Path == "" || runtime.GOOS == "windows" {
			continue
		}
		if info, err := os.Stat(key.Path); err == nil && info.Mode()&othersRead != 0 {
			open = append(open, key.Path)
		}
	}
	return open
}

// rosters says how the pool's rosters are sealed: which keys are still needed,
// and which of them this file lacks.
func rosters(all []campaign.Campaign, keys *roster.Keys) finding {
	use := map[string]int{}
	var fails, lost []string
	for _, c := range all {
		if c.Expired || c.Deleting {
			continue
		}
		note(use, c)
		if key := lacks(c, keys); key != "" && c.State.Ended() {
			lost = append(lost, fmt.Sprintf("%s with %s", c.ID, key))
		} else if key != "" {
			fails = append(fails, fmt.Sprintf("%s with %s", c.ID, key))
		}
	}
	f := finding{Level: fine, Says: inUse(use)}
	switch {
	case len(fails) > 0:
		f.Level, f.Do = failed, "put the key back into roster_keys, see docs/encryption.md"
		f.Says += "; sealed with a key that is not in the file: " + few(append(fails, lost...))
	case len(lost) > 0:
		f.Level, f.Do = warned, "put the key back into roster_keys, or delete them, see docs/encryption.md"
		f.Says += "; report, find and replay need a key that is not in the file: " + few(lost)
	}
	return f
}

// note counts a roster under each of its keys, or as one in clear.
func note(use map[string]int, c campaign.Campaign) {
	for _, key := range c.Keys {
		use[key]++
	}
	if len(c.Keys) == 0 && c.Total > 0 {
		use[""]++
	}
}

// lacks returns a key of a roster that is not among keys, or "".
func lacks(c campaign.Campaign, keys *roster.Keys) string {
	for _, key := range c.Keys {
		if !keys.Has(key) {
			return key
		}
	}
	return ""
}

// inUse says how many rosters need which key.
func inUse(use map[string]int) string {
	if len(use) == 0 {
		return "none"
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(use)) {
		if key != "" {
			parts = append(parts, fmt.Sprintf("%s sealed with %s", cli.Count(use[key]), key))
		}
	}
	if n := use[""]; n > 0 {
		parts = append(parts, cli.Count(n)+" in clear")
	}
	return strings.Join(parts, ", ")
}

// mostNamed is how many campaigns a line names.
const mostNamed = 5

func few(names []string) string {
	if more := len(names) - mostNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}
