// Package auth checks who sent a request: write keys, Track API credentials,
// signatures of webhooks. Every comparison takes the same time whatever differs, and
// several keys may be valid at once, so that they can be changed without a gap.
package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
)

// Keys are the valid keys of one surface, each with the workspace it speaks for. They are
// kept as digests. The zero value knows no key and refuses everybody.
type Keys struct {
	entries []entry
}

type entry struct {
	digest    [sha256.Size]byte
	workspace string
}

// NewKeys reads keys as they stand in the configuration: "key", for the default
// workspace, or "workspace=key". what names the setting in errors, which never quote a key.
func NewKeys(what, workspace string, texts []string) (*Keys, error) {
	k := &Keys{}
	for i, text := range texts {
		name, key := split(strings.TrimSpace(text), workspace)
		if key == "" {
			return nil, fmt.Errorf("%s: entry %d is empty: remove it or give a key", what, i+1)
		}
		k.entries = append(k.entries, entry{digest: sha256.Sum256([]byte(key)), workspace: name})
	}
	return k, nil
}

// split takes "workspace=" off a key. Keys may end in "=", as base64 does, and so what
// follows must be more than that.
func split(text, fallback string) (workspace, key string) {
	name, rest, ok := strings.Cut(text, "=")
	if !ok || name == "" || strings.Trim(rest, "=") == "" {
		return fallback, text
	}
	return name, rest
}

// Workspace tells which workspace a key speaks for. It looks at all keys always.
func (k *Keys) Workspace(key string) (workspace string, ok bool) {
	digest := sha256.Sum256([]byte(key))
	for i := range k.entries {
		if e := &k.entries[i]; hmac.Equal(e.digest[:], digest[:]) {
			workspace, ok = e.workspace, true
		}
	}
	return workspace, ok
}

// Any says whether there is a key at all.
func (k *Keys) Any() bool { return len(k.entries) > 0 }
