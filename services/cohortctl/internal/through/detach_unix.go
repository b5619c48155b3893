//go:build unix

package through

import (
	"os/exec"
	"syscall"
)

// detach keeps a Ctrl-C at the terminal from the process, which is stopped in order instead.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
