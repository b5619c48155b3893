package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/cohortflow/cohortflow/services/console/internal/census"
	"github.com/cohortflow/cohortflow/services/console/internal/rules"
)

// size answers GET /v1/cohorts/{id}/size.
func (s *Server) size(ctx context.Context, r *http.Request) (any, *Problem) {
	if p := allowed(r, "verify"); p != nil {
		return nil, p
	}
	verify := false
	switch r.URL.Query().Get("verify") {
	case "true":
		verify = true
	case "", "false":
	default:
		return nil, invalid("verify", "verify is neither true nor false", "write verify=true to have everybody counted")
	}
	key := r.PathValue("id")
	_, distinct, err := s.inForce(ctx)
	if err != nil {
		return nil, failure(err)
	}
	if !slices.ContainsFunc(distinct, func(in *rules.Rules) bool { return slices.Contains(in.Program.Cohorts(), key) }) {
		return nil, unknownCohort("id")
	}
	list, err := s.cfg.Census.Sizes(ctx)
	if err != nil {
		return nil, failure(err)
	}
	a := &Size{Cohort: key, Source: sourceKept}
	if !census.Carried(list) || verify {
		count, err := s.cfg.Census.Count(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, problem(http.StatusServiceUnavailable, "counting", "everybody is being counted, and that takes longer", "ask again: the count goes on meanwhile").again(5)
		}
		if err != nil {
			return nil, failure(err)
		}
		if verify {
			a.Verified = verified(count, key)
		}
		if !census.Carried(list) {
			a.Source, a.Size, a.Partitions = sourceCounted, count.Of(key), counted(count, key)
			return a, nil
		}
	}
	a.Size = census.Sum(list, key)
	for _, one := range list {
		a.Partitions = append(a.Partitions, PartitionSize{
			Partition: one.Partition, Size: one.Kept[key], Offset: one.At.Offset, LogTime: optional(one.At.LogTime),
		})
	}
	return a, nil
}

func counted(c *census.Count, key string) (list []PartitionSize) {
	for i := range c.Parts {
		p := &c.Parts[i]
		list = append(list, PartitionSize{Partition: p.Partition, Size: p.Counted[key], Offset: p.To.Offset, LogTime: optional(p.To.LogTime)})
	}
	return list
}

// verified puts the count beside what the checkpoints say. Only where a partition stood
// still during its count do the two speak of one instant.
func verified(c *census.Count, key string) *Verified {
	v := &Verified{Counted: c.Of(key), Partitions: []VerifiedPartition{}}
	kept, whole, steady, same := int64(0), true, true, true
	for i := range c.Parts {
		p := &c.Parts[i]
		one := VerifiedPartition{Partition: p.Partition, Counted: p.Counted[key], Steady: p.Steady, From: place(p.From), To: place(p.To)}
		v.People += p.People
		if p.Kept == nil {
			whole = false
		} else {
			one.Kept = new(p.Kept[key])
			kept += p.Kept[key]
			steady, same = steady && p.Steady, same && (!p.Steady || p.Kept[key] == one.Counted)
		}
		v.Partitions = append(v.Partitions, one)
	}
	if whole {
		v.Kept = &kept
	}
	if whole && (steady || !same) {
		v.Agrees = &same
	}
	return v
}

func place(m census.Mark) Mark { return Mark{Offset: m.Offset, LogTime: optional(m.LogTime)} }
