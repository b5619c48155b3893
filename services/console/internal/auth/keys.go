// Package auth says who may read: bearer keys, each with what it is for.
package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// Scope is what a key is for.
type Scope string

// Read is the only scope so far. It has a name, so that keys given out today stay what
// they are when others come.
const Read Scope = "read"

// Keys are the valid keys, kept as digests. The zero value knows no key.
type Keys struct{ entries []entry }

type entry struct {
	digest [sha256.Size]byte
	scope  Scope
}

// minKey is the length below which a key is taken for a mistake.
const minKey = 8

// NewKeys reads keys as they stand in the settings: "KEY" or "read=KEY", several to a
// text with commas or line ends, as in a file; lines that begin with # are skipped. what
// names the setting in errors, which never quote a key.
func NewKeys(what string, texts []string) (*Keys, error) {
	k := &Keys{}
	n := 0
	for _, text := range texts {
		for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == ',' }) {
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			n++
			scope, key := split(line)
			if !slices.Contains([]Scope{Read}, scope) {
				return nil, fmt.Errorf("%s: key %d has a scope that is not known: write read=KEY", what, n)
			}
			if len(key) < minKey {
				return nil, fmt.Errorf("%s: key %d has %d characters: give at least %d, made with openssl rand -hex 16 for example", what, n, len(key), minKey)
			}
			k.entries = append(k.entries, entry{digest: sha256.Sum256([]byte(key)), scope: scope})
		}
	}
	if n == 0 && len(texts) > 0 {
		return nil, fmt.Errorf("%s: no key in what is given: write one to a line, or leave the setting out", what)
	}
	return k, nil
}

// split takes "scope=" off a key. Keys may hold "=" themselves, as base64 does, so only
// a short word of letters in front of more than that is a scope.
func split(text string) (Scope, string) {
	name, rest, ok := strings.Cut(text, "=")
	letters := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") == ""
	if !ok || name == "" || len(name) >= minKey || !letters || strings.Trim(rest, "=") == "" {
		return Read, text
	}
	return Scope(name), rest
}

// Any says whether there is a key at all.
func (k *Keys) Any() bool { return len(k.entries) > 0 }

// Admit says whether an Authorization header carries a key of the scope. It looks at all
// keys always, so that the time it takes says nothing.
func (k *Keys) Admit(header string, scope Scope) bool {
	name, key, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(name, "Bearer") {
		return false
	}
	digest := sha256.Sum256([]byte(strings.TrimSpace(key)))
	found := false
	for i := range k.entries {
		if e := &k.entries[i]; hmac.Equal(e.digest[:], digest[:]) && e.scope == scope {
			found = true
		}
	}
	return found
}
