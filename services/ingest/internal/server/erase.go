package server

import (
	"net/http"
	"strings"
	"time"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/auth"
	"github.com/cohortflow/cohortflow/services/ingest/internal/intake"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// maxErase bounds the body of a call that names one person, in bytes.
const maxErase = 16 << 10

// Modes of POST /v1/erase.
const (
	eraseDelete     = "delete"     // everything about the person is dropped; who comes again is somebody new
	eraseSuppress   = "suppress"   // and nothing more is taken of them
	eraseUnsuppress = "unsuppress" // something is taken of them again
)

// erased is the answer to POST /v1/erase: from here on the log holds the record, and
// the owner of the person acts on it.
type erased struct {
	EventID    string  `json:"event_id"`
	Mode       string  `json:"mode"`
	AcceptedAt string  `json:"accepted_at"` // RFC 3339, ms
	TookMs     float64 `json:"took_ms"`     // from the request to the acknowledgement by all in-sync replicas
}

// erase takes the operator's call to erase a person. What is wrong with it is answered
// and kept nowhere: it names somebody who wants to be forgotten.
func (s *Server) erase(c *call) {
	begun := s.cfg.Now()
	workspace, ok := s.administrator(c.r.Header.Get("Authorization"))
	if !ok {
		c.refuse(unauthorized)
		return
	}
	leave, ok := c.admit()
	if !ok {
		return
	}
	defer leave()
	b, unreadable, ok := c.body(maxErase)
	if !ok {
		return
	}
	defer b.Release()
	batch := c.begin(workspace, "erase")
	defer batch.Release()
	raw := trimmed(b.Bytes())
	var mode string
	id, fault := batch.Only(raw, func(e *event.Event) *normalise.Fault {
		if unreadable != nil {
			return unreadable
		}
		v, fault := message(raw)
		if fault != nil {
			return fault
		}
		mode, fault = readErasure(v, e)
		return fault
	})
	if fault != nil {
		c.invalid([]intake.Refused{{Fault: fault}}, false)
		return
	}
	if !c.write(batch) {
		return
	}
	answer(c.w, http.StatusAccepted, erased{
		EventID: id, Mode: mode,
		AcceptedAt: time.UnixMilli(c.scope.ReceivedAt).UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		TookMs:     float64(s.cfg.Now().Sub(begun).Microseconds()) / 1000,
	})
}

// administrator looks for a key as bearer or as password of Basic.
func (s *Server) administrator(header string) (workspace string, ok bool) {
	key, ok := auth.Bearer(header)
	if !ok {
		_, key, ok = auth.Basic(header)
	}
	if !ok || key == "" {
		return "", false
	}
	return s.cfg.EraseKeys.Workspace(key)
}

// readErasure reads {"customer_id" or "email" or "anonymous_id": …, "mode": …}.
func readErasure(body wire.Value, e *event.Event) (mode string, fault *normalise.Fault) {
	named := 0
	fault = normalise.Read(body, func(name string, v wire.Value) *normalise.Fault {
		var to *string
		switch name {
		case "customer_id":
			to = &e.IDs.CustomerID
		case "email":
			to = &e.IDs.Email
		case "anonymous_id":
			to = &e.IDs.AnonymousID
		case "mode":
			mode = v.Text()
			return nil
		default:
			return normalise.Unfit(normalise.ReasonShape, "", "an unknown field: give customer_id, email or anonymous_id, and mode")
		}
		id, fault := normalise.ID(name, v)
		if fault != nil || id == "" {
			return fault
		}
		if name == "email" {
			if id = strings.TrimSpace(id); !strings.Contains(id, "@") {
				return normalise.Unfit(normalise.ReasonInvalid, name, "this is no email address: give one, or customer_id or anonymous_id")
			}
		}
		*to = id
		named++
		return nil
	})
	switch {
	case fault != nil:
		return mode, fault
	case named != 1:
		return mode, normalise.Unfit(normalise.ReasonMissing, "customer_id", "a person is named by exactly one of customer_id, email and anonymous_id")
	}
	switch mode {
	case eraseDelete:
		e.Kind, e.Name = event.KindErase, event.NameDelete
	case eraseSuppress:
		e.Kind, e.Name = event.KindErase, event.NameSuppress
	case eraseUnsuppress:
		e.Kind, e.Name = event.KindUnerase, eraseUnsuppress
	default:
		return mode, normalise.Unfit(normalise.ReasonInvalid, "mode", "mode is delete, suppress or unsuppress")
	}
	return mode, nil
}
