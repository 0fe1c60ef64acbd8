//go:build unix && !linux

package child

import "syscall"

// dieWithParent keeps a Ctrl-C from the child. Only Linux can tie its life to
// this process's.
func dieWithParent(a *syscall.SysProcAttr) { a.Setpgid = true }
