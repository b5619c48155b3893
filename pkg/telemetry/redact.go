package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// personal are words in attribute keys that tell of people or of secrets. A key is
// split at dots, dashes, underscores and capitals; one such word drops the attribute.
var personal = map[string]bool{
	"email": true, "emails": true, "mail": true, "phone": true, "phones": true, "msisdn": true,
	"body": true, "payload": true, "value": true, "values": true, "properties": true, "traits": true,
	"authorization": true, "auth": true, "cookie": true, "cookies": true, "headers": true, "query": true,
	"password": true, "passwd": true, "secret": true, "secrets": true, "token": true, "tokens": true,
	"credential": true, "credentials": true, "signature": true,
	"person": true, "customer": true, "user": true, "profile": true, "anonymous": true, "subject": true,
	"name":      false,                                                      // names of topics, cohorts and metrics; firstname and lastname are below
	"firstname": true, "lastname": true, "fullname": true, "address": false, // network addresses of our own parts
	"ip": true, "birthday": true, "gender": true,
}

// harmless are whole keys that hold such a word and say nothing of a person.
var harmless = map[string]bool{
	"body_bytes": true, "payload_bytes": true, "http.request.body.size": true, "http.response.body.size": true,
	"messaging.message.body.size": true, "user_agent.original": true, "people": true, "value_bytes": true,
}

// textual traces of people inside values: an email, an international phone number.
var (
	emailText = regexp.MustCompile(`[A-Za-z0-9._%+'-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`)
	phoneText = regexp.MustCompile(`\+[0-9](?:[ ().-]?[0-9]){7,14}\b`)
)

// redactor drops attributes by key and masks text in the rest, in front of every
// other handler, so that no exporter sees what the log does not show.
type redactor struct {
	level slog.Level
	inner slog.Handler
	mute  bool // inside a group with a personal name
}

func newRedactor(level slog.Level, inner slog.Handler) slog.Handler {
	return redactor{level: level, inner: inner}
}

func (h redactor) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.inner.Enabled(ctx, level)
}

func (h redactor) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, maskText(r.Message), r.PC)
	if !h.mute {
		r.Attrs(func(a slog.Attr) bool {
			if kept, ok := redactAttr(a); ok {
				clean.AddAttrs(kept)
			}
			return true
		})
	}
	return h.inner.Handle(ctx, clean)
}

func (h redactor) WithAttrs(attrs []slog.Attr) slog.Handler {
	if h.mute {
		return h
	}
	return redactor{level: h.level, inner: h.inner.WithAttrs(redactAttrs(attrs))}
}

func (h redactor) WithGroup(name string) slog.Handler {
	if h.mute || isPersonal(name) {
		return redactor{level: h.level, inner: h.inner, mute: true}
	}
	return redactor{level: h.level, inner: h.inner.WithGroup(name)}
}

func redactAttrs(attrs []slog.Attr) []slog.Attr {
	kept := make([]slog.Attr, 0, len(attrs))
	for _, a := range attrs {
		if a, ok := redactAttr(a); ok {
			kept = append(kept, a)
		}
	}
	return kept
}

func redactAttr(a slog.Attr) (slog.Attr, bool) {
	if isPersonal(a.Key) {
		return slog.Attr{}, false
	}
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		v = slog.StringValue(maskText(v.String()))
	case slog.KindGroup:
		v = slog.GroupValue(redactAttrs(v.Group())...)
	case slog.KindAny:
		v = redactAny(v.Any())
	default: // numbers, times and truth values name nobody
	}
	return slog.Attr{Key: a.Key, Value: v}, true
}

// redactAny turns what is not plainly a number into masked text: fields of a struct
// have keys that nobody has looked at.
func redactAny(value any) slog.Value {
	switch value := value.(type) {
	case nil:
		return slog.AnyValue(nil)
	case error:
		return slog.StringValue(maskText(value.Error()))
	case []int32, []int64, []int:
		return slog.AnyValue(value)
	case []string:
		masked := make([]string, len(value))
		for i, s := range value {
			masked[i] = maskText(s)
		}
		return slog.AnyValue(masked)
	case fmt.Stringer:
		return slog.StringValue(maskText(value.String()))
	}
	return slog.StringValue(maskText(fmt.Sprintf("%v", value)))
}

func isPersonal(key string) bool {
	if harmless[key] {
		return false
	}
	for word := range strings.FieldsFuncSeq(splitCapitals(key), func(r rune) bool {
		return r == '.' || r == '_' || r == '-' || r == ' '
	}) {
		if personal[strings.ToLower(word)] {
			return true
		}
	}
	return false
}

// splitCapitals makes customer_Email of customerEmail.
func splitCapitals(key string) string {
	var out strings.Builder
	for i, r := range key {
		if i > 0 && r >= 'A' && r <= 'Z' && key[i-1] >= 'a' && key[i-1] <= 'z' {
			out.WriteByte('_')
		}
		out.WriteRune(r)
	}
	return out.String()
}

func maskText(text string) string {
	if strings.Contains(text, "@") || strings.Contains(text, "%40") {
		text = emailText.ReplaceAllString(text, "[email]")
	}
	if strings.Contains(text, "+") {
		text = phoneText.ReplaceAllString(text, "[phone]")
	}
	return text
}
