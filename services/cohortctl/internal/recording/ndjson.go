package recording

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// maxLine bounds a line; a batch of the Pipelines API has at most 500 kB.
const maxLine = 8 << 20

// lines is an NDJSON file under reading.
type lines struct {
	o    Options
	take Take
	in   *bufio.Reader
	long []byte // memory for lines that the reader's own does not hold
	json parser
}

func readNDJSON(name string, in *bufio.Reader, o Options, take Take) error {
	l := lines{o: o, take: take, in: in}
	for number, more := 1, true; more; number++ {
		line, last, err := l.next()
		if err != nil {
			return fmt.Errorf("read events: %s: line %d: %w", name, number, err)
		}
		more = !last
		if len(line) > maxLine {
			return &Error{File: name, Line: number, Column: 1, Message: fmt.Sprintf("the line is longer than %d MiB: write one event or one batch a line", maxLine>>20)}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := l.line(line); err != nil {
			if wrong, ok := errors.AsType[*misfit](err); ok {
				return &Error{File: name, Line: number, Column: wrong.at + 1, Message: wrong.message}
			}
			return err
		}
	}
	return nil
}

// next gives a line, good until the next one, and whether it is the last. Of one that is
// too long it gives a piece that is too long as well.
func (l *lines) next() (line []byte, last bool, err error) {
	line, err = l.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		l.long = l.long[:0]
		for errors.Is(err, bufio.ErrBufferFull) && len(l.long) <= maxLine {
			l.long = append(l.long, line...)
			line, err = l.in.ReadSlice('\n')
		}
		l.long = append(l.long, line...)
		line = l.long
	}
	switch {
	case errors.Is(err, io.EOF):
		return line, true, nil
	case errors.Is(err, bufio.ErrBufferFull):
		return line, false, nil
	}
	return line, false, err
}

// line tells the two forms apart by the fields that each of them must have.
func (l *lines) line(text []byte) error {
	object, err := l.json.members(whole(text))
	if err != nil {
		return err
	}
	switch {
	case object.find("kind") != nil:
		return l.normalised(object)
	case object.find("batch") != nil:
		calls, err := l.json.elements(object.find("batch").value)
		if err != nil {
			return err
		}
		for _, c := range calls {
			call, err := l.json.members(c)
			if err != nil {
				return err
			}
			if err := l.call(call, c.at); err != nil {
				return err
			}
		}
		return nil
	case object.find("type") != nil:
		return l.call(object, 0)
	}
	return misfitAt(0, "neither kind (a normalised event), type (a call of the Pipelines API) nor batch is there")
}

// hand gives the event on, under its person.
func (l *lines) hand(e *event.Event) error {
	switch {
	case e.Person != "":
	case e.IDs.CustomerID != "":
		e.Person = e.IDs.CustomerID
	case e.IDs.Email != "":
		if l.o.EmailKey != nil {
			e.Person = l.o.EmailKey(e.IDs.Email)
		}
	default:
		e.Person = e.IDs.AnonymousID
	}
	// What says when it was accepted is held to it by guardrails; all else came as it happened.
	e.AcceptedAt = max(e.AcceptedAt, e.EventAt)
	return l.take(e)
}
