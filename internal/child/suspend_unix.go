//go:build unix

package child

import (
	"errors"
	"fmt"
	"syscall"
)

// Suspend stops a child of this process as Ctrl-Z does, and returns when it has
// stopped; SIGCONT wakes it up. kill alone returns before: on a busy machine the
// child goes on for a while, and does what it was to be stopped before.
func Suspend(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("SIGSTOP for process %d: %w", pid, err)
	}
	for {
		var how syscall.WaitStatus
		_, err := syscall.Wait4(pid, &how, syscall.WUNTRACED, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return fmt.Errorf("waiting for process %d to stop: %w", pid, err)
		case !how.Stopped():
			return fmt.Errorf("process %d ended before it stopped", pid)
		default:
			return nil
		}
	}
}
