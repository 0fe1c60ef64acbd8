package child

import "syscall"

// dieWithParent has the kernel end the child when this process is gone. The
// child has a process group of its own, so that a Ctrl-C reaches this process
// alone, which may still need its children to end in good order.
func dieWithParent(a *syscall.SysProcAttr) { a.Setpgid, a.Pdeathsig = true, syscall.SIGKILL }
