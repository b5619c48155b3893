// Package catalogue reads the one YAML file that says what cohorts there are, which
// events they ask about and who acts on them. It gives the rules as a cohort.Spec and
// everything else as plain data. Faults are told all at once, each with file, line,
// column and remedy. The same format stands as a JSON Schema for editors: Schema.
package catalogue

import (
	"bytes"
	"fmt"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// MaxSize bounds a catalogue in bytes: it has to fit into a record of the log.
const MaxSize = 512 << 10

// Catalogue is a catalogue that is free of faults.
type Catalogue struct {
	Spec      cohort.Spec
	Program   *cohort.Program // Spec, compiled
	Cohorts   []Cohort        // in the order of the file, which is that of the Spec
	Audiences []Audience
	Deliver   Deliver
	Taxonomy  map[string][]Property // by key of the event; events that declare nothing are not there
	Tests     []Test
	Text      []byte // the file as it was read

	file   string
	places map[string]place
}

// Cohort is what people want to know about a cohort beside its rule.
type Cohort struct {
	Key, Name, Description, Owner string

	// Audience: it was made of an audience, behind the cohorts of the file.
	Audience bool
}

// Modes of audiences.
const (
	ModeExclude = "exclude" // its members are not to be shown ads
	ModeTarget  = "target"  // its members are
)

// Audience sends a cohort to ad platforms.
type Audience struct {
	Key, Name, Description string
	Cohort                 string   // that feeds it: of the file, or its own, under its key, where it has a gate or an expression
	Mode                   string   // ModeExclude or ModeTarget
	Platforms              []string // names as in the topics, in the order of the file
	Reason                 string   // why its members are excluded; empty for ModeTarget
	Consent                string   // gate that its members have passed; empty = none
	LawfulBasis            string   // on which an excluding audience stands; empty = not said
}

// Deliver says which cohorts go to which destination.
type Deliver struct {
	SalesWings []string // keys of cohorts, in the order of the file; every cohort where the file does not say
}

// Load reads a catalogue. The name stands in front of every fault; text is kept. The
// error is an *Error.
func Load(name string, text []byte) (c *Catalogue, err error) {
	l := loader{file: name, places: make(map[string]place)}
	if len(text) > MaxSize {
		l.fault("", place{1, 1}, "%d bytes are too many: at most %d", len(text), MaxSize)
		return nil, l.err()
	}
	defer func() {
		// The YAML parser is not ours: whatever it trips over is a fault of the file.
		if r := recover(); r != nil {
			c, l.faults = nil, nil
			l.fault("", place{1, 1}, "this is not readable as YAML (%v): start from the default catalogue", r)
			err = l.err()
		}
	}()
	root := l.parse(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	if root == nil {
		return nil, l.err()
	}
	c = &Catalogue{Text: bytes.Clone(text), file: name, places: l.places}
	l.document(root, c)
	c.Program, err = cohort.Compile(c.Spec)
	l.compiled(err)
	if len(l.faults) > 0 {
		return nil, l.err()
	}
	return c, nil
}

// Audience finds an audience by key.
func (c *Catalogue) Audience(key string) (Audience, bool) {
	for _, a := range c.Audiences {
		if a.Key == key {
			return a, true
		}
	}
	return Audience{}, false
}

// AudiencesOf lists the audiences that a cohort feeds.
func (c *Catalogue) AudiencesOf(key string) (list []Audience) {
	for _, a := range c.Audiences {
		if a.Cohort == key {
			list = append(list, a)
		}
	}
	return list
}

// String names the catalogue for logs.
func (c *Catalogue) String() string {
	return fmt.Sprintf("catalogue %s with %d cohorts and %d audiences", c.Program.Revision(), len(c.Cohorts), len(c.Audiences))
}
