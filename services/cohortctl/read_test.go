package cohortctl

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// api answers as the read API does, and takes down what was asked.
func api(t *testing.T, answers map[string]string) (read Read, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.RequestURI())
		text, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			text = `{"type":"urn:cohortflow:problem:unknown_person","detail":"nobody is known by this key"}`
		}
		_, _ = fmt.Fprint(w, text)
	}))
	t.Cleanup(s.Close)
	return Read{URL: s.URL, Timeout: 10 * time.Second}, asked
}

func TestRead_AsksAndTells(t *testing.T) {
	read, asked := api(t, map[string]string{
		"/v1/people/ada":             `{"person":"ada","memberships":[],"as_of":{}}`,
		"/v1/people/ada/explain":     `{"person":"ada","at":"2026-01-01T00:00:00Z","basis":"decided","cohorts":[]}`,
		"/v1/cohorts":                `{"cohorts":[{"key":"recent","size":3,"everywhere":true}],"size_source":"checkpoints"}`,
		"/v1/cohorts/recent/size":    `{"cohort":"recent","size":3,"verified":{"counted":3,"kept":3,"agrees":true,"people":9}}`,
		"/v1/cohorts/differing/size": `{"cohort":"differing","size":3,"verified":{"counted":2,"kept":3,"agrees":false,"people":9}}`,
	})
	raw := read
	raw.JSON = true
	for _, c := range []struct {
		run   func(to Streams) error
		asked string
		want  string
	}{
		{func(to Streams) error { return (&People{who{"ada", ""}, read}).Run(t.Context(), to) }, "/v1/people/ada", "in no cohort"},
		{func(to Streams) error { return (&People{who{"ada", "email"}, raw}).Run(t.Context(), to) }, "/v1/people/ada?by=email", "{\n  \"person\": \"ada\","},
		{func(to Streams) error {
			return (&Explain{who: who{"ada", ""}, Cohort: "recent", At: "2026-01-01T01:00:00+01:00", Read: read}).Run(t.Context(), to)
		}, "/v1/people/ada/explain?at=2026-01-01T01%3A00%3A00%2B01%3A00&cohort=recent", "as of 2026-01-01 00:00:00 UTC"},
		{func(to Streams) error { return (&List{Sizes: true, Read: read}).Run(t.Context(), to) }, "/v1/cohorts", "recent  3"},
		{func(to Streams) error {
			return (&Size{Cohort: "recent", Verify: true, Read: read}).Run(t.Context(), to)
		}, "/v1/cohorts/recent/size?verify=true", "both agree"},
	} {
		*asked = nil
		var out bytes.Buffer
		err := c.run(Streams{Out: &out, Err: &out})
		if err != nil || len(*asked) != 1 || (*asked)[0] != c.asked || !strings.Contains(out.String(), c.want) {
			t.Errorf("got %v, asked %q, told %q; want %q and %q", err, *asked, out.String(), c.asked, c.want)
		}
	}
	var out bytes.Buffer
	to := Streams{Out: &out, Err: &out}
	if err := (&Size{Cohort: "differing", Verify: true, Read: read}).Run(t.Context(), to); !errors.Is(err, ErrDiffers) || !strings.Contains(out.String(), "THEY DIFFER") {
		t.Errorf("a count that finds others: got %v", err)
	}
	if err := (&People{who{"bob", ""}, read}).Run(t.Context(), to); err == nil || errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "--by") {
		t.Errorf("nobody: got %v, want how to say what the id is", err)
	}
	*asked = nil
	for name, run := range map[string]func() error{
		"url":     func() error { return (&List{Read: Read{URL: "console", Timeout: time.Second}}).Run(t.Context(), to) },
		"timeout": func() error { return (&List{Read: Read{URL: read.URL}}).Run(t.Context(), to) },
		"at":      func() error { return (&Explain{At: "tomorrow", Read: read}).Run(t.Context(), to) },
	} {
		if err := run(); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "--"+name) || len(*asked) > 0 {
			t.Errorf("%s: got %v, want wrong usage and no question", name, err)
		}
	}
}

func TestPlan_RefusesWhatCannotBe(t *testing.T) {
	good := func() Plan {
		p := Plan{Partitions: 12, AtOnce: 4}
		p.File, p.Redis.URL, p.Brokers = "new.yaml", "redis://127.0.0.1:1", []string{"127.0.0.1:1"}
		return p
	}
	for want, change := range map[string]func(*Plan){
		"--catalogue":         func(p *Plan) { p.File = "" },
		"--redis":             func(p *Plan) { p.Redis.URL = "" },
		"--kafka-brokers":     func(p *Plan) { p.Brokers = nil },
		"--partitions":        func(p *Plan) { p.Partitions = 0 },
		"--slices-at-once":    func(p *Plan) { p.AtOnce = 65 },
		"--people-per-second": func(p *Plan) { p.Rate = -1 },
	} {
		p := good()
		change(&p)
		if err := p.Run(t.Context(), Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	p := good()
	if err := p.Run(t.Context(), Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}); err == nil || errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "new.yaml") {
		t.Errorf("got %v, want that the catalogue is not there", err)
	}
}
