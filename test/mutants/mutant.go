package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// mutant is one rule that is another.
type mutant struct {
	file     string // of the package
	old, new string // old stands in it exactly once
	why      string // what would go wrong
	same     string // why no test can tell the difference; empty = one has to
	place    string // in the table: file and line
}

// change makes a mutant that a test has to catch.
func change(file, before, after, why string) mutant {
	m := mutant{file: file, old: before, new: after, why: why}
	if _, path, line, ok := runtime.Caller(1); ok {
		m.place = fmt.Sprintf("%s:%d", filepath.Base(path), line)
	}
	return m
}

// equivalent marks a mutant that is the same rule, with the reason.
func (m mutant) equivalent(reason string) mutant {
	m.same = reason
	return m
}

// apply gives the file with the change in it.
func (m *mutant) apply(text string) (string, error) {
	switch n := strings.Count(text, m.old); n {
	case 1:
		return strings.Replace(text, m.old, m.new, 1), nil
	case 0:
		return "", fmt.Errorf("%s: %q no longer stands in %s: the code has moved, give the table its new text", m.place, m.old, m.file)
	default:
		return "", fmt.Errorf("%s: %q stands %d times in %s: take more of the line", m.place, m.old, n, m.file)
	}
}

// check finds every entry that does not fit the code.
func check(dir string, list []mutant) error {
	var faults []error
	for i := range list {
		m := &list[i]
		text, err := os.ReadFile(filepath.Join(dir, m.file))
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", m.place, err))
			continue
		}
		if _, err := m.apply(string(text)); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}
