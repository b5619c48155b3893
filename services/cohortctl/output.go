package cohortctl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

// writeFile writes a file that is there whole or not at all; what is no plain file, a
// pipe for example, is written as it goes.
func writeFile(path string, write func(io.Writer) error) (err error) {
	var f *os.File
	info, statErr := os.Stat(path)
	atOnce := statErr == nil && !info.Mode().IsRegular()
	if atOnce {
		f, err = os.OpenFile(path, os.O_WRONLY, 0)
	} else {
		f, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
			if !atOnce {
				_ = os.Remove(f.Name())
			}
		}
	}()
	out := bufio.NewWriterSize(f, 1<<16)
	if err = errors.Join(write(out), out.Flush()); err != nil {
		return errors.Join(err, f.Close())
	}
	if atOnce {
		return f.Close()
	}
	mode := os.FileMode(0o644) // CreateTemp's would keep everybody else out
	if statErr == nil {
		mode = info.Mode().Perm()
	}
	if err = errors.Join(f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// summary says in a line or two what was read and what came of it.
func summary(o *simulate.Outcome, h *simulate.History) string {
	c := h.Counts()
	var b strings.Builder
	fmt.Fprintf(&b, "%d events read, %d of them asked about: %d people, %d transitions", c.Events, c.Kept, h.People(), o.Transitions())
	fmt.Fprintf(&b, "; ignored: %d that no condition asks about, %d without a user id", c.Unasked, c.Nameless)
	if c.Repeated > 0 {
		fmt.Fprintf(&b, ", %d repeats of an event id", c.Repeated)
	}
	if c.EmailOnly > 0 {
		fmt.Fprintf(&b, ", %d of people known by email alone (give --seal-secret-file to have them)", c.EmailOnly)
	}
	if c.Unplayed > 0 {
		fmt.Fprintf(&b, ", %d merges, erasures and records of the log's own", c.Unplayed)
	}
	if names := h.UnaskedNames(); c.Kept == 0 && len(names) > 0 {
		fmt.Fprintf(&b, "\nno event plays a part in the catalogue: say with --map which do; the recording has %s", strings.Join(names, ", "))
	}
	return b.String()
}

// progress shows a person how far the run is.
type progress struct {
	to   Streams
	mu   sync.Mutex
	next time.Time
	said bool
}

func newProgress(to Streams) *progress { return &progress{to: to} }

// tell is cheap for who calls it often. It may be called from several goroutines.
func (p *progress) tell(what string, n int) {
	if !p.to.Interactive || n%1024 != 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.After(p.next) {
		p.next, p.said = now.Add(200*time.Millisecond), true
		_, _ = fmt.Fprintf(p.to.Err, "\r\x1b[K%d %s", n, what)
	}
}

// done takes the line away.
func (p *progress) done() {
	if p.said {
		_, _ = fmt.Fprint(p.to.Err, "\r\x1b[K")
	}
}
