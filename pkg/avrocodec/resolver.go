package avrocodec

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/linkedin/goavro/v2"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/schemas"
)

// Resolver decodes records of any version of our schemas, older or newer, by the
// schema id that each carries. A record of a version that this release has, under
// whatever id the registry gave it, costs one map look-up more than the plain decoder,
// which reads all of them. Any other one is decoded by its writer's schema, which the
// Registry is asked for once, and written anew in the newest: fields that the writer
// did not know have their defaults, fields that we do not know are dropped. What is
// decoded then aliases that copy.
//
// A Resolver may be used from several goroutines. Its errors wrap ErrMalformed,
// ErrUnknownSchema or ErrRegistry; only after the last is it of use to try again.
type Resolver struct {
	registry *Registry
	families [familyCount]family
}

// The record types, as indexes.
const (
	familyEvents = iota
	familyTransitions
	familyProfiles
	familySuppressions
	familyReceipts
	familyQuarantine
	familyDeadLetters
	familyCount
)

func familySubject(i int) string {
	return [familyCount]string{
		schemas.EventsSubject, schemas.TransitionsSubject, schemas.ProfilesSubject, schemas.SuppressionFamily,
		schemas.ReceiptsSubject, schemas.QuarantineSubject, schemas.DeadLetterSubject,
	}[i]
}

type family struct {
	shapes []string // of every version that this release has: the plain decoder reads them
	newest *goavro.Codec

	mu    sync.Mutex                          // for writing plans
	plans atomic.Pointer[map[uint32]*rewrite] // by schema id; nil = the plain decoder reads it
}

// rewrite decodes what one foreign schema wrote.
type rewrite struct{ writer *goavro.Codec }

// NewResolver returns a Resolver for all record types. It does no IO.
func NewResolver(r *Registry) (*Resolver, error) {
	res := &Resolver{registry: r}
	for i := range res.families {
		f := &res.families[i]
		newest, ok := schemas.Newest(familySubject(i))
		if !ok {
			return nil, fmt.Errorf("make resolver: %w: no schema for %s", ErrUnknownSchema, familySubject(i))
		}
		for _, v := range schemas.Versions() {
			if v.Subject != newest.Subject {
				continue
			}
			have, err := shape(v.Text)
			if err != nil {
				return nil, fmt.Errorf("make resolver: %s version %d: %w", v.Subject, v.Version, err)
			}
			f.shapes = append(f.shapes, have)
		}
		var err error
		if f.newest, err = newGoavro(newest.Text); err != nil {
			return nil, fmt.Errorf("make resolver: %s: %w", newest.Subject, err)
		}
		f.plans.Store(&map[uint32]*rewrite{})
	}
	return res, nil
}

// DecodeEvent is the package's DecodeEvent for every version of the schema.
func (r *Resolver) DecodeEvent(ctx context.Context, b []byte, e *event.Event) error {
	b, err := r.toNewest(ctx, familyEvents, b)
	if err != nil {
		return err
	}
	return DecodeEvent(b, e)
}

// DecodeEventHead is the package's DecodeEventHead for every version of the schema.
func (r *Resolver) DecodeEventHead(ctx context.Context, b []byte, e *event.Event) error {
	b, err := r.toNewest(ctx, familyEvents, b)
	if err != nil {
		return err
	}
	return DecodeEventHead(b, e)
}

// DecodeTransition is the package's DecodeTransition for every version of the schema.
func (r *Resolver) DecodeTransition(ctx context.Context, b []byte, t *cohort.Transition, w *cohort.Watermark) (cohort.Op, error) {
	b, err := r.toNewest(ctx, familyTransitions, b)
	if err != nil {
		return cohort.OpUnknown, err
	}
	return DecodeTransition(b, t, w)
}

// DecodeProfile is the package's DecodeProfile for every version of the schema.
func (r *Resolver) DecodeProfile(ctx context.Context, b []byte, p *cohort.Profile, w *cohort.Watermark) (watermark bool, err error) {
	if b, err = r.toNewest(ctx, familyProfiles, b); err != nil {
		return false, err
	}
	return DecodeProfile(b, p, w)
}

// DecodeSuppression is the package's DecodeSuppression for every version of the schema.
func (r *Resolver) DecodeSuppression(ctx context.Context, b []byte, s *Suppression, w *cohort.Watermark) (watermark bool, err error) {
	if b, err = r.toNewest(ctx, familySuppressions, b); err != nil {
		return false, err
	}
	return DecodeSuppression(b, s, w)
}

// DecodeReceipt is the package's DecodeReceipt for every version of the schema.
func (r *Resolver) DecodeReceipt(ctx context.Context, b []byte, v *Receipt) error {
	b, err := r.toNewest(ctx, familyReceipts, b)
	if err != nil {
		return err
	}
	return DecodeReceipt(b, v)
}

// DecodeQuarantine is the package's DecodeQuarantine for every version of the schema.
func (r *Resolver) DecodeQuarantine(ctx context.Context, b []byte, q *Quarantine) error {
	b, err := r.toNewest(ctx, familyQuarantine, b)
	if err != nil {
		return err
	}
	return DecodeQuarantine(b, q)
}

// DecodeDeadLetter is the package's DecodeDeadLetter for every version of the schema.
func (r *Resolver) DecodeDeadLetter(ctx context.Context, b []byte, v *DeadLetter) error {
	b, err := r.toNewest(ctx, familyDeadLetters, b)
	if err != nil {
		return err
	}
	return DecodeDeadLetter(b, v)
}

// toNewest returns b when one of our schemas wrote it, else a copy that is as if the
// newest had.
func (r *Resolver) toNewest(ctx context.Context, i int, b []byte) ([]byte, error) {
	id, err := SchemaID(b)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", familySubject(i), err)
	}
	f := &r.families[i]
	plan, ok := (*f.plans.Load())[id]
	if !ok {
		if plan, err = r.plan(ctx, f, id); err != nil {
			return nil, fmt.Errorf("decode %s: %w", familySubject(i), err)
		}
	}
	if plan == nil {
		return b, nil
	}
	copied, err := plan.apply(f.newest, id, b[headerLen:])
	if err != nil {
		return nil, fmt.Errorf("decode %s written with schema id %d: %w", familySubject(i), id, err)
	}
	return copied, nil
}

// plan settles, once for each id, how its records are read.
func (r *Resolver) plan(ctx context.Context, f *family, id uint32) (*rewrite, error) {
	text, err := r.registry.Fetch(ctx, id)
	if err != nil {
		return nil, err
	}
	have, err := shape(text)
	if err != nil {
		return nil, fmt.Errorf("schema id %d: %w: %w", id, ErrUnknownSchema, err)
	}
	var plan *rewrite
	if !slices.Contains(f.shapes, have) {
		writer, err := newGoavro(text)
		if err != nil {
			return nil, fmt.Errorf("schema id %d: %w: %w", id, ErrUnknownSchema, err)
		}
		plan = &rewrite{writer: writer}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	plans := maps.Clone(*f.plans.Load())
	plans[id] = plan
	f.plans.Store(&plans)
	return plan, nil
}

func (p *rewrite) apply(newest *goavro.Codec, id uint32, body []byte) ([]byte, error) {
	native, rest, err := p.writer.NativeFromBinary(body)
	if err != nil {
		return nil, fmt.Errorf("%w: by its writer's schema: %w", ErrMalformed, err)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: by its writer's schema: %d bytes are left after the last field", ErrMalformed, len(rest))
	}
	b, err := newest.BinaryFromNative(appendHeader(nil, id), native)
	if err != nil {
		return nil, fmt.Errorf("%w: its writer's schema is not one of this subject: %w", ErrMalformed, err)
	}
	return b, nil
}
