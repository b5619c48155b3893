package normalise

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// EmailRule says what a platform does to an email before it hashes it.
type EmailRule struct {
	ID      string
	Version int32
	Base64  bool // the digest is base64 of the raw bytes, not lower-case hex

	dots []string // domains whose local part loses its dots
	plus []string // domains whose local part is cut at the first plus
}

var (
	everywhere = []string{"*"}
	gmail      = []string{"gmail.com"}
	googlemail = []string{"gmail.com", "googlemail.com"}
)

// Email rules. A change of one is a new version, and digests of the old one are
// then carried as previous identifiers by the platform table.
var (
	EmailMeta           = EmailRule{ID: "META", Version: 1}
	EmailSnap           = EmailRule{ID: "SNAP", Version: 1}
	EmailGoogle         = EmailRule{ID: "GOOGLE_DM", Version: 2, dots: googlemail, plus: googlemail}
	EmailGoogleDotsOnly = EmailRule{ID: "GOOGLE_DOTS_ONLY", Version: 1, dots: googlemail}
	EmailTikTokPlain    = EmailRule{ID: "TIKTOK_PLAIN", Version: 1}
	EmailTikTokPlus     = EmailRule{ID: "TIKTOK_PLUS", Version: 1, plus: everywhere}
	EmailReddit         = EmailRule{ID: "REDDIT", Version: 1, dots: everywhere, plus: everywhere}
	EmailUID2           = EmailRule{ID: "UID2_TTD", Version: 1, Base64: true, dots: gmail, plus: gmail}
)

// Normalise gives the form that is hashed, or an error that wraps a reason.
func (r EmailRule) Normalise(raw string) (string, error) {
	local, domain, err := splitEmail(raw)
	if err != nil {
		return "", err
	}
	if covers(r.plus, domain) {
		local, _, _ = strings.Cut(local, "+")
	}
	if covers(r.dots, domain) {
		local = strings.ReplaceAll(local, ".", "")
	}
	if local == "" {
		return "", fmt.Errorf("email by rule %s: local part: %w", r.ID, ErrEmpty)
	}
	return local + "@" + domain, nil
}

// splitEmail cleans an email as every rule does and takes it apart.
func splitEmail(raw string) (local, domain string, err error) {
	clean := strings.TrimSpace(dropInvisible(raw))
	if clean == "" {
		return "", "", fmt.Errorf("email: %w", ErrEmpty)
	}
	if looksHashed(clean) {
		return "", "", fmt.Errorf("email: %w", ErrPrehashed)
	}
	local, domain, found := strings.Cut(lower(clean), "@")
	switch {
	case !found, local == "", strings.Contains(domain, "@"):
		return "", "", fmt.Errorf("email needs one @ with text on both sides: %w", ErrMalformed)
	case strings.ContainsFunc(local, unicode.IsSpace), strings.ContainsFunc(domain, unicode.IsSpace):
		return "", "", fmt.Errorf("email has a space inside: %w", ErrMalformed)
	case !strings.Contains(strings.Trim(domain, "."), "."):
		return "", "", fmt.Errorf("email needs a domain with a dot: %w", ErrMalformed)
	}
	return local, domain, nil
}

// lower is the full Unicode mapping, as Java, JavaScript and Python have it:
// strings.ToLower maps one rune to one rune and gives other digests for a few
// letters. A Caser keeps state, so each call has its own; plain ASCII needs none.
func lower(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return cases.Lower(language.Und).String(s)
		}
	}
	return strings.ToLower(s)
}

// dropInvisible removes what no one typed on purpose: byte order mark, zero-width
// characters, soft hyphen and control characters other than white space.
func dropInvisible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return r
		case unicode.Is(unicode.Cf, r), unicode.IsControl(r):
			return -1
		}
		return r
	}, s)
}

func covers(domains []string, domain string) bool {
	for _, d := range domains {
		if d == domain || d == "*" {
			return true
		}
	}
	return false
}
