package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rekeyhq/rekey/internal/redistest"
)

// The queue's own archive would have dropped more than half of them.
func TestTwentyThousandDeadLettersAreCountedReportedAndReplayed(t *testing.T) {
	t.Parallel()
	const users = 20_000
	faults := filepath.Join(t.TempDir(), "faults")
	if err := os.WriteFile(faults, []byte(`{"answer":"CodeDeliveryFailure"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := Start(t, Options{
		Users: users, Rate: 2000, Pool: "concurrency: 256, ",
		Twin: []string{"--faults", faults}, Server: []string{"--appendfsync", "no"},
	})
	worker := f.Go("worker")
	f.Campaign("dead", users)
	s := f.Until("dead", "done", func(s Show) bool { return s.State == "done" })
	if s.Counts["dead"] != users || s.Causes["CodeDeliveryFailure"] != users {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(f.Run("campaign", "report", "dead", "--state", "dead"), "CodeDeliveryFailure"); n != users {
		t.Errorf("the report has %d dead letters", n)
	}
	worker.Kill()
	rdb := redistest.Client(t, f.Redis)
	if n := rdb.ZCard(t.Context(), "asynq:{rekey-test}:archived").Val(); n != 0 {
		t.Errorf("%d tasks are in the queue's archive", n)
	}
	f.Run("campaign", "replay", "dead", "--cause", "CodeDeliveryFailure", "--confirm", fmt.Sprint(users))
	if s := f.Show("dead"); s.State != "running" || s.Counts["waiting"] != users {
		t.Errorf("after the replay: %+v", s)
	}
}

// At the usual rate what runs beside the calls weighs the most.
func TestACallCostsAtMostEightScripts(t *testing.T) {
	t.Parallel()
	const users = 400
	f := Start(t, Options{Users: users, Rate: 17.1, Twin: []string{"--burst", "50"}})
	f.Go("worker")
	f.Go("worker")
	f.Campaign("counted", users)
	rdb := redistest.Client(t, f.Redis)
	called := func(n int) int {
		// By the journal: the operator's commands run scripts too.
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(patience); len(f.Journal()) < n; <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("only %d calls", len(f.Journal()))
			}
		}
		return len(f.Journal())
	}
	from := called(50)
	before := scripts(t, rdb)
	calls := called(users-50) - from
	n := scripts(t, rdb) - before
	if per := float64(n) / float64(calls); per > 8 {
		t.Errorf("%d scripts for %d calls: %.1f each", n, calls, per)
	} else {
		t.Logf("%.1f scripts a call", per)
	}
}

// scripts counts all that Redis has run.
func scripts(t *testing.T, rdb *redis.Client) int {
	t.Helper()
	n := 0
	info := rdb.Info(t.Context(), "commandstats").Val()
	for _, m := range regexp.MustCompile(`cmdstat_(?:evalsha|eval|fcall|evalsha_ro|eval_ro):calls=(\d+)`).FindAllStringSubmatch(info, -1) {
		calls, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		n += calls
	}
	return n
}
