//go:build !unix

package child

import "syscall"

func dieWithParent(*syscall.SysProcAttr) {}
