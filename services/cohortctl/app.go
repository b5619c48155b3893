// Package cohortctl is the tool of those who write catalogues: it tries them on recorded
// events before anybody is sent anything. This file is its composition root:
//
//	recordings ─► recording ─► simulate, or through ─► transitions as CSV
//	                                                └─► report
package cohortctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/recording"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/report"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/through"
)

// ErrUsage is wrapped when a command was told what cannot be: the files were not looked at.
var ErrUsage = errors.New("usage")

// Streams are where a command writes to.
type Streams struct {
	Out, Err io.Writer
	// Interactive says that a person watches Err.
	Interactive bool
	// Colour says that Out shows colours and that they are wanted.
	Colour bool
}

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUsage, fmt.Errorf(format, args...))
}

// plan is a checked Simulate.
type plan struct {
	rules  *catalogue.Catalogue
	roles  simulate.Roles
	until  int64
	read   recording.Options
	binary string // of the standalone
}

// Run plays the recordings. The error is an ErrUsage, or tells what is wrong with a file.
func (s *Simulate) Run(ctx context.Context, to Streams) error {
	p, err := s.plan()
	if err != nil {
		return err
	}
	say := newProgress(to)
	history := simulate.NewHistory(p.rules.Program, &p.rules.Spec, p.roles)
	script := through.NewScript(p.rules.Program, p.roles)
	take := func(e *event.Event) error {
		say.tell("events read", history.Counts().Events)
		if history.Counts().Events%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		plays, err := history.Add(e)
		if err == nil && plays && s.Through {
			err = script.Add(e, history.Counts().Events)
		}
		return err
	}
	for _, path := range s.Events {
		if err := recording.ReadFile(path, p.read, take); err != nil {
			say.done()
			return err
		}
	}
	var outcome *simulate.Outcome
	if s.Through {
		outcome, err = through.Play(ctx, through.Config{
			Binary: p.binary, Catalogue: p.rules.Text, Spec: &p.rules.Spec, Cohorts: p.rules.Program.Cohorts(), Until: p.until, Progress: say.tell, Log: to.Err,
		}, script)
	} else {
		outcome, err = history.Run(ctx, simulate.Options{Until: p.until, Progress: func(n int) { say.tell("people played", n) }})
	}
	say.done()
	if err != nil {
		return err
	}
	if err := s.write(to, outcome, history, p.rules); err != nil {
		return err
	}
	_, err = fmt.Fprintln(to.Err, summary(outcome, history))
	return err
}

// plan checks everything that can be checked without reading the recordings.
func (s *Simulate) plan() (*plan, error) {
	p := &plan{until: cohort.Never}
	for _, path := range s.Events {
		if err := recording.CheckName(path); err != nil {
			return nil, usage("--events %w", err)
		}
	}
	if s.Until != "" {
		at, err := recording.ParseInstant(s.Until)
		if err != nil {
			return nil, usage("--until %w", err)
		}
		p.until = at
	}
	var err error
	if p.rules, err = s.Catalogue.Load(); err != nil {
		return nil, err
	}
	if p.roles, err = simulate.ParseRoles(s.Map, p.rules.Spec.Events); err != nil {
		return nil, usage("--map %w", err)
	}
	if s.Until == "" && simulate.Endless(&p.rules.Spec) {
		return nil, usage("--until is needed: the catalogue has a weekly calendar, so its deadlines never end")
	}
	p.read.Properties = simulate.NeedsProperties(&p.rules.Spec)
	if s.SealSecretFile != "" {
		keys, err := seal.Load(s.SealSecretFile)
		if err != nil {
			return nil, err
		}
		p.read.EmailKey = keys.EmailKey
	}
	if s.Through {
		if p.binary, err = findBinary(s.Binary); err != nil {
			return nil, usage("--binary %w", err)
		}
	}
	return p, nil
}

// standaloneName is how the standalone's command is called.
const standaloneName = "cohortflow"

// findBinary looks for the standalone beside this command, as both are built together,
// then in the PATH.
func findBinary(given string) (string, error) {
	if given == "" {
		given = standaloneName
		if own, err := os.Executable(); err == nil {
			if path, err := exec.LookPath(filepath.Join(filepath.Dir(own), standaloneName)); err == nil {
				return path, nil
			}
		}
	}
	path, err := exec.LookPath(given)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", fmt.Errorf("names the standalone's command, which is not to be found (%w): make build makes it as bin/%s", err, standaloneName)
	}
	return path, nil
}

// write puts transitions and report where they belong.
func (s *Simulate) write(to Streams, o *simulate.Outcome, h *simulate.History, c *catalogue.Catalogue) error {
	reports := s.Report || s.JSON
	switch {
	case s.Out != "":
		if err := writeFile(s.Out, o.WriteCSV); err != nil {
			return err
		}
	case !reports:
		return o.WriteCSV(to.Out)
	}
	if !reports {
		return nil
	}
	r := report.Make(o, h, c)
	if s.JSON {
		return r.WriteJSON(to.Out)
	}
	return r.WriteText(to.Out)
}
