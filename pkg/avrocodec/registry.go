package avrocodec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/cohortflow/cohortflow/schemas"
)

// Errors about schemas. A record that meets ErrUnknownSchema will meet it again
// until somebody registers the schema; ErrRegistry may pass by itself.
var (
	ErrUnknownSchema = errors.New("unknown schema")
	ErrRegistry      = errors.New("schema registry does not answer")
)

// Registry knows which schema has which id: from the table of package schemas
// (NewEmbedded) or from a schema registry (Dial). It may be used from several
// goroutines.
type Registry struct {
	remote *sr.Client // nil when embedded

	mu       sync.RWMutex
	texts    map[uint32]string
	subjects map[string][]registered // by rising version
	current  map[string]uint32       // subject -> id of the schema that this release writes
}

type registered struct {
	version int
	id      uint32
}

func newRegistry(remote *sr.Client) *Registry {
	return &Registry{
		remote:   remote,
		texts:    map[uint32]string{},
		subjects: map[string][]registered{},
		current:  map[string]uint32{},
	}
}

// NewEmbedded returns the registry for when none is in use. Its ids are the same
// in every process and every release.
func NewEmbedded() *Registry {
	r := newRegistry(nil)
	families := map[string][]registered{}
	for _, v := range schemas.Versions() {
		r.texts[v.ID] = compact(v.Text)
		families[v.Subject] = append(families[v.Subject], registered{v.Version, v.ID})
		r.current[v.Subject] = v.ID
	}
	for _, subject := range schemas.Subjects() {
		r.subjects[subject] = families[schemas.Family(subject)]
	}
	return r
}

// compact takes the white space out of a schema, which is how registries hand
// it out.
func compact(text string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(text)) != nil {
		return text
	}
	return b.String()
}

// ID returns the id to write a subject's records with. It panics on a subject
// that is not one of ours or, with a remote registry, was not named to Dial: there
// is no id that such a record could be read by. See Lookup.
func (r *Registry) ID(subject string) uint32 {
	id, ok := r.Lookup(subject)
	if !ok {
		panic(fmt.Sprintf("avrocodec: no schema id for subject %q; with a remote registry, name it in DialOptions.Subjects", subject))
	}
	return id
}

// Lookup is ID for subjects that come from outside. Embedded, every platform has
// its suppression subject.
func (r *Registry) Lookup(subject string) (id uint32, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.remote == nil {
		subject = schemas.Family(subject)
	}
	id, ok = r.current[subject]
	return id, ok
}

// Schema returns the text of a schema that is known already: embedded, looked up
// by Dial or fetched. It does no IO.
func (r *Registry) Schema(id uint32) (text string, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	text, ok = r.texts[id]
	return text, ok
}

// Fetch is Schema, and asks the remote registry, if there is one, for an id not
// seen before; what it answers is kept for ever. Errors wrap ErrUnknownSchema or
// ErrRegistry.
func (r *Registry) Fetch(ctx context.Context, id uint32) (text string, err error) {
	if text, ok := r.Schema(id); ok {
		return text, nil
	}
	if r.remote == nil {
		return "", fmt.Errorf("schema id %d: %w: this release embeds ids 1 to %d; was the record written with a schema registry, or by a newer release?",
			id, ErrUnknownSchema, len(r.texts))
	}
	s, err := r.remote.SchemaByID(ctx, int(id))
	if notFound(err) {
		return "", fmt.Errorf("schema id %d: %w: the registry does not have it: %w", id, ErrUnknownSchema, err)
	}
	if err != nil {
		return "", fmt.Errorf("schema id %d: %w: %w", id, ErrRegistry, err)
	}
	if s.Type != sr.TypeAvro {
		return "", fmt.Errorf("schema id %d: %w: it is %s, want AVRO", id, ErrUnknownSchema, s.Type)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts[id] = s.Schema
	return s.Schema, nil
}

func (r *Registry) add(subject string, version int, id uint32, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts[id] = text
	r.current[subject] = id
	r.subjects[subject] = append(r.subjects[subject], registered{version, id})
}

// versionsOf returns the subject's versions by rising number; any platform's
// suppression subject is answered for, listed or not.
func (r *Registry) versionsOf(subject string) []registered {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if found, ok := r.subjects[subject]; ok || r.remote != nil {
		return found
	}
	if schemas.Family(subject) == schemas.SuppressionFamily && subject != schemas.SuppressionFamily {
		return r.subjects[schemas.SuppressionSubject(schemas.Platforms()[0])]
	}
	return nil
}

// usesOf returns the sorted subjects of an id, each with its version.
func (r *Registry) usesOf(id uint32) []subjectVersion {
	r.mu.RLock()
	defer r.mu.RUnlock()
	uses := []subjectVersion{}
	for _, subject := range slices.Sorted(maps.Keys(r.subjects)) {
		for _, v := range r.subjects[subject] {
			if v.id == id {
				uses = append(uses, subjectVersion{subject, v.version})
			}
		}
	}
	return uses
}

func (r *Registry) listed() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.subjects))
}
