package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/services/console/internal/census"
	"github.com/cohortflow/cohortflow/services/console/internal/rules"
)

func cohortNames(in *rules.Rules) map[string]string {
	names := make(map[string]string, len(in.Cohorts))
	for _, c := range in.Cohorts {
		names[c.Key] = c.Name
	}
	return names
}

func unknownCohort(field string) *Problem {
	return problem(http.StatusNotFound, "unknown_cohort", "there is no such cohort in the catalogue in force", "GET /v1/cohorts lists them").of(field)
}

// inForce lists the catalogues in force. There is one, but for the moment in which
// another takes its place partition by partition.
func (s *Server) inForce(ctx context.Context) (revisions []InForce, distinct []*rules.Rules, err error) {
	for p := range int32(s.cfg.Partitions) {
		_, in, err := s.cfg.People.InForce(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		i := slices.Index(distinct, in)
		if i < 0 {
			i = len(distinct)
			distinct = append(distinct, in)
			revisions = append(revisions, InForce{Revision: in.Program.Revision()})
		}
		revisions[i].Partitions = append(revisions[i].Partitions, p)
	}
	return revisions, distinct, nil
}

// cohorts answers GET /v1/cohorts.
func (s *Server) cohorts(ctx context.Context, r *http.Request) (any, *Problem) {
	if p := allowed(r); p != nil {
		return nil, p
	}
	revisions, distinct, err := s.inForce(ctx)
	if err != nil {
		return nil, failure(err)
	}
	sizes, source, err := s.sizes(ctx)
	if err != nil {
		return nil, failure(err)
	}
	a := &Cohorts{Catalogues: revisions, Cohorts: []Cohort{}, SizeSource: source}
	seen := make(map[string]bool)
	for _, in := range distinct {
		for i := range in.Cohorts {
			c := &in.Cohorts[i]
			if seen[c.Key] {
				continue
			}
			seen[c.Key] = true
			one := cohortOf(in, c)
			if sizes != nil {
				one.Size = new(sizes(c.Key))
			}
			one.Everywhere = !slices.ContainsFunc(distinct, func(other *rules.Rules) bool {
				return !slices.Contains(other.Program.Cohorts(), c.Key)
			})
			a.Cohorts = append(a.Cohorts, one)
		}
	}
	return a, nil
}

// cohortOf tells what the catalogue says of a cohort.
func cohortOf(in *rules.Rules, c *catalogue.Cohort) Cohort {
	one := Cohort{
		Key: c.Key, Name: c.Name, Description: c.Description, Owner: c.Owner, Audience: c.Audience, Rule: textOrNull(in.Text(c.Key)),
		Groups: []string{}, Audiences: []Audience{}, Destinations: []string{},
	}
	for _, g := range in.Spec.Groups {
		if slices.Contains(g.Cohorts, c.Key) {
			one.Groups = append(one.Groups, g.Key)
		}
	}
	if slices.Contains(in.Deliver.SalesWings, c.Key) {
		one.Destinations = append(one.Destinations, "saleswings")
	}
	for i := range in.Audiences {
		a := &in.Audiences[i]
		if !feeds(in, c.Key, a) {
			continue
		}
		one.Audiences = append(one.Audiences, Audience{
			Key: a.Key, Name: a.Name, Mode: a.Mode, Platforms: a.Platforms,
			Reason: textOrNull(a.Reason), Consent: textOrNull(a.Consent), LawfulBasis: textOrNull(a.LawfulBasis),
		})
		// Names as the sink's receipts have them.
		if a.Cohort == c.Key && a.Mode == catalogue.ModeExclude {
			for _, platform := range a.Platforms {
				if name := "ads." + platform; !slices.Contains(one.Destinations, name) {
					one.Destinations = append(one.Destinations, name)
				}
			}
		}
	}
	return one
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// sizes gives the size of each cohort: as the checkpoints have it, else by a count; nil
// while that one goes on.
func (s *Server) sizes(ctx context.Context) (of func(key string) int64, source string, err error) {
	list, err := s.cfg.Census.Sizes(ctx)
	if err != nil {
		return nil, "", err
	}
	if census.Carried(list) {
		return func(key string) int64 { return census.Sum(list, key) }, sourceKept, nil
	}
	count, err := s.cfg.Census.Count(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, sourceNone, nil
	case err != nil:
		return nil, "", err
	}
	return count.Of, sourceCounted, nil
}
