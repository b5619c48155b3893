package auth

import (
	"encoding/base64"
	"strings"
)

// Basic reads an Authorization header. The Go client of the Track API encodes in the
// URL-safe alphabet, all others in the standard one; padding may be missing.
func Basic(header string) (user, password string, ok bool) {
	scheme, text, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	plain, err := encoding.DecodeString(text)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(plain), ":")
}

// Bearer reads an Authorization header with a bare key.
func Bearer(header string) (key string, ok bool) {
	scheme, text, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	text = strings.TrimSpace(text)
	return text, text != ""
}

// WriteKey reads the write key of a Pipelines call: the user of Basic, whose password
// is empty, or a bearer key, as newer clients send it.
func WriteKey(header string) (key string, ok bool) {
	if user, password, ok := Basic(header); ok {
		return user, password == "" && user != ""
	}
	return Bearer(header)
}
