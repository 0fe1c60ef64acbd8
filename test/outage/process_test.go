package outage

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/cognitosim"
)

// process is a worker. It is killed when the test ends.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error
	output output
}

// change is what a test changes about a worker: its configuration's place for
// Cognito, its environment, its program.
type change struct {
	endpoint string
	env      []string
	program  string
}

// worker starts a worker of the rig's pool.
func (r *rig) worker(c ...change) *process {
	r.t.Helper()
	var how change
	if len(c) > 0 {
		how = c[0]
	}
	if how.endpoint == "" {
		how.endpoint = r.twin.URL()
	}
	if how.program == "" {
		how.program = program
	}
	p := &process{t: r.t, cmd: exec.Command(how.program, "--config", r.config(how.endpoint)), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), append([]string{"REKEY_REDIS=", "REKEY_LISTEN=", "REKEY_LOG_LEVEL="}, how.env...)...)
	p.cmd.Stderr = &p.output
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	r.t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
		if r.t.Failed() {
			said := p.output.String()
			r.t.Logf("a worker said:\n%s", said[max(0, len(said)-3000):])
		}
	})
	return p
}

func (r *rig) config(endpoint string) string {
	r.t.Helper()
	r.configs++
	path := filepath.Join(r.dir, fmt.Sprintf("rekey-%d.yaml", r.configs))
	text := fmt.Sprintf(`redis: %s
listen: ""
pools: {test: {region: eu-west-1, client_id: %s, endpoint: %q, hour: %s, concurrency: %d, quota: %s}}
quotas: {%s: {limit: %g, share: 1, echo: 0, burst: %d}}
`, r.server.URL(), cognitosim.DefaultClientID, endpoint, time.Duration(r.hour), handlers, quota, quota, r.rate, burst)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// said reports whether the worker has logged the text.
func (p *process) said(text string) bool {
	return bytes.Contains([]byte(p.output.String()), []byte(text))
}

// output is written by a process and read by a test.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
