// Package process runs the built programs, for tests and benchmarks that use
// rekey as its users do.
//
// It promises that a process ends with the program that started it, and keeps
// what the process said for the one who asks why it failed. Its weak spot: all
// of that is in memory, so it is no place for a program that talks for days.
package process

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/rekeyhq/rekey/internal/child"
)

// Process is a program that is running, or was.
type Process struct {
	*child.Child
	said said
}

// Start starts a command and keeps what it writes to its standard error.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{said: said{first: make(chan string, 1)}}
	cmd.Stderr = &p.said
	var err error
	p.Child, err = child.Start(cmd)
	return p, err
}

// Said returns what the process wrote to its standard error so far.
func (p *Process) Said() string {
	p.said.mu.Lock()
	defer p.said.mu.Unlock()
	return p.said.text.String()
}

// Address reads where a server listens from its first line. It may be asked once.
func (p *Process) Address(patience time.Duration) (string, error) {
	select {
	case line := <-p.said.first:
		for word := range strings.FieldsSeq(line) {
			word = strings.Trim(strings.TrimPrefix(word, "http://"), "/,;")
			if strings.HasPrefix(word, "127.0.0.1:") {
				return word, nil
			}
		}
		return "", fmt.Errorf("no address in %q", line)
	case <-p.Ended():
		return "", fmt.Errorf("it ended at once: %s", Tail(p.Said()))
	case <-time.After(patience):
		return "", fmt.Errorf("it does not listen after %s", patience)
	}
}

// said keeps a process's output, and hands out its first line.
type said struct {
	first chan string

	mu   sync.Mutex
	text bytes.Buffer
	full bool // the first line was handed out
}

// Write implements [io.Writer].
func (s *said) Write(piece []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(piece)
	if line, _, ok := bytes.Cut(s.text.Bytes(), []byte("\n")); ok && !s.full {
		s.full = true
		s.first <- string(line)
	}
	return len(piece), nil
}

// Tail is the end of a long text.
func Tail(s string) string { return s[max(0, len(s)-4000):] }

// Build builds rekey's programs into a directory. The flags are go build's.
func Build(ctx context.Context, dir string, flags ...string) error {
	args := append([]string{"build", "-o", dir}, flags...)
	out, err := exec.CommandContext(ctx, "go", append(args, "github.com/rekeyhq/rekey/cmd/...")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}
