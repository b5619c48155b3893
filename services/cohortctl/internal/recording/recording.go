// Package recording reads recorded events: CSV with a header, or NDJSON with a
// normalised event or a body of the Pipelines API a line; either may be gzipped. It
// judges form only. What is wrong is told with file, line, column and remedy; no
// error shows who somebody is.
package recording

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// Options say what is taken from a recording.
type Options struct {
	// Properties are read; without it events have none, and reading is faster.
	Properties bool
	// EmailKey makes the person key of somebody who is known by email alone. nil = such
	// events have no person.
	EmailKey func(email string) string
}

// Take gets one event after the other, in the order of the file. The event is good
// until Take returns, its properties for longer. An event of nobody has no Person; one
// of somebody known by email alone, where there is no EmailKey, has the email still.
type Take func(e *event.Event) error

// Error is what is wrong at one place of a recording.
type Error struct {
	File         string
	Line, Column int // from 1; the column counts bytes
	Message      string
}

// Error is the form that editors and terminals can jump to.
func (f *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
}

// ErrFormat says that a file's name does not tell its format.
var ErrFormat = errors.New("the name of a recording ends in .csv, .ndjson or .jsonl, with .gz after it where it is packed")

// CheckName says whether the format of a recording is known.
func CheckName(path string) error {
	if _, err := readerOf(path); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

type reader func(name string, in *bufio.Reader, o Options, take Take) error

func readerOf(path string) (reader, error) {
	switch name := strings.TrimSuffix(path, ".gz"); {
	case strings.HasSuffix(name, ".csv"):
		return readCSV, nil
	case strings.HasSuffix(name, ".ndjson"), strings.HasSuffix(name, ".jsonl"):
		return readNDJSON, nil
	}
	return nil, ErrFormat
}

// ReadFile reads the recording at path. The error is a *Error where the content is
// wrong, and that of take where that ended it.
func ReadFile(path string, o Options, take Take) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer func() { _ = f.Close() }()
	return Read(path, f, o, take)
}

// Read is ReadFile on an open stream; the name's ending tells the format.
func Read(name string, in io.Reader, o Options, take Take) error {
	read, err := readerOf(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	buffered := bufio.NewReaderSize(in, 1<<16)
	// Looked at, not believed: browsers unpack files and keep the name.
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(buffered)
		if err != nil {
			return fmt.Errorf("read events: %s: unpack: %w", name, err)
		}
		buffered = bufio.NewReaderSize(unpacked, 1<<16)
	}
	if mark, _ := buffered.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, _ = buffered.Discard(3)
	}
	return read(name, buffered, o, take)
}
