//go:build unix && !linux

package main

import "syscall"

// attributes put a process into a group of its own, so that an interrupt at the terminal reaches it through this process only.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
