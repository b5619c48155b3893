package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/services/console/internal/rules"
	"github.com/cohortflow/cohortflow/services/console/internal/state"
)

// Problem is an error as RFC 9457 has it, with the field that is at fault and what to do
// about it. Neither it nor the log repeats what was asked for.
type Problem struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail"`
	Field  *string `json:"field"`
	Remedy string  `json:"remedy"`

	code       string // label of the metric, and the end of Type
	retryAfter int    // seconds; 0 = asking again is no use
}

func problem(status int, code, detail, remedy string) *Problem {
	return &Problem{
		Type: "urn:cohortflow:problem:" + code, Title: http.StatusText(status), Status: status, Detail: detail, Remedy: remedy, code: code,
	}
}

func (p *Problem) of(field string) *Problem {
	p.Field = &field
	return p
}

func (p *Problem) again(seconds int) *Problem {
	p.retryAfter = seconds
	return p
}

func invalid(field, detail, remedy string) *Problem {
	return problem(http.StatusBadRequest, "invalid", detail, remedy).of(field)
}

func nothingHere() *Problem {
	return problem(http.StatusNotFound, "no_such_path", "there is nothing at this path", "GET /openapi.json lists what there is")
}

func unauthorized() *Problem {
	return problem(http.StatusUnauthorized, "unauthorized", "the key is missing or not known here",
		"send Authorization: Bearer KEY with one of console-keys").of("Authorization")
}

// failure says why an answer could not be had.
func failure(err error) *Problem {
	detail := err.Error()
	var refused *redisstate.RefusedError
	switch {
	case errors.Is(err, state.ErrUnknown):
		return problem(http.StatusNotFound, "unknown_person", detail,
			"say with by= what the id is: customer_id, email, anonymous_id, cio_id or key; somebody new is known as soon as the log is worked off").of("id")
	case errors.Is(err, state.ErrNoState):
		return problem(http.StatusServiceUnavailable, "no_state", detail, "start the processor, or wait until it has worked off the log; compare redis and redis-prefix with its settings").again(2)
	case errors.Is(err, rules.ErrNone):
		return problem(http.StatusServiceUnavailable, "no_catalogue", detail, "wait until the processor has come to it").again(2)
	case errors.Is(err, rules.ErrLost), errors.Is(err, rules.ErrForeign), errors.Is(err, state.ErrUnreadable), errors.Is(err, state.ErrAliases):
		return problem(http.StatusInternalServerError, "unreadable", detail, "see the detail")
	case errors.Is(err, context.Canceled):
		return problem(http.StatusServiceUnavailable, "canceled", "the request was given up", "ask again").again(1)
	case errors.Is(err, context.DeadlineExceeded):
		return problem(http.StatusServiceUnavailable, "timeout", "there was no answer in time", "ask again; if it stays so, look at Redis and Kafka, or raise console-timeout").again(2)
	case errors.As(err, &refused):
		return problem(http.StatusServiceUnavailable, "redis_refuses", refused.Message, refused.Remedy).again(2)
	case errors.Is(err, redisstate.ErrUnavailable):
		return problem(http.StatusServiceUnavailable, "redis_unavailable", "Redis does not answer", "bring Redis back, or correct the setting redis").again(2)
	case errors.Is(err, kafkaio.ErrUnavailable):
		return problem(http.StatusServiceUnavailable, "kafka_unavailable", "Kafka does not answer", "bring Kafka back, or correct the setting kafka-brokers").again(2)
	}
	return problem(http.StatusInternalServerError, "internal_error", "the answer could not be made", "see the log of console")
}

// write sends an answer or a problem. Nothing may be stored on the way: it is about people.
func write(w http.ResponseWriter, status int, kind string, body any) {
	text, err := json.Marshal(body)
	if err != nil { // plain data of ours always has a JSON form
		status, text = http.StatusInternalServerError, []byte("{}")
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func (p *Problem) write(w http.ResponseWriter) {
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="cohortflow"`)
	}
	write(w, p.Status, "application/problem+json", p)
}
