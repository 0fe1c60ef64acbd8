package tasks

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/strays.lua
var straysLua string

const (
	// straysEvery is the pace of a walk while something is known to be amiss.
	straysEvery = walkSoon
	// straysAtOnce bounds how long the script keeps Redis from its other work.
	straysAtOnce = 500
)

var straysScript = redis.NewScript(straysLua)

// strays sees to the tasks that are active in nobody's hands. They would keep
// their places in the window, and their rows from being fed again. It reports
// whether rows are without a task now, for a walk to find.
func (f *feeder) strays(ctx context.Context, now time.Time) (missing bool, err error) {
	if time.Since(f.strayed) < straysEvery {
		return false, nil
	}
	again, gone, err := f.queues.reclaim(ctx, now)
	if err != nil {
		return false, err
	}
	f.strayed = time.Now()
	if again+gone > 0 {
		f.log.Warn("tasks were active in nobody's hands; their rows go on", "again", again, "gone", gone,
			"next", "nothing, unless it repeats: then see who else writes to asynq's keys, and a worker's rights in docs/redis.md")
	}
	return gone > 0, nil
}

// reclaim runs the script over both queues.
func (q *queues) reclaim(ctx context.Context, now time.Time) (again, gone int64, err error) {
	for _, name := range q.names {
		keys := []string{key(name, "active"), key(name, "lease"), key(name, "pending")}
		n, err := straysScript.Run(ctx, q.rdb, keys, key(name, "t:"), now.Unix(), straysAtOnce).Int64Slice()
		if err == nil && len(n) != 2 {
			err = fmt.Errorf("unknown answer %v of the script", n)
		}
		if err != nil {
			return again, gone, fmt.Errorf("active tasks of queue %s: %w", name, err)
		}
		again, gone = again+n[0], gone+n[1]
	}
	return again, gone, nil
}
