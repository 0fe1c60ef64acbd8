package main

import (
	"flag"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/embedredis"
	"github.com/rekeyhq/rekey/test/fleet"
)

var seed = flag.Uint64("seed", rand.Uint64N(1e6), "of the script; a failing run prints its own")

func needsRedis(t *testing.T) {
	t.Helper()
	if !embedredis.Available() && os.Getenv("REKEY_TEST_REDIS") != "required" {
		t.Skip("needs a redis-server on PATH")
	}
}

func TestNobodyIsLostOrHoldsTwoLiveCodesWhateverBreaks(t *testing.T) {
	needsRedis(t)
	t.Parallel()
	bin := fleet.Build(t)
	for name, park := range map[string]bool{"resend": false, "park": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{Seed: *seed, Duration: 45 * time.Second, Users: 2000, Park: park, Bin: bin}
			t.Logf("again with: go test ./test/chaos -seed %d", o.Seed)
			r := Run(t, o)
			t.Logf("\n%s", r)
			if !t.Failed() && r.Calls < o.Users {
				t.Errorf("%d calls for %d users: the proxies did not see what they should", r.Calls, o.Users)
			}
		})
	}
}
