// Package limits bounds what one request may cost: bytes on the wire, bytes after
// inflating, and how many requests and bytes are held at once.
package limits

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Errors of bodies. Anything else came from the connection.
var (
	ErrTooLarge = errors.New("the body is larger than the limit")
	ErrEncoding = errors.New("the body's encoding cannot be read")
	ErrUnknown  = errors.New("the content encoding is not known: send gzip or none")
)

// maxRatio is how far a body may inflate: JSON of equal events reaches some 50.
const maxRatio = 120

// smallest: a ratio says nothing about a body of a few lines.
const smallest = 64 << 10

//nolint:gochecknoglobals // pools of scratch memory, no state
var (
	small    = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	large    = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	inflates sync.Pool
)

// Sizes of buffers, in bytes. A body begins in a small one, whatever it announces, so that
// those who send nothing hold next to nothing; each further one is some times as large.
const (
	firstBuffer = 4 << 10
	growth      = 4
	smallBuffer = 16 << 10
	keepBuffer  = 256 << 10 // larger ones are given back to the runtime
)

// Body is a body in memory. Release gives its memory back; nothing of it may be in use then.
type Body struct {
	buf   *bytes.Buffer
	probe [1]byte
}

// Bytes are the body's bytes.
func (b *Body) Bytes() []byte {
	if b == nil || b.buf == nil {
		return nil
	}
	return b.buf.Bytes()
}

// Release ends the use of the body.
func (b *Body) Release() {
	if b == nil || b.buf == nil {
		return
	}
	giveBack(b.buf)
	b.buf = nil
}

func giveBack(buf *bytes.Buffer) {
	buf.Reset()
	switch n := buf.Cap(); {
	case n == 0: // nothing to keep
	case n <= smallBuffer+2*bytes.MinRead:
		small.Put(buf)
	case n <= keepBuffer+2*bytes.MinRead:
		large.Put(buf)
	}
}

// Receive reads r and keeps its first limit bytes; all that comes, up to hard bytes,
// is given to also, if there is one, so that a signature can be checked of more than is
// held. length is the announced length, -1 if there is none. What is kept is taken from the
// place as it arrives; ErrNoRoom says that there was no more. size is how much there was:
// more than limit says that the body is cut. More than hard is ErrTooLarge.
func Receive(r io.Reader, length int64, limit, hard int, also io.Writer, place *Place) (b *Body, size int64, err error) {
	if length > int64(hard) {
		return nil, length, fmt.Errorf("%w of %d bytes", ErrTooLarge, hard)
	}
	r = io.LimitReader(r, int64(hard)+1)
	if also != nil {
		r = io.TeeReader(r, also)
	}
	b, err = fill(r, min(length, int64(limit)), limit, place)
	size = int64(b.buf.Len())
	if errors.Is(err, ErrTooLarge) {
		b.buf.Truncate(limit)
		var rest int64
		if rest, err = io.Copy(io.Discard, r); err != nil {
			err = fmt.Errorf("read the body: %w", err)
		}
		if size += rest; err == nil && size > int64(hard) {
			err = fmt.Errorf("%w of %d bytes", ErrTooLarge, hard)
		}
	}
	if err != nil {
		b.Release()
		return nil, size, err
	}
	return b, size, nil
}

// Decode undoes the one encoding that is taken: gzip, one layer, one stream, with
// nothing after it and no more than limit bytes inside. The answer takes the place of b.
// With ErrEncoding it is b itself, as it came, so that it can be kept; with any other
// error b is released.
func (b *Body) Decode(encoding string, limit int, place *Place) (*Body, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return b, nil
	case "gzip", "x-gzip":
	default:
		b.Release()
		return nil, ErrUnknown
	}
	plain, err := inflate(b.Bytes(), limit, place)
	if err != nil {
		plain.Release()
		if errors.Is(err, ErrEncoding) {
			return b, err
		}
		b.Release()
		return nil, err
	}
	b.Release()
	return plain, nil
}

// fill reads all of r, which is to be no more than limit bytes.
func fill(r io.Reader, length int64, limit int, place *Place) (*Body, error) {
	b := &Body{buf: small.Get().(*bytes.Buffer)}
	for held, room := 0, firstBuffer; ; room *= growth {
		if held < int(length) {
			room = min(room, int(length))
		}
		room = min(room, limit+1)
		if err := place.Take(int64(room - held)); err != nil {
			return b, err
		}
		held = room
		b.reserve(room)
		if _, err := b.buf.ReadFrom(io.LimitReader(r, int64(room-b.buf.Len()))); err != nil {
			return b, fmt.Errorf("read the body: %w", err)
		}
		switch n := b.buf.Len(); {
		case n > limit:
			return b, fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)
		case n < room:
			return b, nil
		}
		// The buffer is full: is there more?
		switch _, err := io.ReadFull(r, b.probe[:]); {
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return b, fmt.Errorf("read the body: %w", err)
		}
		b.buf.WriteByte(b.probe[0])
		if held == limit { // room for that one byte more is all there is
			return b, fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)
		}
	}
}

// reserve makes the buffer one for n bytes in all. ReadFrom wants some to spare. Grow would
// take twice as much, and what is too large is not kept.
func (b *Body) reserve(n int) {
	need := n + bytes.MinRead
	if b.buf.Cap() >= need {
		return
	}
	var grown *bytes.Buffer
	if n > smallBuffer {
		grown = large.Get().(*bytes.Buffer)
	}
	if grown == nil || grown.Cap() < need {
		grown = bytes.NewBuffer(make([]byte, 0, need))
	}
	grown.Write(b.buf.Bytes())
	giveBack(b.buf)
	b.buf = grown
}

func inflate(packed []byte, limit int, place *Place) (*Body, error) {
	src := bytes.NewReader(packed)
	z, err := reader(src)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	defer inflates.Put(z)
	z.Multistream(false)
	bound := min(limit, max(len(packed)*maxRatio, smallest))
	plain, err := fill(z, -1, bound, place)
	switch {
	case errors.Is(err, ErrNoRoom):
		return plain, err
	case errors.Is(err, ErrTooLarge):
		return plain, fmt.Errorf("%w: it inflates to more than %d bytes", ErrTooLarge, bound)
	case err != nil:
		return plain, fmt.Errorf("%w: %w", ErrEncoding, err)
	case src.Len() > 0:
		return plain, fmt.Errorf("%w: bytes after the end of the gzip stream", ErrEncoding)
	}
	return plain, nil
}

func reader(src *bytes.Reader) (*gzip.Reader, error) {
	z, _ := inflates.Get().(*gzip.Reader)
	if z == nil {
		return gzip.NewReader(src)
	}
	if err := z.Reset(src); err != nil {
		inflates.Put(z)
		return nil, err
	}
	return z, nil
}
