// Package wire reads JSON as Customer.io and its clients send it: one object or array
// at a time, without reflection, and with every value kept as the text that stood in
// the body, so that a message can be named by its raw bytes and kept as it came.
//
// Syntax is checked by jsontext and is strict (no duplicate keys, no NaN, no trailing
// bytes) with one exception: text that is not UTF-8, or half of a surrogate pair,
// becomes U+FFFD. Clients cut strings in the middle of an emoji, and a purchase must
// not be lost for its product's title.
package wire

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is one JSON value, without white space around it. The zero value stands for a
// key that is absent. It keeps the body it was cut from alive.
type Value struct {
	raw []byte
	str string // the same bytes
}

// Of makes a value of a text that was not yet looked at.
func Of(body []byte) Value { return Value{raw: body, str: string(body)} }

// Raw gives the text as it stood in the body.
func (v Value) Raw() []byte { return v.raw }

// JSON gives the text as it stood in the body, made valid UTF-8.
func (v Value) JSON() string {
	if !utf8.ValidString(v.str) {
		return strings.ToValidUTF8(v.str, "\uFFFD")
	}
	return v.str
}

// Mentions says whether the text holds another one anywhere: a cheap look before a
// costly one.
func (v Value) Mentions(text string) bool { return strings.Contains(v.str, text) }

// Present says whether the key was there and not null.
func (v Value) Present() bool { return len(v.str) > 0 && v.str[0] != 'n' }

// Kinds of values, by the first byte of their text.
const (
	Absent byte = 0
	Null   byte = 'n'
	String byte = '"'
	Number byte = '0'
	Bool   byte = 't'
	Object byte = '{'
	Array  byte = '['
)

// Kind tells what the value is.
func (v Value) Kind() byte {
	if len(v.str) == 0 {
		return Absent
	}
	switch c := v.str[0]; c {
	case 'f':
		return Bool
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return Number
	default:
		return c
	}
}

// Text gives the text of a string, and "" for everything else.
func (v Value) Text() string {
	if v.Kind() != String {
		return ""
	}
	return unquote(v.str)
}

// Name gives an identifier: the text of a string or the digits of a number, since some
// shops count their customers. ok is false for any other value that is present.
func (v Value) Name() (name string, ok bool) {
	switch v.Kind() {
	case String:
		return unquote(v.str), true
	case Number:
		return v.str, true
	}
	return "", !v.Present()
}

// Truth gives a boolean; ok is false for everything else.
func (v Value) Truth() (truth, ok bool) {
	return v.str == "true", v.Kind() == Bool
}

// Float gives a number that a float64 holds exactly. ok is false for anything else:
// text, a longer integer, an exponent beyond the range.
func (v Value) Float() (f float64, ok bool) {
	if v.Kind() != Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.str, 64)
	if err != nil {
		return 0, false
	}
	if len(v.str) > 15 && !strings.ContainsAny(v.str, ".eE") {
		// More digits than every float64 holds: is it one of those it does?
		i, err := strconv.ParseInt(v.str, 10, 64)
		if err != nil || f >= 1<<63 || int64(f) != i {
			return 0, false
		}
	}
	return f, true
}

// unquote takes a valid JSON string and gives its text, without a copy where nothing
// in it is escaped.
func unquote(quoted string) string {
	inner := quoted[1 : len(quoted)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		if utf8.ValidString(inner) {
			return inner
		}
		return strings.ToValidUTF8(inner, "\uFFFD")
	}
	// The error speaks of UTF-8 that was mangled, which is what is wanted.
	text, _ := jsontext.AppendUnquote(nil, quoted)
	return string(text)
}

// Quote makes the value of a text.
func Quote(text string) Value {
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		// The only error is text that is not UTF-8, and the result is then made of U+FFFD.
		quoted, _ = jsontext.AppendQuote(nil, strings.ToValidUTF8(text, "\uFFFD"))
	}
	return Of(quoted)
}
