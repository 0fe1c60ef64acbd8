// Package child runs processes that do not outlive this one.
//
// It promises that a child dies with its parent, on Linux also when the parent
// is killed, and that a Ctrl-C in the terminal reaches the parent alone. Its
// weak spot is every other system: there a parent that is killed leaves its
// children behind.
package child

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// Child is a process that was started.
type Child struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has been waited for
}

// Start starts a command. Its output goes to where the command says.
func Start(cmd *exec.Cmd) (*Child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	dieWithParent(cmd.SysProcAttr)
	c := &Child{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go c.mind(started)
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// mind starts the child and waits for it on one thread for the child's whole
// life: Linux counts the death of the thread that forked as the parent's.
func (c *Child) mind(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.ended)
	err := c.cmd.Start()
	started <- err
	if err == nil {
		_ = c.cmd.Wait() // how it ended is told by State
	}
}

// PID returns the child's process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Ended is closed when the child has ended and its output is read.
func (c *Child) Ended() <-chan struct{} { return c.ended }

// State says how the child ended. It is for a child that has.
func (c *Child) State() *os.ProcessState { return c.cmd.ProcessState }

// Signal sends a signal. One that has ended does not get it.
func (c *Child) Signal(s os.Signal) { _ = c.cmd.Process.Signal(s) }

// Kill ends the child as kill -9 does, and returns when it is gone.
func (c *Child) Kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.ended
}
