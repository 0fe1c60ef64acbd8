//go:build unix

package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/child"
	"github.com/rekeyhq/rekey/internal/redistest"
)

// patience is how long a document's commands may take. Machines are shared.
const patience = 5 * time.Minute

// prelude makes of a shell a reader's: one that stops at the first error, and
// whose go works on the checkout from wherever the reader stands.
const prelude = `set -eu
# When the test ends, or is killed, so do all processes of this group. A word
# on the pipe says that there should be none left.
({ read -r word <&3 || kill -9 0; } >/dev/null 2>&1 &)
exec 3<&-
go() { verb=$1; shift; command go "$verb" -C "$CHECKOUT" "${@/#bin\//$PWD/bin/}"; }
settled() { while ! "$@"; do command sleep 0.1; done; }
says() { grep -qs "$1" ./*.log; }
serves() { ! PATH=$PATH:$PWD/bin worker check | grep -q 'none serves'; }
`

// step is what a reader types at once, and what the document shows of its answer.
type step struct {
	typed block
	shown *block
}

// session is a shell in a directory of its own.
type session struct {
	t    *testing.T
	dir  string
	more string            // after the prelude
	env  []string          // more of its environment
	swap *strings.Replacer // what the document says, and what it is here
}

// newSession needs a bash and a redis-server.
func newSession(t *testing.T) *session {
	t.Helper()
	redistest.Need(t)
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("needs a bash on PATH")
	}
	// Not below t.TempDir, which has the test's name: a socket's path is short.
	dir, err := os.MkdirTemp("", "rekey-docs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	checkout, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return &session{t: t, dir: dir, env: []string{"CHECKOUT=" + checkout, "REKEY_LISTEN=127.0.0.1:0"}, swap: strings.NewReplacer()}
}

// play types all steps into one shell and returns what each of them printed to
// the standard output.
func (s *session) play(steps []step) []string {
	s.t.Helper()
	var script strings.Builder
	script.WriteString(prelude + s.more)
	for i, st := range steps {
		fmt.Fprintf(&script, "\nprintf '\\036'\n# step %d\n%s\n%s", i, s.swap.Replace(st.typed.text), settle(st.typed.text))
	}
	stdout, ok := s.shell(script.String())
	// What stands before the first mark is the prelude's.
	said := strings.Split(stdout, "\036")[1:]
	if !ok || len(said) != len(steps) {
		at := max(0, len(said)-1)
		s.t.Fatalf("line %d: a command failed, or did not end:\n%s\nIt printed:\n%s", steps[at].typed.line, steps[at].typed.text, said[at])
	}
	return said
}

// settle waits until what a step has put into the background is there: a reader
// is slower than a program, unless the machine is busy.
func settle(typed string) string {
	var b strings.Builder
	for line := range strings.Lines(typed) {
		for _, p := range []struct{ in, wait string }{
			{"redis-server ", "says 'eady to accept connections'"},
			{"cognitosim --addr", "says 'listening on'"},
			{"worker 2>", "serves"},
		} {
			if strings.Contains(line, p.in) {
				b.WriteString("settled " + p.wait + "\n")
			}
		}
	}
	return b.String()
}

// shell runs a script to its end, and wants nothing of it to be left.
func (s *session) shell(script string) (stdout string, ok bool) {
	s.t.Helper()
	out, errs := s.create("stdout"), s.create("stderr")
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = s.dir, out, errs, []*os.File{r}
	cmd.Env = append(os.Environ(), s.env...)
	bash, err := child.Start(cmd)
	_ = r.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-bash.Ended():
		ok = bash.State().Success()
	case <-time.After(patience):
		bash.Kill()
	}
	if ok {
		s.gone(bash.PID(), w)
	} else {
		s.t.Logf("stderr:\n%s", s.content(errs))
	}
	return s.content(out), ok
}

// gone wants a shell's processes to end with it. Those that do not are ended
// then, as they are when it failed: the guard sees the pipe closed.
func (s *session) gone(group int, w *os.File) {
	_, _ = w.WriteString("done\n") // unless the shell's guard has been ended too
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-tick.C {
		if syscall.Kill(-group, 0) != nil {
			return
		}
	}
	_ = syscall.Kill(-group, syscall.SIGKILL)
	s.t.Error("the commands leave processes behind")
}

func (s *session) create(name string) *os.File {
	f, err := os.Create(filepath.Join(s.t.TempDir(), name))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = f.Close() })
	return f
}

func (s *session) content(f *os.File) string {
	b, err := os.ReadFile(f.Name())
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func TestNothingOfAShellIsLeftBehind(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	s.play([]step{{typed: block{text: "sleep 300 & sleeper=$!\n"}}, {typed: block{text: "kill $sleeper\n"}}})
}
