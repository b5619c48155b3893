// Package clients runs the official client libraries that lie beside it (see
// README.md) as child processes, and reports what they say about themselves.
package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cohortflow/cohortflow/test/launch"
)

// Client names an official library.
type Client string

// The clients that can send. Track knows whole seconds only.
const (
	Segment   Client = "segment"
	CDPNode   Client = "cdp"
	CDPPython Client = "cdp-python"
	Pipelines Client = "pipelines"
	Track     Client = "track"
)

// Senders lists every client, in a fixed order.
var Senders = []Client{Segment, CDPNode, CDPPython, Pipelines, Track}

// Options are one run of a client over an event file.
type Options struct {
	URL       string // base URL of the ingest
	Key       string // write key, or Track API key
	Site      string // Track site id
	File      string // event CSV, plain or .gz
	Map       string // role=name pairs: view=clicks,cart=carts,order=orders
	Limit     int    // events; 0 = all
	Redeliver int    // every n-th event twice; 0 = none
	Batch     int    // events a request; 0 = 100
	InFlight  int    // calls at once of Pipelines and Track, never two of one person; 0 = 1
	Identify  bool   // an identify call with an email before each person's first event
}

// Report is what a client says about its own run. Errors are calls that it gave up on.
type Report struct {
	Client     string `json:"client"`
	Sent       int    `json:"sent"`
	Errors     int    `json:"errors"`
	Nameless   int    `json:"nameless"`
	Identified int    `json:"identified"`
}

// TopicReport is what Confluent's consumer found in one topic.
type TopicReport struct {
	Records    int             `json:"records"`
	Tombstones int             `json:"tombstones"`
	Keyed      int             `json:"keyed"`
	Sample     json.RawMessage `json:"sample"`
}

// Dir finds the folder of the drivers by walking up from the working directory.
func Dir() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the client drivers: %w", err)
	}
	for {
		dir := filepath.Join(at, "test", "clients")
		if _, err := os.Stat(filepath.Join(dir, "package.json")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(at)
		if up == at {
			return "", errors.New("find the client drivers: no test/clients above the working directory; run from inside the repository")
		}
		at = up
	}
}

// Send runs one client over a file and waits for its end. The error tells of a
// client that could not run; calls that it gave up on are in the report only.
func Send(ctx context.Context, client Client, o Options) (Report, error) {
	dir, err := Dir()
	if err != nil {
		return Report{}, err
	}
	file, err := filepath.Abs(o.File)
	if err != nil {
		return Report{}, fmt.Errorf("event file: %w", err)
	}
	args := []string{"send.mjs", "--client", string(client), "--in-flight", strconv.Itoa(max(o.InFlight, 1))}
	program := "node"
	if client == CDPPython {
		program, args = python(dir), []string{"send.py", "--client", string(client)}
	}
	batch := o.Batch
	if batch == 0 {
		batch = 100
	}
	args = append(args, "--url", o.URL, "--key", o.Key, "--site", o.Site, "--file", file, "--map", o.Map,
		"--limit", strconv.Itoa(o.Limit), "--redeliver", strconv.Itoa(o.Redeliver), "--batch", strconv.Itoa(batch))
	if o.Identify {
		args = append(args, "--identify")
	}
	out, runErr := run(ctx, dir, program, args...)
	var r Report
	if err := json.Unmarshal(out, &r); err != nil {
		return Report{}, fmt.Errorf("client %s gave no report: %w", client, errors.Join(runErr, err))
	}
	return r, nil
}

// ReadTopics reads topics to their end with Confluent's Python consumer and its
// Avro deserialiser. Any record that it cannot decode is an error.
func ReadTopics(ctx context.Context, brokers, registryURL string, topics ...string) (map[string]TopicReport, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	args := append([]string{"read_topics.py", "--brokers", brokers, "--registry", registryURL}, topics...)
	out, err := run(ctx, dir, python(dir), args...)
	if err != nil {
		return nil, fmt.Errorf("read topics: %w", err)
	}
	var reports map[string]TopicReport
	if err := json.Unmarshal(out, &reports); err != nil {
		return nil, fmt.Errorf("read topics: %w", err)
	}
	return reports, nil
}

// python is the interpreter that tools/setup-real.sh gives the Python clients.
func python(dir string) string { return launch.Python(filepath.Join(dir, "..", "..")) }

// run returns what the program printed; its error carries the end of what it complained.
func run(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(complaints.String())
		if len(text) > 2000 {
			text = "..." + text[len(text)-2000:]
		}
		return out.Bytes(), fmt.Errorf("%s %s: %w: %s", filepath.Base(program), args[0], err, text)
	}
	return out.Bytes(), nil
}
