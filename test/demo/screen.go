package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// screen prints lines above a progress bar. Colours and the bar appear on a
// terminal only; NO_COLOR takes the colours away.
type screen struct {
	out    io.Writer
	colour bool
	live   bool // a terminal: the bar is redrawn in place

	mu  sync.Mutex
	bar *progressbar.ProgressBar
}

func newScreen(f *os.File) *screen {
	live := term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
	return &screen{out: f, live: live, colour: live && os.Getenv("NO_COLOR") == ""}
}

// Styles of the ANSI terminal.
const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
	amber = "33"
	blue  = "36"
)

func (s *screen) paint(style, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// linef prints one line; the bar stays below it.
func (s *screen) linef(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar != nil {
		_ = s.bar.Clear()
	}
	_, _ = fmt.Fprintf(s.out, format+"\n", args...)
	if s.bar != nil {
		_ = s.bar.RenderBlank()
	}
}

// headf prints a heading with an empty line before it.
func (s *screen) headf(format string, args ...any) {
	s.linef("\n%s", s.paint(bold, fmt.Sprintf(format, args...)))
}

// progress starts a bar of n steps; without a terminal it prints every quarter instead.
// done takes the bar away.
func (s *screen) progress(title string, n int) (step func(int), done func()) {
	if !s.live {
		return s.quarters(title, n)
	}
	s.mu.Lock()
	s.bar = progressbar.NewOptions(n,
		progressbar.OptionSetWriter(s.out), progressbar.OptionSetDescription(title), progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false), progressbar.OptionThrottle(50*time.Millisecond),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}))
	s.mu.Unlock()
	step = func(k int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = s.bar.Add(k)
	}
	done = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = s.bar.Clear()
		s.bar = nil
	}
	return step, done
}

func (s *screen) quarters(title string, n int) (step func(int), done func()) {
	reached := 0
	step = func(k int) {
		before := 4 * reached / max(n, 1)
		reached += k
		if now := 4 * reached / max(n, 1); now > before {
			s.linef("%s: %d of %d", title, reached, n)
		}
	}
	return step, func() {}
}

// pad fills text with blanks up to a width.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-len([]rune(text))))
}
