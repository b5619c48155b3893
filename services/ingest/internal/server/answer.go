package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/services/ingest/internal/intake"
	"github.com/cohortflow/cohortflow/services/ingest/internal/limits"
)

var errNotOpen = errors.New("ingest is not open yet")

// problem is a refusal in the union of the forms that clients look for: code and
// message keep the Python client from repeating for ever, meta is what Node reads,
// errors is the form of Track v2.
type problem struct {
	Code    string  `json:"code,omitempty"`
	Message string  `json:"message,omitempty"`
	Meta    *meta   `json:"meta,omitempty"`
	Errors  []fault `json:"errors,omitempty"`
}

type meta struct {
	Error  string   `json:"error"`
	Errors []string `json:"errors"`
}

type fault struct {
	BatchIndex *int   `json:"batch_index,omitempty"`
	Reason     string `json:"reason"`
	Field      string `json:"field"`
	Message    string `json:"message"`
}

// refusal is why a request as a whole is answered with an error.
type refusal struct {
	status     int
	code       string // also the label of the metric
	message    string
	retryAfter int // seconds; 0 = repeating is no use
}

//nolint:gochecknoglobals // a table
var (
	unauthorized = refusal{status: http.StatusUnauthorized, code: "unauthorized", message: "the key is missing or not known here"}
	badSignature = refusal{status: http.StatusUnauthorized, code: "bad_signature", message: "the signature does not fit the body and any key known here"}
	overloaded   = refusal{status: http.StatusServiceUnavailable, code: "overloaded", message: "too much at once: repeat the request", retryAfter: 1}
	backpressure = refusal{status: http.StatusServiceUnavailable, code: "backpressure", message: "too much waits to be written: repeat the request", retryAfter: 1}
	unavailable  = refusal{status: http.StatusServiceUnavailable, code: "unavailable", message: "the log cannot be written now: repeat the request", retryAfter: 2}
	tooMany      = refusal{status: http.StatusRequestEntityTooLarge, code: "too_many_items", message: "too many messages in one request: send fewer together"}
)

// answer writes JSON. body nil is the empty object that every client takes for success.
func answer(w http.ResponseWriter, status int, body any) {
	text := []byte("{}")
	if body != nil {
		// Plain data of ours always has a JSON form.
		text, _ = json.Marshal(body)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // the sender has gone: it repeats the request or does not care
}

// ok answers what every client takes for success: 200 and nothing else.
func (c *call) ok() {
	c.cors()
	answer(c.w, http.StatusOK, nil)
}

// refuse answers an error. One that passes goes to a browser without the header that
// would let its script see the answer: to the official client that is a network
// failure, after which it keeps the event and repeats, while after a 503 that it can
// read it throws the event away.
func (c *call) refuse(r refusal) {
	c.s.meters.refuse(c.r.Context(), c.source, r.code)
	if r.retryAfter > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(r.retryAfter))
	} else {
		c.cors()
	}
	answer(c.w, r.status, problem{
		Code: r.code, Message: r.message,
		Meta:   &meta{Error: r.message, Errors: []string{r.message}},
		Errors: []fault{{Reason: r.code, Message: r.message}},
	})
}

// invalid answers 400 with what is wrong with each item.
func (c *call) invalid(refused []intake.Refused, indexed bool) {
	c.s.meters.refuse(c.r.Context(), c.source, refused[0].Reason)
	c.cors()
	p := problem{Code: refused[0].Reason, Message: refused[0].Error(), Meta: &meta{Error: refused[0].Error()}, Errors: faults(refused, indexed)}
	for _, f := range refused {
		p.Meta.Errors = append(p.Meta.Errors, f.Error())
	}
	answer(c.w, http.StatusBadRequest, p)
}

func faults(refused []intake.Refused, indexed bool) []fault {
	list := make([]fault, len(refused))
	for i, f := range refused {
		list[i] = fault{Reason: f.Reason, Field: f.Field, Message: f.Message}
		if indexed {
			list[i].BatchIndex = &refused[i].Index
		}
	}
	return list
}

// bodyRefusal says why a body was not taken.
func bodyRefusal(err error) refusal {
	switch {
	case errors.Is(err, limits.ErrNoRoom):
		return overloaded
	case errors.Is(err, limits.ErrTooLarge):
		return refusal{status: http.StatusRequestEntityTooLarge, code: "too_large", message: err.Error()}
	case errors.Is(err, limits.ErrUnknown):
		return refusal{status: http.StatusUnsupportedMediaType, code: "unknown_encoding", message: err.Error()}
	case errors.Is(err, limits.ErrEncoding):
		return refusal{status: http.StatusBadRequest, code: "unreadable_encoding", message: limits.ErrEncoding.Error()}
	}
	return refusal{status: http.StatusBadRequest, code: "body_incomplete", message: "the body did not arrive whole"}
}

// writeRefusal says why nothing is promised about a request. Whatever the reason, a
// part of it may be in the log; a repeat gets the same ids.
func writeRefusal(err error) refusal {
	switch {
	case errors.Is(err, kafkaio.ErrTooLarge):
		return refusal{status: http.StatusRequestEntityTooLarge, code: "too_large", message: "the events of the request are too large together: send fewer"}
	case errors.Is(err, kafkaio.ErrBackpressure):
		return backpressure
	case errors.Is(err, kafkaio.ErrAmbiguous), errors.Is(err, context.DeadlineExceeded):
		return refusal{status: http.StatusServiceUnavailable, code: "not_acknowledged", message: "the log did not acknowledge in time: repeat the request", retryAfter: 2}
	}
	return unavailable
}
