package saleswings

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Surface names one of the two ways into SalesWings.
const (
	SurfaceSegment = "segment" // flat objects, one path per kind, ISO-8601 times
	SurfaceCore    = "core"    // typed events with lead references, epoch milliseconds
)

// kind is what a request carries.
type kind string

const (
	kindTrack    kind = "track"
	kindIdentify kind = "identify"
)

// surface turns activities into a request.
type surface interface {
	path(kind) string
	body(kind, []Activity) ([]byte, error)
}

func newSurface(name string) (surface, error) {
	switch name {
	case "", SurfaceSegment:
		return segmentSurface{}, nil
	case SurfaceCore:
		return coreSurface{}, nil
	}
	return nil, fmt.Errorf("saleswings surface %q: want %q or %q", name, SurfaceSegment, SurfaceCore)
}

// isoTime and epochMillis are the same instant in the unit of their surface. They
// are types of their own because a number in the wrong place is taken and silently
// stored as a wrong time.
type isoTime int64

// MarshalJSON writes 2022-12-18T13:46:53.652Z.
func (t isoTime) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, time.UnixMilli(int64(t)).UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

type epochMillis int64

// values are the scalars of an activity; T is the surface's time. The keys are
// those of lead attributes, so they are snake_case ASCII.
type values[T isoTime | epochMillis] struct {
	TransitionID string `json:"transition_id"`
	Version      int64  `json:"version"`
	Cohort       string `json:"cohort"`
	Change       string `json:"change"`
	Reason       string `json:"reason"`
	EffectiveAt  T      `json:"effective_at"`
	ValidUntil   *T     `json:"valid_until,omitempty"`
}

func newValues[T isoTime | epochMillis](a *Activity) *values[T] {
	v := &values[T]{
		TransitionID: a.TransitionID, Version: a.Version, Cohort: a.Cohort,
		Change: a.change(), Reason: a.Reason, EffectiveAt: T(a.EffectiveAt),
	}
	if a.ValidUntil != 0 {
		until := T(a.ValidUntil)
		v.ValidUntil = &until
	}
	return v
}

type segmentSurface struct{}

type segmentEvent struct {
	UserID      string           `json:"userID,omitempty"`
	AnonymousID string           `json:"anonymousID,omitempty"`
	Email       string           `json:"email,omitempty"`
	Kind        string           `json:"kind"`
	Data        string           `json:"data"`
	Timestamp   isoTime          `json:"timestamp"`
	Values      *values[isoTime] `json:"values,omitempty"`
}

func (segmentSurface) path(k kind) string { return "/api/segment/events/" + string(k) + "/batches" }

func (segmentSurface) body(k kind, list []Activity) ([]byte, error) {
	out := make([]segmentEvent, len(list))
	for i := range list {
		a := &list[i]
		e := segmentEvent{UserID: a.Lead.UserID, AnonymousID: a.Lead.AnonymousID, Email: a.Lead.Email, Timestamp: isoTime(a.EffectiveAt)}
		if k == kindIdentify {
			e.Kind, e.Data = "Identify", a.Lead.Email
		} else {
			e.Kind, e.Data, e.Values = "Track", a.title(), newValues[isoTime](a)
		}
		out[i] = e
	}
	return json.Marshal(out)
}

type coreSurface struct{}

type leadRef struct {
	Type  string `json:"type"` // client-id or email
	Value string `json:"value"`
}

type coreEvent struct {
	Type      string      `json:"type"`
	LeadRefs  []leadRef   `json:"leadRefs"`
	Kind      string      `json:"kind"`
	Data      string      `json:"data"`
	Timestamp epochMillis `json:"timestamp"`
	Values    any         `json:"values"`
}

func (coreSurface) path(kind) string { return "/api/core/events/batches" }

func (coreSurface) body(k kind, list []Activity) ([]byte, error) {
	out := make([]coreEvent, len(list))
	for i := range list {
		a := &list[i]
		e := coreEvent{Type: "tracking", LeadRefs: leadRefs(a.Lead), Timestamp: epochMillis(a.EffectiveAt)}
		if k == kindIdentify {
			e.Kind, e.Data, e.Values = "Identify", a.Lead.Email, struct{}{}
		} else {
			e.Kind, e.Data, e.Values = "Track", a.title(), newValues[epochMillis](a)
		}
		out[i] = e
	}
	return json.Marshal(struct {
		Events []coreEvent `json:"events"`
	}{out})
}

// leadRefs keeps the order of the vendor's own connector: user, anonymous, email.
func leadRefs(l Lead) []leadRef {
	refs := make([]leadRef, 0, 3)
	if l.UserID != "" {
		refs = append(refs, leadRef{"client-id", l.UserID})
	}
	if l.AnonymousID != "" {
		refs = append(refs, leadRef{"client-id", l.AnonymousID})
	}
	if l.Email != "" {
		refs = append(refs, leadRef{"email", l.Email})
	}
	return refs
}
