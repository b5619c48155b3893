package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// misfit is a fault within a line, at a byte of it.
type misfit struct {
	at      int
	message string
}

func (m *misfit) Error() string { return m.message }

func misfitAt(at int, format string, args ...any) error {
	return &misfit{at: at, message: fmt.Sprintf(format, args...)}
}

// value is the text of one JSON value and where it begins in the line.
type value struct {
	raw []byte
	at  int
}

func whole(line []byte) value { return value{raw: line} }

// kind is the first byte of the text: '"' '{' '[' 't' 'f' 'n', or '0' for a number.
func (v value) kind() byte {
	switch c := v.raw[0]; {
	case c == '-' || c >= '0' && c <= '9':
		return '0'
	default:
		return c
	}
}

type member struct {
	name  string
	value value
}

// members of an object, in order.
type members []member

// find gives a member that is there and not null.
func (m members) find(name string) *member {
	for i := range m {
		if m[i].name == name && m[i].value.kind() != 'n' {
			return &m[i]
		}
	}
	return nil
}

// parser keeps the decoder's memory.
type parser struct {
	buf bytes.Buffer
	dec jsontext.Decoder
}

func (p *parser) open(v value, want jsontext.Kind, what string) error {
	p.buf = *bytes.NewBuffer(v.raw)
	p.dec.Reset(&p.buf)
	token, err := p.dec.ReadToken()
	if err != nil {
		return p.syntax(v, err)
	}
	if token.Kind() != want {
		return misfitAt(v.at, "%s is wanted here", what)
	}
	return nil
}

func (p *parser) next(v value) (value, error) {
	raw, err := p.dec.ReadValue()
	if err != nil {
		return value{}, p.syntax(v, err)
	}
	end := int(p.dec.InputOffset())
	return value{raw: v.raw[end-len(raw) : end], at: v.at + end - len(raw)}, nil
}

// close wants nothing after the value.
func (p *parser) close(v value) error {
	if _, err := p.dec.ReadToken(); err != nil {
		return p.syntax(v, err)
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return misfitAt(v.at+int(p.dec.InputOffset()), "something follows the object: write one to a line")
	}
	return nil
}

func (p *parser) syntax(v value, err error) error {
	fault, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case ok && errors.Is(err, jsontext.ErrDuplicateName):
		return misfitAt(v.at+int(fault.ByteOffset), "a field stands twice: leave one of them out")
	case ok:
		return misfitAt(v.at+int(fault.ByteOffset), "this is not valid JSON: write one object a line")
	}
	return misfitAt(v.at+len(bytes.TrimSpace(v.raw)), "the JSON ends too early: write one whole object a line")
}

func (p *parser) members(v value) (members, error) {
	if err := p.open(v, jsontext.KindBeginObject, "an object"); err != nil {
		return nil, err
	}
	all := make(members, 0, 16)
	for p.dec.PeekKind() != jsontext.KindEndObject {
		name, err := p.next(v)
		if err != nil {
			return nil, err
		}
		text := name.unquote()
		of, err := p.next(v)
		if err != nil {
			return nil, err
		}
		all = append(all, member{text, of})
	}
	return all, p.close(v)
}

func (p *parser) elements(v value) ([]value, error) {
	if err := p.open(v, jsontext.KindBeginArray, "a list"); err != nil {
		return nil, err
	}
	var all []value
	for p.dec.PeekKind() != jsontext.KindEndArray {
		of, err := p.next(v)
		if err != nil {
			return nil, err
		}
		all = append(all, of)
	}
	return all, p.close(v)
}

func (v value) unquote() string {
	text, _ := jsontext.AppendUnquote(nil, v.raw)
	return string(text)
}

// text reads a text into to. A number is taken too where it names somebody: some shops
// count their customers.
func (m *member) text(to *string) error {
	switch m.value.kind() {
	case '"':
		*to = m.value.unquote()
	case '0':
		*to = string(m.value.raw)
	default:
		return misfitAt(m.value.at, "%s has to be text", m.name)
	}
	return nil
}

// instant reads RFC 3339 text or a whole number of ms since 1970.
func (m *member) instant(to *int64) error {
	var err error
	switch m.value.kind() {
	case '"':
		if *to, err = ParseInstant(m.value.unquote()); err != nil {
			return misfitAt(m.value.at, "%s %v", m.name, err)
		}
	case '0':
		text := string(m.value.raw)
		if *to, err = strconv.ParseInt(text, 10, 64); err == nil {
			return nil
		}
		if strings.Contains(text, ".") {
			return misfitAt(m.value.at, "%s %s is %v", m.name, cut(text), errFiner)
		}
		return misfitAt(m.value.at, "%s %s is no instant: give milliseconds since 1970", m.name, cut(text))
	default:
		return misfitAt(m.value.at, "%s has to be RFC 3339 text or milliseconds since 1970", m.name)
	}
	return nil
}

// put files a property under its type, as ingest does: what is no scalar, and a number
// that a float64 cannot hold, is kept as JSON text.
func put(p *event.Properties, name string, v value) {
	switch v.kind() {
	case '"':
		_ = putText(p, name, v.unquote())
		return
	case 't', 'f':
		_ = putBoolean(p, name, string(v.raw))
		return
	case '0':
		text := string(v.raw)
		f, err := strconv.ParseFloat(text, 64)
		if err == nil && (strings.ContainsAny(text, ".eE") || f > -1<<53 && f < 1<<53) {
			_ = putNumber(p, name, text)
			return
		}
	}
	putNested(p, name, v)
}

func putNested(p *event.Properties, name string, v value) {
	if p.Nested == nil {
		p.Nested = make(map[string]string)
	}
	text := bytes.Clone(v.raw)
	if out, err := jsontext.AppendFormat(nil, text); err == nil {
		text = out
	}
	p.Nested[name] = string(text)
}
