package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deep values may nest.
const MaxDepth = 32

// Errors of a text that is not JSON as we take it.
var (
	ErrSyntax = errors.New("not valid JSON")
	ErrDepth  = fmt.Errorf("nested deeper than %d levels", MaxDepth)
	ErrShape  = errors.New("not the expected JSON value")
)

type reader struct {
	buf bytes.Buffer
	dec jsontext.Decoder
}

// readers are kept, for the decoder's own memory is more than most messages take.
// Strict and loose ones differ by option only.
type readers struct{ pool sync.Pool }

func (p *readers) get(b []byte, opts ...jsontext.Options) *reader {
	r, _ := p.pool.Get().(*reader)
	if r == nil {
		r = &reader{}
	}
	r.buf = *bytes.NewBuffer(b)
	r.dec.Reset(&r.buf, opts...)
	return r
}

func (p *readers) put(r *reader) {
	r.buf = bytes.Buffer{}
	p.pool.Put(r)
}

//nolint:gochecknoglobals // a pool of scratch memory, no state
var pool readers

// Check says whether the text nests no deeper than MaxDepth. It looks at brackets
// only and runs before any parser does.
func Check(b []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		if quoted {
			switch c {
			case '\\':
				i++
			case '"':
				quoted = false
			}
			continue
		}
		switch c {
		case '"':
			quoted = true
		case '{', '[':
			if depth++; depth > MaxDepth {
				return ErrDepth
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

// Members calls f with every member of an object, in order, and stops at the first
// error. Keys that stand twice, here or anywhere below, are an error: two readers
// would not agree on what the message says.
func (v Value) Members(f func(name string, member Value) error) error {
	return v.members(f, jsontext.AllowInvalidUTF8(true))
}

// Envelope is Members without the look at what stands twice: the parts are judged one
// by one, so that one bad message does not take a whole batch with it.
func (v Value) Envelope(f func(name string, member Value) error) error {
	return v.members(f, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}

func (v Value) members(f func(name string, member Value) error, opts ...jsontext.Options) error {
	r := pool.get(v.raw, opts...)
	defer pool.put(r)
	if err := r.open(jsontext.KindBeginObject, "an object"); err != nil {
		return err
	}
	for r.dec.PeekKind() != jsontext.KindEndObject {
		name, err := r.next(v)
		if err != nil {
			return err
		}
		member, err := r.next(v)
		if err != nil {
			return err
		}
		if err := f(unquote(name.str), member); err != nil {
			return err
		}
	}
	return r.close()
}

// Elements calls f with every element of an array, in order, and stops at the first
// error. Like Envelope it leaves the strict look to whoever reads the element.
func (v Value) Elements(f func(i int, element Value) error) error {
	r := pool.get(v.raw, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	defer pool.put(r)
	if err := r.open(jsontext.KindBeginArray, "an array"); err != nil {
		return err
	}
	for i := 0; r.dec.PeekKind() != jsontext.KindEndArray; i++ {
		element, err := r.next(v)
		if err != nil {
			return err
		}
		if err := f(i, element); err != nil {
			return err
		}
	}
	return r.close()
}

func (r *reader) open(want jsontext.Kind, what string) error {
	token, err := r.dec.ReadToken()
	if err != nil {
		return syntax(err)
	}
	if token.Kind() != want {
		return fmt.Errorf("%w: want %s", ErrShape, what)
	}
	return nil
}

// next cuts the next value out of v.
func (r *reader) next(v Value) (Value, error) {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return Value{}, syntax(err)
	}
	end := int(r.dec.InputOffset())
	start := end - len(raw)
	return Value{raw: v.raw[start:end:end], str: v.str[start:end]}, nil
}

// close wants the end of the value and nothing after it.
func (r *reader) close() error {
	if _, err := r.dec.ReadToken(); err != nil {
		return syntax(err)
	}
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: bytes after the end", ErrSyntax)
	}
	return nil
}

// syntax keeps place and kind of the fault and leaves out the text, which may be
// personal.
func syntax(err error) error {
	if fault, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fmt.Errorf("%w: a key stands twice before byte %d", ErrSyntax, fault.ByteOffset)
		}
		return fmt.Errorf("%w: at byte %d", ErrSyntax, fault.ByteOffset)
	}
	return fmt.Errorf("%w: it ends too early", ErrSyntax)
}
