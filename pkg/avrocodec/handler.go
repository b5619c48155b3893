package avrocodec

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// registryType is the content type of a registry's answers.
const registryType = "application/vnd.schemaregistry.v1+json"

// maxSchemaBody bounds the body of a look-up.
const maxSchemaBody = 1 << 20

type subjectVersion struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

type subjectSchema struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
	ID      uint32 `json:"id"`
	Schema  string `json:"schema"`
}

// Handler serves the read side of a schema registry's HTTP API, as much of it as
// deserialisers, Kafka consoles and SQL engines ask for, with the paths, JSON and
// error codes of Confluent's. Nothing can be written: to register a schema that is
// there already gives its id, as it does there; anything else is refused as in
// mode READONLY.
func (r *Registry) Handler() http.Handler {
	mux := http.NewServeMux()
	answer := func(pattern string, h func(*http.Request) (any, *registryError)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) {
			v, fault := h(req)
			if fault != nil {
				writeFault(w, fault)
				return
			}
			writeJSON(w, http.StatusOK, v)
		})
	}
	fixed := func(v any) func(*http.Request) (any, *registryError) {
		return func(*http.Request) (any, *registryError) { return v, nil }
	}
	answer("GET /{$}", fixed(struct{}{}))
	answer("GET /subjects", r.getSubjects)
	answer("GET /subjects/{subject}/versions", r.getVersions)
	answer("GET /subjects/{subject}/versions/{version}", r.getVersion)
	answer("GET /subjects/{subject}/versions/{version}/schema", r.getVersionText)
	answer("POST /subjects/{subject}", r.postLookup)
	answer("POST /subjects/{subject}/versions", r.postRegister)
	answer("GET /schemas/types", fixed([]string{"AVRO"}))
	answer("GET /schemas/ids/{id}", r.getSchema)
	answer("GET /schemas/ids/{id}/schema", r.getSchemaText)
	answer("GET /schemas/ids/{id}/versions", r.getSchemaVersions)
	answer("GET /schemas/ids/{id}/subjects", r.getSchemaSubjects)
	answer("GET /config", fixed(map[string]string{"compatibilityLevel": "FULL_TRANSITIVE"}))
	answer("GET /config/{subject}", r.getConfig)
	answer("GET /mode", fixed(map[string]string{"mode": "READONLY"}))
	answer("GET /mode/{subject}", r.getMode)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		// The mux's own 404 and 405 are plain text; clients parse JSON.
		if _, pattern := mux.Handler(req); pattern == "" {
			if req.Method != http.MethodGet && req.Method != http.MethodHead {
				writeFault(w, &registryError{http.StatusMethodNotAllowed, http.StatusMethodNotAllowed, "HTTP 405 Method Not Allowed"})
				return
			}
			writeFault(w, &registryError{http.StatusNotFound, http.StatusNotFound, "HTTP 404 Not Found"})
			return
		}
		mux.ServeHTTP(w, req)
	})
}

func (r *Registry) getSubjects(req *http.Request) (any, *registryError) {
	prefix := req.URL.Query().Get("subjectPrefix")
	subjects := []string{}
	for _, s := range r.listed() {
		if strings.HasPrefix(s, prefix) {
			subjects = append(subjects, s)
		}
	}
	return subjects, nil
}

func (r *Registry) getVersions(req *http.Request) (any, *registryError) {
	found := r.versionsOf(req.PathValue("subject"))
	if len(found) == 0 {
		return nil, noSubject(req)
	}
	versions := make([]int, len(found))
	for i, v := range found {
		versions[i] = v.version
	}
	return versions, nil
}

func (r *Registry) version(req *http.Request) (subjectSchema, *registryError) {
	subject, which := req.PathValue("subject"), req.PathValue("version")
	number := -1
	if which != "latest" && which != "-1" {
		n, err := strconv.ParseInt(which, 10, 32)
		if err != nil || n < 1 {
			return subjectSchema{}, &registryError{http.StatusUnprocessableEntity, 42202, fmt.Sprintf(
				`The specified version '%s' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`, which)}
		}
		number = int(n)
	}
	found := r.versionsOf(subject)
	if len(found) == 0 {
		return subjectSchema{}, noSubject(req)
	}
	for i, v := range found {
		if v.version == number || number == -1 && i == len(found)-1 {
			text, _ := r.Schema(v.id)
			return subjectSchema{subject, v.version, v.id, text}, nil
		}
	}
	return subjectSchema{}, &registryError{http.StatusNotFound, 40402, fmt.Sprintf("Version %d not found.", number)}
}

func (r *Registry) getVersion(req *http.Request) (any, *registryError) {
	return orFault(r.version(req))
}

func (r *Registry) getVersionText(req *http.Request) (any, *registryError) {
	v, fault := r.version(req)
	return orFault(json.RawMessage(v.Schema), fault)
}

// posted finds the version that has the shape of the schema in the body.
func (r *Registry) posted(req *http.Request) (subjectSchema, *registryError) {
	var body struct {
		Schema     string `json:"schema"`
		SchemaType string `json:"schemaType"`
	}
	if err := json.NewDecoder(io.LimitReader(req.Body, maxSchemaBody)).Decode(&body); err != nil {
		return subjectSchema{}, &registryError{http.StatusBadRequest, http.StatusBadRequest, "Unable to process JSON"}
	}
	want, err := shape(body.Schema)
	if err != nil || body.SchemaType != "" && body.SchemaType != "AVRO" {
		return subjectSchema{}, &registryError{http.StatusUnprocessableEntity, 42201, "Input schema is an invalid Avro schema"}
	}
	subject := req.PathValue("subject")
	found := r.versionsOf(subject)
	if len(found) == 0 {
		return subjectSchema{}, noSubject(req)
	}
	for _, v := range found {
		text, _ := r.Schema(v.id)
		if have, err := shape(text); err == nil && have == want {
			return subjectSchema{subject, v.version, v.id, text}, nil
		}
	}
	return subjectSchema{}, &registryError{http.StatusNotFound, 40403, "Schema not found"}
}

func (r *Registry) postLookup(req *http.Request) (any, *registryError) {
	return orFault(r.posted(req))
}

func (r *Registry) postRegister(req *http.Request) (any, *registryError) {
	v, fault := r.posted(req)
	if fault != nil && fault.status == http.StatusNotFound {
		return nil, &registryError{http.StatusUnprocessableEntity, 42205, fmt.Sprintf("Subject %s is in read-only mode", req.PathValue("subject"))}
	}
	return orFault(map[string]uint32{"id": v.ID}, fault)
}

func (r *Registry) byID(req *http.Request) (id uint32, text string, fault *registryError) {
	n, err := strconv.ParseInt(req.PathValue("id"), 10, 64)
	if err != nil {
		return 0, "", &registryError{http.StatusNotFound, http.StatusNotFound, "HTTP 404 Not Found"}
	}
	if n >= 0 && n <= math.MaxUint32 {
		if text, ok := r.Schema(uint32(n)); ok {
			return uint32(n), text, nil
		}
	}
	return 0, "", &registryError{http.StatusNotFound, 40403, fmt.Sprintf("Schema %d not found", n)}
}

func (r *Registry) getSchema(req *http.Request) (any, *registryError) {
	_, text, fault := r.byID(req)
	return orFault(map[string]string{"schema": text}, fault)
}

func (r *Registry) getSchemaText(req *http.Request) (any, *registryError) {
	_, text, fault := r.byID(req)
	return orFault(json.RawMessage(text), fault)
}

func (r *Registry) getSchemaVersions(req *http.Request) (any, *registryError) {
	id, _, fault := r.byID(req)
	return orFault(r.usesOf(id), fault)
}

func (r *Registry) getSchemaSubjects(req *http.Request) (any, *registryError) {
	id, _, fault := r.byID(req)
	subjects := []string{}
	for _, use := range r.usesOf(id) {
		subjects = append(subjects, use.Subject)
	}
	return orFault(subjects, fault)
}

// A subject has a level and a mode of its own only where a registry was asked to
// set one; clients fall back to the global one on these codes.
func (r *Registry) getConfig(req *http.Request) (any, *registryError) {
	if req.URL.Query().Get("defaultToGlobal") == "true" {
		return map[string]string{"compatibilityLevel": "FULL_TRANSITIVE"}, nil
	}
	return nil, &registryError{http.StatusNotFound, 40408, fmt.Sprintf(
		"Subject '%s' does not have subject-level compatibility configured", req.PathValue("subject"))}
}

func (r *Registry) getMode(req *http.Request) (any, *registryError) {
	if req.URL.Query().Get("defaultToGlobal") == "true" {
		return map[string]string{"mode": "READONLY"}, nil
	}
	return nil, &registryError{http.StatusNotFound, 40409, fmt.Sprintf(
		"Subject '%s' does not have subject-level mode configured", req.PathValue("subject"))}
}

// registryError is an error body of the registry API.
type registryError struct {
	status  int
	code    int
	message string
}

func noSubject(req *http.Request) *registryError {
	return &registryError{http.StatusNotFound, 40401, fmt.Sprintf("Subject '%s' not found.", req.PathValue("subject"))}
}

func orFault(v any, fault *registryError) (any, *registryError) { return v, fault }

func writeFault(w http.ResponseWriter, fault *registryError) {
	writeJSON(w, fault.status, map[string]any{"error_code": fault.code, "message": fault.message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error_code":50001,"message":"Error in the backend data store"}`)
	}
	w.Header().Set("Content-Type", registryType)
	w.WriteHeader(status)
	_, _ = w.Write(b) // a reader that has gone away needs no answer
}
