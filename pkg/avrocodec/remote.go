package avrocodec

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/cohortflow/cohortflow/schemas"
)

// DialOptions say what to ask a schema registry for.
type DialOptions struct {
	Subjects []string     // that this process writes or reads; at least one
	Register bool         // register what is missing; off, a missing schema is an error
	Username string       // basic auth; a user in the URL does as well
	Password string       //
	HTTP     *http.Client // nil = one with a timeout of 5 s
}

// registryTimeout bounds one request to a registry.
const registryTimeout = 5 * time.Second

// Dial looks up the ids of the subjects' schemas at a schema registry (the
// Confluent API; urls is one URL or several of one registry, comma-separated) and
// returns once all are known. It asks again only for ids of foreign records. A
// schema that is not registered is an error that wraps ErrUnknownSchema and names
// the subject and the remedy; with Register it is registered, all versions in
// order, and the subject set to FULL_TRANSITIVE.
func Dial(ctx context.Context, urls string, opts DialOptions) (*Registry, error) {
	if len(opts.Subjects) == 0 {
		return nil, errors.New("look up schemas: no subjects named; set DialOptions.Subjects")
	}
	client, err := registryClient(urls, opts)
	if err != nil {
		return nil, fmt.Errorf("look up schemas: %w", err)
	}
	r := newRegistry(client)
	for _, subject := range opts.Subjects {
		newest, ok := schemas.Newest(subject)
		if !ok {
			return nil, fmt.Errorf("look up schema of subject %q: %w: it is not a subject of Cohortflow", subject, ErrUnknownSchema)
		}
		found, err := r.lookUp(ctx, subject, newest)
		if errors.Is(err, ErrUnknownSchema) && opts.Register {
			found, err = r.register(ctx, subject)
		}
		if err != nil {
			return nil, fmt.Errorf("look up schema of subject %q: %w", subject, err)
		}
		r.add(subject, found.Version, uint32(found.ID), compact(newest.Text))
	}
	return r, nil
}

func registryClient(urls string, opts DialOptions) (*sr.Client, error) {
	user, password := opts.Username, opts.Password
	var plain []string
	for raw := range strings.SplitSeq(urls, ",") {
		u, err := url.Parse(strings.TrimSpace(raw))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("the registry's URL is not of the form http://host:port") // not quoted: it may hold a password
		}
		if u.User != nil {
			user = u.User.Username()
			password, _ = u.User.Password()
			u.User = nil
		}
		plain = append(plain, u.String())
	}
	client := opts.HTTP
	if client == nil {
		client = &http.Client{Timeout: registryTimeout}
	}
	options := []sr.ClientOpt{sr.URLs(plain...), sr.HTTPClient(client), sr.UserAgent("cohortflow")}
	if user != "" {
		options = append(options, sr.BasicAuth(user, password))
	}
	return sr.NewClient(options...)
}

// lookUp finds the registered version that has the shape of ours. The registry's
// own comparison comes first; it also compares descriptions, so a schema that was
// registered without them is then looked for among the subject's versions.
func (r *Registry) lookUp(ctx context.Context, subject string, ours schemas.Version) (sr.SubjectSchema, error) {
	found, err := r.remote.LookupSchema(ctx, subject, sr.Schema{Schema: compact(ours.Text)})
	if err == nil {
		return found, nil
	}
	if !notFound(err) {
		return found, fmt.Errorf("%w: %w", ErrRegistry, err)
	}
	want, err := shape(ours.Text)
	if err != nil {
		return found, err
	}
	all, err := r.remote.Schemas(ctx, subject)
	if err != nil && !notFound(err) {
		return found, fmt.Errorf("%w: %w", ErrRegistry, err)
	}
	for _, s := range all {
		if have, err := shape(s.Schema.Schema); err == nil && s.Type == sr.TypeAvro && have == want {
			return s, nil
		}
	}
	return found, fmt.Errorf("%w: version %d is not registered; register schemas/%s/v%d.avsc under this subject, or allow this process to register schemas",
		ErrUnknownSchema, ours.Version, ours.Subject, ours.Version)
}

func (r *Registry) register(ctx context.Context, subject string) (newest sr.SubjectSchema, err error) {
	for _, v := range schemas.Versions() {
		if v.Subject != schemas.Family(subject) {
			continue
		}
		newest, err = r.remote.CreateSchema(ctx, subject, sr.Schema{Schema: compact(v.Text)})
		if err != nil {
			return newest, fmt.Errorf("register version %d: %w: %w", v.Version, ErrRegistry, err)
		}
	}
	for _, res := range r.remote.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFullTransitive}, subject) {
		if res.Err != nil {
			return newest, fmt.Errorf("set compatibility to FULL_TRANSITIVE: %w: %w", ErrRegistry, res.Err)
		}
	}
	return newest, nil
}

func notFound(err error) bool {
	var answer *sr.ResponseError
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}
