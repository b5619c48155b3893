package recording

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

const instantExample = "2026-11-27T08:00:00.000Z"

// errFiner: the core counts whole milliseconds, and rounding could change who is in.
var errFiner = errors.New("finer than a millisecond: round it to whole ones")

// ParseInstant reads RFC 3339 text as ms since 1970 UTC.
func ParseInstant(text string) (int64, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, fmt.Errorf("%q is no instant: give RFC 3339, like %s", cut(text), instantExample)
	}
	if finer(text) {
		return 0, fmt.Errorf("%q is %w", cut(text), errFiner)
	}
	return t.UnixMilli(), nil
}

// finer looks at the text, since time.Parse drops digits beyond the ninth.
func finer(text string) bool {
	i := strings.IndexAny(text, ".,")
	if i < 0 {
		return false
	}
	for n, c := range []byte(text[i+1:]) {
		switch {
		case c < '0' || c > '9':
			return false
		case n >= 3 && c != '0':
			return true
		}
	}
	return false
}

// cut keeps what an error quotes short.
func cut(text string) string {
	if len(text) > 40 {
		return text[:40] + "..."
	}
	return text
}
