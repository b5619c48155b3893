package server

import (
	"errors"
	"net/http"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/auth"
	"github.com/cohortflow/cohortflow/services/ingest/internal/intake"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/pipelines"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// pipelines takes a call of the Data Pipelines API; kind is the type that the path
// says, "" for a batch. The write key stands in the header or, from browsers and phones,
// in the body. As Customer.io does, it answers 200 to calls that are wrong unless the
// sender asks for strictness; unlike Customer.io it keeps them.
func (c *call) pipelines(kind string) {
	c.script = true
	s := c.s
	header := c.r.Header.Get("Authorization")
	var workspace string
	known := false
	if header != "" {
		key, ok := auth.WriteKey(header)
		if workspace, known = s.cfg.WriteKeys.Workspace(key); !ok || !known {
			c.refuse(unauthorized)
			return
		}
	} else if !s.cfg.WriteKeys.Any() {
		c.refuse(unauthorized)
		return
	}
	leave, ok := c.admit()
	if !ok {
		return
	}
	defer leave()
	b, fault, ok := c.body(s.cfg.MaxBody)
	if !ok {
		return
	}
	defer b.Release()
	raw := trimmed(b.Bytes())
	body := wire.Of(raw)
	var envelope pipelines.Envelope
	if fault == nil {
		envelope, fault = pipelines.Open(body)
	}
	if !known {
		if workspace, known = s.cfg.WriteKeys.Workspace(envelope.WriteKey); !known || envelope.WriteKey == "" {
			if fault != nil { // nobody has shown a key, and no repeat will make it readable
				c.refuse(refusal{status: http.StatusBadRequest, code: fault.Reason, message: fault.Error()})
				return
			}
			c.refuse(unauthorized)
			return
		}
	}
	name := kind
	if kind == "" {
		name = "batch"
	}
	batch := c.begin(workspace, name)
	defer batch.Release()
	switch {
	case fault != nil:
		batch.Item(0, raw, func(*event.Event) *normalise.Fault { return fault })
	case kind != "":
		c.oneCall(batch, 0, kind, body, &envelope)
	case envelope.Batch.Kind() != wire.Array:
		batch.Item(0, raw, func(*event.Event) *normalise.Fault {
			return normalise.Unfit(normalise.ReasonMissing, "batch", "batch is a list of calls")
		})
	default:
		if !c.calls(batch, body, envelope.Batch, &envelope) {
			return
		}
	}
	if !c.write(batch) {
		return
	}
	if refused := batch.Refused(); len(refused) > 0 && strict(c.r.Header.Get("X-Strict-Mode")) {
		c.invalid(refused, kind == "")
		return
	}
	c.ok()
}

func strict(header string) bool { return header == "1" || strings.EqualFold(header, "true") }

var errTooMany = errors.New("too many items")

// calls takes a list of calls out of a body. A list that cannot be walked goes to
// quarantine as a whole. When it says no, the request is answered.
func (c *call) calls(batch *intake.Batch, body, list wire.Value, envelope *pipelines.Envelope) bool {
	err := list.Elements(func(i int, v wire.Value) error {
		if i >= c.s.cfg.MaxItems {
			return errTooMany
		}
		c.oneCall(batch, i, "", v, envelope)
		return nil
	})
	return c.walked(batch, body, err)
}

// walked judges how the walk through a list of a body has ended.
func (c *call) walked(batch *intake.Batch, body wire.Value, err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, errTooMany):
		c.refuse(tooMany)
		return false
	}
	batch.Reset()
	batch.Item(0, body.Raw(), func(*event.Event) *normalise.Fault { return normalise.Syntax(err) })
	return true
}

func (c *call) oneCall(batch *intake.Batch, i int, kind string, v wire.Value, envelope *pipelines.Envelope) {
	batch.Item(i, v.Raw(), func(e *event.Event) *normalise.Fault {
		if err := wire.Check(v.Raw()); err != nil {
			return normalise.Syntax(err)
		}
		return pipelines.Parse(kind, v, envelope, c.scope.ReceivedAt, e)
	})
}

// cors lets scripts of any page see the answer. Keys of browsers are public, no cookie
// is looked at, and nothing about anybody is answered.
func (c *call) cors() {
	if c.script {
		c.w.Header().Set("Access-Control-Allow-Origin", "*")
	}
}

// preflight answers what a browser asks before a call that is not plain.
func preflight(c *call) {
	c.script = true
	c.cors()
	h := c.w.Header()
	h.Set("Access-Control-Allow-Methods", "POST, GET")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Strict-Mode, X-Retry-Count")
	h.Set("Access-Control-Max-Age", "86400")
	c.w.WriteHeader(http.StatusNoContent)
}

// settings tells browser and mobile clients where to send; without it they do not start.
func (s *Server) settings(c *call) {
	c.script = true
	key := c.r.PathValue("key")
	if _, ok := s.cfg.WriteKeys.Workspace(key); !ok {
		c.refuse(refusal{status: http.StatusNotFound, code: "unknown_key", message: "the write key is not known here"})
		return
	}
	host := s.cfg.PublicHost
	if host == "" {
		host = c.r.Host
	}
	c.cors()
	c.w.Header().Set("Cache-Control", "private, max-age=60")
	answer(c.w, http.StatusOK, map[string]any{"integrations": map[string]any{
		"Customer.io Data Pipelines": map[string]string{"apiKey": key, "apiHost": host + "/v1"},
	}})
}

// clientMetrics takes what browser clients tell about themselves, and drops it.
func clientMetrics(c *call) {
	c.script = true
	c.ok()
}
