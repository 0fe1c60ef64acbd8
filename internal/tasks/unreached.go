package tasks

import (
	"sync"
	"time"

	"github.com/rekeyhq/rekey/internal/reset"
)

// unreachedEvery is how often the log says that there is no connection. All
// handlers of a worker find it out at the same moment.
const unreachedEvery = time.Second

// unreached counts tries that reached nobody.
type unreached struct {
	mu    sync.Mutex
	said  time.Time
	cause reset.Cause
	tries int
}

// say counts a try. It returns 0 if the log has a line of that cause already, else
// how many tries the new line is about.
func (u *unreached) say(cause reset.Cause) (tries int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.tries++
	if cause == u.cause && time.Since(u.said) < unreachedEvery {
		return 0
	}
	tries = u.tries
	u.said, u.cause, u.tries = time.Now(), cause, 0
	return tries
}
