//go:build unix

package roster

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe stands for /dev/stdout and /dev/null, too: whoever names them does not
// want them renamed away.
func TestRejectsGoIntoAPipeWithoutReplacingIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	// Opened for both, so that neither end waits for the other.
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pipe.Close() }()
	rejectInto(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Fatalf("the pipe is %v now, error %v", info.Mode(), err)
	}
	got := make([]byte, 1000)
	n, err := pipe.Read(got)
	if err != nil || !strings.HasPrefix(string(got[:n]), "line,reason,row\n2,") {
		t.Errorf("the pipe got %q, error %v", got[:n], err)
	}
}
