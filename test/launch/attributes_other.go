//go:build unix && !linux

package launch

import "syscall"

// childAttributes keep a child out of our terminal's signals; nothing ends it when we are killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
