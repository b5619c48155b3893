package launch

import "syscall"

// childAttributes make the kernel end a child with us, also when we are killed ourselves.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
