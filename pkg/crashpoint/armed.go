//go:build crashpoints

package crashpoint

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// latest is how long after a Near the process may be killed: a request to a broker or a store of the same
// machine takes about that long, so that some are cut off before, some in it and some after it.
const latest = 3 * time.Millisecond

// plan is what the environment asks for.
type plan struct {
	step   string
	visit  int
	freeze bool // stop instead, until somebody lets the process go on

	mu     sync.Mutex
	visits map[string]int
}

//nolint:gochecknoglobals // one plan a process, like the environment that it is made from
var current = sync.OnceValue(func() *plan {
	p := &plan{visits: make(map[string]int)}
	for _, name := range []string{"CRASH_AT", "FREEZE_AT"} {
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		step, number, _ := strings.Cut(text, ":")
		visit, err := strconv.Atoi(number)
		if err != nil || step == "" || visit < 1 {
			fmt.Fprintf(os.Stderr, "%s is %q: give STEP:N with N from 1\n", name, text)
			os.Exit(2)
		}
		p.step, p.visit, p.freeze = step, visit, name == "FREEZE_AT"
	}
	if file := os.Getenv("CRASH_COUNTS"); file != "" {
		go p.report(file)
	}
	return p
})

// At kills the process if this visit of the step is the one that was asked for.
func At(step string) {
	if current().due(step) {
		die(step)
	}
}

// Near is At a moment later: what was begun there may have been done by then, or not.
func Near(step string) {
	if current().due(step) {
		go func() {
			time.Sleep(rand.N(latest))
			die(step)
		}()
	}
}

func (p *plan) due(step string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.visits[step]++
	return step == p.step && p.visits[step] == p.visit
}

// die ends the process as a power cut would: nothing is flushed and nobody is told. Or it freezes the process, which
// does not know of it when it goes on.
func die(step string) {
	if current().freeze {
		_, _ = fmt.Fprintf(os.Stderr, "crashpoint: frozen at %s\n", step)
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		return
	}
	_, _ = fmt.Fprintf(os.Stderr, "crashpoint: killed at %s\n", step)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// report keeps the visits in a file.
func (p *plan) report(file string) {
	for {
		time.Sleep(50 * time.Millisecond)
		var text bytes.Buffer
		p.mu.Lock()
		for _, step := range slices.Sorted(maps.Keys(p.visits)) {
			fmt.Fprintf(&text, "%s %d\n", step, p.visits[step])
		}
		p.mu.Unlock()
		if os.WriteFile(file+".new", text.Bytes(), 0o600) == nil {
			_ = os.Rename(file+".new", file)
		}
	}
}
