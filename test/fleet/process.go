package fleet

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// Process is one of the fleet's.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	mu    sync.Mutex
	said  bytes.Buffer
	lines chan string
}

func (p *Process) listen(s *bufio.Scanner) {
	for s.Scan() {
		p.mu.Lock()
		p.said.WriteString(s.Text() + "\n")
		p.mu.Unlock()
		select {
		case p.lines <- s.Text():
		default:
		}
	}
	_ = p.cmd.Wait() // how it ended is told by what it said
	close(p.ended)
}

// Said returns what the process wrote to its standard error.
func (p *Process) Said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// Signal sends a signal.
func (p *Process) Signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// Kill ends the process as kill -9 does, and returns when it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// address reads where the twin listens from its first line.
func (p *Process) address(t testing.TB) string {
	t.Helper()
	select {
	case line := <-p.lines:
		for word := range strings.FieldsSeq(line) {
			word = strings.Trim(strings.TrimPrefix(word, "http://"), "/,;")
			if strings.HasPrefix(word, "127.0.0.1:") {
				return word
			}
		}
		t.Fatalf("no address in %q", line)
	case <-time.After(patience):
		t.Fatal("the twin does not listen")
	}
	return ""
}
