package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/child"
	"github.com/rekeyhq/rekey/internal/redistest"
)

// A Redis that hangs keeps its connections open. A worker that cannot drain for
// it ends all the same, and says what that means.
func TestAWorkerEndsWithAWordWhileRedisHangs(t *testing.T) {
	t.Parallel()
	server := redistest.Real(t)
	p := start(t, "--config", configFile(t, fmt.Sprintf(
		"redis: %s\nlisten: \"\"\npools: {prod: {region: eu-west-1, client_id: abc, endpoint: \"http://127.0.0.1:9\", hour: 10s}}\n", server.URL())))
	until(t, "it feeds the pool", 15*time.Second, func() bool { return strings.Contains(p.Said(), "feeds the pool") })
	if err := child.Suspend(server.PID()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(server.PID(), syscall.SIGCONT) })
	p.terminate(t, 1)
	if said := p.Said(); strings.Contains(said, "panic") || !strings.Contains(said, "come again by themselves") {
		t.Errorf("it does not say what became of its tasks:\n%s", said)
	}
}
