package launch_test

import (
	"fmt"
	"testing"
)

// recorder is a test whose outcome is looked at instead of taken.
type recorder struct {
	testing.TB // nothing but the methods below may be called
	outcome    string
	message    string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.outcome, r.message = "fail", fmt.Sprintf(format, args...)
}

func (r *recorder) Skipf(format string, args ...any) {
	r.outcome, r.message = "skip", fmt.Sprintf(format, args...)
}
