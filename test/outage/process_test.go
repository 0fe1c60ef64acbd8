package outage

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/child"
	"github.com/rekeyhq/rekey/internal/cognitosim"
	"github.com/rekeyhq/rekey/test/process"
)

// hired is a worker. It is killed when the test ends.
type hired struct {
	*process.Process
	t *testing.T
}

// change is what a test changes about a worker: its configuration's places for
// Cognito and Redis and its handlers, its environment, its program.
type change struct {
	endpoint string
	redis    string
	handlers int
	env      []string
	program  string
}

// worker starts a worker of the rig's pool.
func (r *rig) worker(c ...change) *hired {
	r.t.Helper()
	var how change
	if len(c) > 0 {
		how = c[0]
	}
	how.endpoint = cmp.Or(how.endpoint, r.twin.URL())
	how.redis = cmp.Or(how.redis, r.server.URL())
	how.handlers = cmp.Or(how.handlers, handlers)
	how.program = cmp.Or(how.program, program)
	cmd := exec.Command(how.program, "--config", r.config(how))
	cmd.Env = append(os.Environ(), append([]string{"REKEY_REDIS=", "REKEY_LISTEN=", "REKEY_LOG_LEVEL="}, how.env...)...)
	p, err := process.Start(cmd)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		p.Kill()
		if r.t.Failed() {
			r.t.Logf("a worker said:\n%s", process.Tail(p.Said()))
		}
	})
	return &hired{p, r.t}
}

func (r *rig) config(how change) string {
	r.t.Helper()
	r.configs++
	path := filepath.Join(r.dir, fmt.Sprintf("rekey-%d.yaml", r.configs))
	text := fmt.Sprintf(`redis: %s
listen: ""
pools: {test: {region: eu-west-1, client_id: %s, endpoint: %q, hour: %s, concurrency: %d, quota: %s}}
quotas: {%s: {limit: %g, share: 1, echo: 0, burst: %d}}
`, how.redis, cognitosim.DefaultClientID, how.endpoint, time.Duration(r.hour), how.handlers, quota, quota, r.rate, burst)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// suspend stops a worker. It has stopped when suspend returns: what the test lets
// pass after that reaches a worker that sleeps.
func (p *hired) suspend() {
	p.t.Helper()
	if err := child.Suspend(p.PID()); err != nil {
		p.t.Fatal(err)
	}
}

func (p *hired) signal(s syscall.Signal) { p.Signal(s) }

// said reports whether the worker has logged the text.
func (p *hired) said(text string) bool { return strings.Contains(p.Said(), text) }
