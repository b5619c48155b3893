//go:build unix

package stack

import (
	"os/exec"
	"syscall"
)

// detach keeps a Ctrl-C at the terminal from reaching the child, which is stopped in order instead.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
