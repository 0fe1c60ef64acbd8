package cli

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// pseudo returns a terminal.
func pseudo(t *testing.T) *os.File {
	t.Helper()
	owner, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = owner.Close() })
	if err := unix.IoctlSetPointerInt(int(owner.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(owner.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	return tty
}

func TestOnlyATerminalWhoseUserWantsItIsDrawnOn(t *testing.T) {
	t.Parallel()
	pipe, _, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pipe.Close() })
	tty := pseudo(t)
	for _, c := range []struct {
		name string
		out  *os.File
		env  map[string]string
		want bool
	}{
		{"a terminal", tty, nil, true},
		{"NO_COLOR", tty, map[string]string{"NO_COLOR": "1"}, false},
		{"a terminal that understands nothing", tty, map[string]string{"TERM": "dumb"}, false},
		{"a pipe", pipe, nil, false},
	} {
		p := &Program{Stdout: c.out, Stderr: c.out, Getenv: func(k string) string { return c.env[k] }}
		if p.Screen().Draws() != c.want || p.Progress("x").terminal != c.want {
			t.Errorf("%s: is drawn on: %v, and a bar: %v", c.name, p.Screen().Draws(), p.Progress("x").terminal)
		}
	}
}
