package cohortctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
)

// Lint is what a check of catalogues can be told.
type Lint struct {
	Files        []string      `arg:"" name:"file" help:"Catalogues (YAML)."`
	JSON         bool          `name:"json" help:"What was found, as a JSON list."`
	LogRetention time.Duration `default:"9600h" help:"How long the log keeps events: longer windows are warned of (0 = for ever)."`
}

// ErrFaults says that a catalogue has faults, which were told already.
var ErrFaults = errors.New("the catalogue has faults")

// finding is one thing that a check tells.
type finding struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Severity string `json:"severity"` // error or warning
	Message  string `json:"message"`
	Rule     string `json:"rule,omitempty"` // of a warning
}

// Run tells every fault and warning on the standard output; the error is an ErrFaults where
// there is a fault.
func (l *Lint) Run(to Streams) error {
	found, faulty := []finding{}, false
	for _, path := range l.Files {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read the catalogue: %w", err)
		}
		c, err := catalogue.Load(path, text)
		if err == nil {
			_, _ = fmt.Fprintf(to.Err, "%s: %s\n", path, c)
			for _, w := range catalogue.Lint(c, catalogue.Options{Retention: l.LogRetention.Milliseconds()}) {
				found = append(found, finding{path, w.Line, w.Column, "warning", w.Message, w.Rule})
			}
			continue
		}
		faulty = true
		faults, ok := errors.AsType[*catalogue.Error](err)
		if !ok {
			return err
		}
		for _, f := range faults.Faults {
			found = append(found, finding{File: f.File, Line: f.Line, Column: f.Column, Severity: "error", Message: f.Message})
		}
	}
	if err := l.tell(to, found); err != nil {
		return err
	}
	if faulty {
		return ErrFaults
	}
	return nil
}

func (l *Lint) tell(to Streams, found []finding) error {
	if l.JSON {
		out := json.NewEncoder(to.Out)
		out.SetIndent("", "  ")
		return out.Encode(found)
	}
	for _, f := range found {
		if _, err := fmt.Fprintf(to.Out, "%s:%d:%d: %s: %s\n", f.File, f.Line, f.Column, f.Severity, f.Message); err != nil {
			return err
		}
	}
	return nil
}
