//go:build unix && !linux

package embedredis

import "syscall"

// dieWithParent keeps a Ctrl-C from the child. Only Linux can tie its life to
// this process's.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
