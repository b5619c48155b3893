package server

import (
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/auth"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/pipelines"
	"github.com/cohortflow/cohortflow/services/ingest/internal/reporting"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// reporting takes a reporting webhook. Whatever is signed rightly is answered 200, also
// what cannot be read: a refusal would hold up every later call of that webhook, for an
// hour at least and a week at most.
func (s *Server) reporting(c *call) {
	timestamps, signatures := c.r.Header.Values("X-CIO-Timestamp"), c.r.Header.Values("X-CIO-Signature")
	if len(timestamps) != 1 || len(signatures) != 1 || !s.cfg.ReportingSecrets.Any() {
		c.refuse(badSignature)
		return
	}
	leave, ok := c.admit()
	if !ok {
		return
	}
	defer leave()
	check := s.cfg.ReportingSecrets.Reporting(timestamps[0])
	b, size, ok := c.signed(check, s.cfg.MaxWebhook)
	if !ok {
		return
	}
	defer func() { b.Release() }()
	workspace, ok := check.Verify(signatures[0])
	if !ok {
		c.refuse(badSignature)
		return
	}
	batch := c.begin(workspace, "reporting")
	defer batch.Release()
	if err := auth.Fresh(timestamps[0], s.cfg.Now(), s.cfg.ReplayWindow); err != nil {
		batch.KeepCut(b.Bytes(), int(size), normalise.Unfit(normalise.ReasonReplayWindow, "X-CIO-Timestamp", err.Error()))
	} else if size > int64(len(b.Bytes())) {
		batch.KeepCut(b.Bytes(), int(size), normalise.Unfit(normalise.ReasonTooLarge, "", "the body is larger than max-webhook-body"))
	} else {
		var unreadable *normalise.Fault
		if b, unreadable, ok = c.decode(b, s.cfg.MaxWebhook); !ok {
			return
		}
		raw := trimmed(b.Bytes())
		batch.Item(0, raw, func(e *event.Event) *normalise.Fault {
			if unreadable != nil {
				return unreadable
			}
			v, fault := message(raw)
			if fault != nil {
				return fault
			}
			return reporting.Parse(v, e)
		})
	}
	if c.write(batch) {
		c.ok()
	}
}

// destination takes what a Webhook destination of Pipelines sends: one call, an array
// of them, or {batch: [...]}. Its batches may come unsigned, so a token in the
// Authorization header admits as well.
func (s *Server) destination(c *call) {
	workspace, known := s.bearer(c.r.Header.Get("Authorization"))
	signature := c.r.Header.Get("X-Signature")
	if !known && (signature == "" || !s.cfg.DestinationSecrets.Any()) {
		c.refuse(unauthorized)
		return
	}
	leave, ok := c.admit()
	if !ok {
		return
	}
	defer leave()
	check := s.cfg.DestinationSecrets.Destination()
	b, size, ok := c.signed(check, s.cfg.MaxWebhook)
	if !ok {
		return
	}
	defer func() { b.Release() }()
	if !known {
		if workspace, known = check.Verify(signature); !known {
			c.refuse(badSignature)
			return
		}
	}
	batch := c.begin(workspace, "pipelines")
	defer batch.Release()
	if size > int64(len(b.Bytes())) {
		batch.KeepCut(b.Bytes(), int(size), normalise.Unfit(normalise.ReasonTooLarge, "", "the body is larger than max-webhook-body"))
	} else {
		var unreadable *normalise.Fault
		if b, unreadable, ok = c.decode(b, s.cfg.MaxWebhook); !ok {
			return
		}
		raw := trimmed(b.Bytes())
		if unreadable != nil {
			batch.Keep(raw, unreadable)
		} else if body := wire.Of(raw); body.Kind() == wire.Array {
			if !c.calls(batch, body, body, &pipelines.Envelope{}) {
				return
			}
		} else if envelope, fault := pipelines.Open(body); fault != nil {
			batch.Keep(raw, fault)
		} else if envelope.Batch.Kind() == wire.Array {
			if !c.calls(batch, body, envelope.Batch, &envelope) {
				return
			}
		} else {
			c.oneCall(batch, 0, "", body, &envelope)
		}
	}
	if c.write(batch) {
		c.ok()
	}
}

// bearer looks at an Authorization header with a token in any of the usual forms.
func (s *Server) bearer(header string) (workspace string, ok bool) {
	if header == "" {
		return "", false
	}
	if token, ok := auth.Bearer(header); ok {
		return s.cfg.DestinationTokens.Workspace(token)
	}
	user, password, ok := auth.Basic(header)
	if !ok {
		return s.cfg.DestinationTokens.Workspace(header)
	}
	if workspace, ok = s.cfg.DestinationTokens.Workspace(password); ok && password != "" {
		return workspace, true
	}
	workspace, ok = s.cfg.DestinationTokens.Workspace(user)
	return workspace, ok && user != ""
}
