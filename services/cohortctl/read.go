package cohortctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/cohortflow/cohortflow/services/cohortctl/internal/readapi"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/recording"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/show"
)

// Read is what every question to the read API can be told.
type Read struct {
	URL     string        `name:"url" default:"http://127.0.0.1:8090" help:"Address of the read API, which console serves."`
	Key     string        `secret:"true" help:"One of console's keys, or file:PATH. Not needed where it has none."`
	Timeout time.Duration `default:"1m" help:"Time for an answer; while the server is busy or counting, it is asked again."`
	JSON    bool          `name:"json" help:"The answer as the API gives it."`
}

// who names a person.
type who struct {
	Person string `arg:"" help:"Customer id, email or anonymous id."`
	By     string `enum:",customer_id,email,anonymous_id,cio_id,key" default:"" help:"What the id is: customer_id, email, anonymous_id, cio_id or key. Without it its shape tells."`
}

func (w *who) query() url.Values {
	q := url.Values{}
	if w.By != "" {
		q.Set("by", w.By)
	}
	return q
}

// Explain is what an explanation can be told.
type Explain struct {
	who
	Cohort string `arg:"" optional:"" help:"Key of the one cohort to explain; without it all are."`
	At     string `placeholder:"TIME" help:"Instant to explain, as RFC 3339; without it log time. A later one tells what becomes of the person if nothing happens."`
	Read   `embed:""`
}

// Run tells why a person is in cohorts or not.
func (e *Explain) Run(ctx context.Context, to Streams) error {
	query := e.query()
	if e.Cohort != "" {
		query.Set("cohort", e.Cohort)
	}
	if e.At != "" {
		if _, err := recording.ParseInstant(e.At); err != nil {
			return usage("--at %w", err)
		}
		query.Set("at", e.At)
	}
	var answer readapi.Explanation
	return e.ask(ctx, to, query, &answer, func() error {
		return show.Explanation(to.Out, &answer, show.Style{Colour: to.Colour})
	}, "v1", "people", e.Person, "explain")
}

// People is what a look at a person can be told.
type People struct {
	who
	Read `embed:""`
}

// Run tells which cohorts a person is in.
func (p *People) Run(ctx context.Context, to Streams) error {
	var answer readapi.Person
	return p.ask(ctx, to, p.query(), &answer, func() error {
		return show.Person(to.Out, &answer, show.Style{Colour: to.Colour})
	}, "v1", "people", p.Person)
}

// List is what a list of the cohorts can be told.
type List struct {
	Sizes bool `help:"How many people are in each."`
	Read  `embed:""`
}

// Run lists the cohorts of the catalogue in force.
func (l *List) Run(ctx context.Context, to Streams) error {
	var answer readapi.Cohorts
	return l.ask(ctx, to, nil, &answer, func() error { return show.Cohorts(to.Out, &answer, l.Sizes) }, "v1", "cohorts")
}

// Size is what a question for a cohort's size can be told.
type Size struct {
	Cohort string `arg:"" name:"key" help:"Key of the cohort."`
	Verify bool   `help:"Have everybody counted as well, and compare. It takes some seconds a million people."`
	Read   `embed:""`
}

// ErrDiffers says that a count found other people than the sizes tell. It was told already.
var ErrDiffers = errors.New("the count and the size that is kept differ")

// Run tells how many people are in a cohort; the error is an ErrDiffers where a count
// says otherwise.
func (s *Size) Run(ctx context.Context, to Streams) error {
	query := url.Values{}
	if s.Verify {
		query.Set("verify", "true")
	}
	var answer readapi.Size
	if err := s.ask(ctx, to, query, &answer, func() error { return show.Size(to.Out, &answer) }, "v1", "cohorts", s.Cohort, "size"); err != nil {
		return err
	}
	if v := answer.Verified; v != nil && v.Agrees != nil && !*v.Agrees {
		return ErrDiffers
	}
	return nil
}

// ask gets an answer and tells it: as the API gives it, or for people.
func (r *Read) ask(ctx context.Context, to Streams, query url.Values, into any, tell func() error, path ...string) error {
	client, err := readapi.New(r.URL, r.Key)
	if err != nil {
		return usage("--url %w", err)
	}
	if r.Timeout <= 0 {
		return usage("--timeout is %s: give a time like 30s", r.Timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	text, err := client.Get(ctx, query, into, path...)
	if err != nil {
		return err
	}
	if !r.JSON {
		return tell()
	}
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(text), "", "  "); err != nil {
		return fmt.Errorf("the answer is no JSON: %w", err)
	}
	out.WriteByte('\n')
	_, err = to.Out.Write(out.Bytes())
	return err
}
