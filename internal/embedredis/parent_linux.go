package embedredis

import "syscall"

// dieWithParent has the kernel end the child when this process is gone. The
// child has a process group of its own, so that a Ctrl-C reaches this process
// alone, which then still needs its Redis to drain.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
