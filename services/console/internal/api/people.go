package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/cohortflow/cohortflow/services/console/internal/state"
)

// find reads the person that a request is about.
func (s *Server) find(ctx context.Context, r *http.Request) (*state.Person, *Problem) {
	key, p := personKey(s.cfg.Seal, r.PathValue("id"), r.URL.Query().Get("by"))
	if p != nil {
		return nil, p
	}
	ctx, span := s.step(ctx, "load person", s.cfg.People.PartitionOf(key))
	defer span.End()
	found, err := s.cfg.People.Find(ctx, key)
	if err != nil {
		p := failure(err)
		if errors.Is(err, state.ErrUnknown) && found != nil {
			if at := optional(found.Checkpoint.LogTime); at != nil {
				p.Detail += ", as of log time " + *at
			}
		}
		return nil, p
	}
	return found, nil
}

// person answers GET /v1/people/{id}.
func (s *Server) person(ctx context.Context, r *http.Request) (any, *Problem) {
	if p := allowed(r, "by"); p != nil {
		return nil, p
	}
	found, p := s.find(ctx, r)
	if p != nil {
		return nil, p
	}
	a := &Person{
		Person: found.Key, Followed: list(found.Followed), Version: found.Version, Memberships: []Membership{},
		FormerStays: found.Retired(), Contacts: len(found.Contacts), AsOf: s.asOf(ctx, found),
		Aliases: list(found.Aliases()), Suppressed: found.Suppressed(),
	}
	if at, erased := found.ErasedAt(); erased {
		a.ErasedAt = optional(at)
	}
	names := cohortNames(found.Rules)
	for _, m := range found.Rules.Program.Profile(&found.Person) {
		a.Memberships = append(a.Memberships, Membership{
			Cohort: m.Cohort, Name: names[m.Cohort], EnteredAt: instant(m.EnteredAt), ValidUntil: optional(m.ValidUntil),
			WarmingUntil: optional(found.WarmingUntil(m.Cohort)),
		})
	}
	return a, nil
}

// asOf says for when an answer holds, and how far that is behind.
func (s *Server) asOf(ctx context.Context, p *state.Person) AsOf {
	a := AsOf{
		Partition: p.Partition, Offset: p.Checkpoint.Offset, LogTime: optional(p.Checkpoint.LogTime), Catalogue: p.Checkpoint.Catalogue,
		ReviewPending: p.ReviewPending(),
	}
	if end, known := s.cfg.Ends.Of(ctx, p.Partition); known {
		// The end was read a moment before or after the state.
		a.LogEnd = new(max(end, a.Offset))
		a.Lag = new(*a.LogEnd - a.Offset)
	}
	return a
}

// allowed refuses questions that this release does not know, so that a slip of the pen
// is not answered as something else.
func allowed(r *http.Request, names ...string) *Problem {
	for name, values := range r.URL.Query() {
		if !slices.Contains(names, name) {
			known := "this takes no parameter"
			if len(names) > 0 {
				known = "the parameters are " + strings.Join(names, ", ")
			}
			return invalid("query", "there is a parameter that is not known here", known)
		}
		if len(values) > 1 {
			return invalid(name, name+" is given twice", "give it once")
		}
	}
	return nil
}

// list is never null.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
