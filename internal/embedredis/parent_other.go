//go:build !unix

package embedredis

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
