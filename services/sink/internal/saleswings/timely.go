package saleswings

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// errLate says that a request was held up, as in a process that was frozen, and not sent.
var errLate = errors.New("held up for too long before it was sent")

// timely is a body that is given out until a time and not after it. The transport reads it, to its end, just before
// it writes, so a process that is frozen between its last check and the writing leaves SalesWings without the end of
// a request, which nobody can take for one.
type timely struct {
	bytes.Reader
	until time.Time // by the wall clock, which goes on while a process is frozen or a machine sleeps; zero = never
}

func newTimely(body []byte, until time.Time) *timely {
	t := &timely{until: until.Round(0)}
	t.Reset(body)
	return t
}

// Read gives the body, or errLate.
func (t *timely) Read(p []byte) (int, error) {
	if err := t.late(); err != nil {
		return 0, err
	}
	n, err := t.Reader.Read(p)
	if late := t.late(); late != nil {
		return 0, late
	}
	return n, err //nolint:wrapcheck // io.EOF has to be itself
}

// WriteTo is Read for those who would rather be written to.
func (t *timely) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{t}) //nolint:wrapcheck // the same
}

// Close has nothing to close.
func (t *timely) Close() error { return nil }

func (t *timely) late() error {
	if !t.until.IsZero() && time.Now().Round(0).After(t.until) {
		return errLate
	}
	return nil
}
