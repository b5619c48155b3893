package config

import (
	"fmt"
	"io"
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

const redacted = "(set, not shown)"

// secretName catches a secret whose field lacks the tag: better a plain setting
// hidden than a password shown. A name that ends in -file or -path is a place.
var secretName = regexp.MustCompile(`(^|-)(secret|secrets|password|passwd|token|tokens|credential|credentials|api-key|api-keys|write-key|write-keys|signing-key|signing-keys)(-|$)`)

func isSecret(v *kong.Value) bool {
	if v.Tag.Has("secret") && v.Tag.Get("secret") != "false" {
		return true
	}
	place := strings.HasSuffix(v.Name, "-file") || strings.HasSuffix(v.Name, "-path")
	return !place && secretName.MatchString(v.Name)
}

// printEffective writes the settings in force in the form of the file that --config
// reads; secrets are left out as comments.
func printEffective(w io.Writer, ctx *kong.Context) error {
	for _, flag := range ctx.Flags() {
		switch flag.Name {
		case "help", "config", "check-config", "version":
			continue
		}
		value := flag.Target
		if isSecret(flag.Value) {
			state := "(not set)"
			if !value.IsZero() {
				state = redacted
			}
			if _, err := fmt.Fprintf(w, "# %s: %s\n", flag.Name, state); err != nil {
				return err
			}
			continue
		}
		text, err := yaml.Marshal(map[string]any{flag.Name: printable(value)})
		if err != nil {
			return fmt.Errorf("%s: %w", flag.Name, err)
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// printable is the value as a person would write it, passwords inside URLs removed.
func printable(v reflect.Value) any {
	if s, ok := reflect.TypeAssert[fmt.Stringer](v); ok {
		return withoutPassword(s.String())
	}
	switch v.Kind() {
	case reflect.String:
		return withoutPassword(v.String())
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = printable(v.Index(i))
		}
		return list
	case reflect.Map:
		entries := map[string]any{}
		for _, key := range v.MapKeys() {
			entries[fmt.Sprint(key.Interface())] = printable(v.MapIndex(key))
		}
		return entries
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return printable(v.Elem())
	default:
		return v.Interface()
	}
}

func withoutPassword(text string) string {
	parts := strings.Split(text, ",") // a list of URLs in one string
	for i, part := range parts {
		if u, err := url.Parse(part); err == nil && u.User != nil {
			if _, has := u.User.Password(); has {
				parts[i] = u.Redacted()
			}
		}
	}
	return strings.Join(parts, ",")
}
