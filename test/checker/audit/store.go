package audit

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Case is everything that an audit needs, in one file: what was found can be looked at again elsewhere. It
// holds personal data where the topics do.
type Case struct {
	Books        Books    `json:"books"`
	Acknowledged []string `json:"acknowledged,omitempty"`
	Taken        []Taken  `json:"taken,omitempty"`
	EventClock   bool     `json:"event_clock,omitempty"`
	Running      bool     `json:"running,omitempty"` // it was read while more came
}

// Options are those that the case is judged by.
func (c *Case) Options() Options {
	return Options{EventClock: c.EventClock, Complete: !c.Running, Acknowledged: c.Acknowledged, Taken: c.Taken}
}

// Save writes a case.
func (c *Case) Save(path string) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("save the case: %w", err)
	}
	packed := gzip.NewWriter(file)
	return errors.Join(json.NewEncoder(packed).Encode(c), packed.Close(), file.Close())
}

// Load reads a case.
func Load(path string) (*Case, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load the case: %w", err)
	}
	defer func() { _ = file.Close() }()
	var in io.Reader
	if in, err = gzip.NewReader(file); err != nil {
		return nil, fmt.Errorf("load the case %s: %w", path, err)
	}
	c := new(Case)
	if err := json.NewDecoder(in).Decode(c); err != nil {
		return nil, fmt.Errorf("load the case %s: %w", path, err)
	}
	return c, nil
}
