package server

import (
	"net/http"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/intake"
	"github.com/cohortflow/cohortflow/services/ingest/internal/limits"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/track"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// entity takes one entity of the Track API, v2.
func (s *Server) entity(c *call) {
	c.v2(func(batch *intake.Batch, raw []byte, unreadable *normalise.Fault) {
		c.oneEntity(batch, 0, raw, unreadable)
		c.settle(batch)
	})
}

// entities takes a batch of the Track API, v2: 200 when all of it is right, 207 with a
// list of what is not when some of it is.
func (s *Server) entities(c *call) {
	c.v2(func(batch *intake.Batch, raw []byte, unreadable *normalise.Fault) {
		body := wire.Of(raw)
		list, fault := listOf(body, unreadable)
		if fault != nil {
			batch.Item(0, raw, func(*event.Event) *normalise.Fault { return fault })
			c.settle(batch)
			return
		}
		err := list.Elements(func(i int, v wire.Value) error {
			if i >= s.cfg.MaxItems {
				return errTooMany
			}
			c.oneEntity(batch, i, v.Raw(), nil)
			return nil
		})
		if !c.walked(batch, body, err) || !c.write(batch) {
			return
		}
		if refused := batch.Refused(); len(refused) > 0 {
			s.meters.refuse(c.r.Context(), c.source, refused[0].Reason)
			answer(c.w, http.StatusMultiStatus, problem{Errors: faults(refused, true)})
			return
		}
		c.ok()
	})
}

func listOf(body wire.Value, unreadable *normalise.Fault) (list wire.Value, fault *normalise.Fault) {
	if unreadable != nil {
		return list, unreadable
	}
	err := body.Envelope(func(name string, v wire.Value) error {
		if name == "batch" {
			list = v
		}
		return nil
	})
	switch {
	case err != nil:
		return list, normalise.Syntax(err)
	case list.Kind() != wire.Array:
		return list, normalise.Unfit(normalise.ReasonMissing, "batch", "batch is a list of entities")
	}
	return list, nil
}

func (c *call) v2(serve func(batch *intake.Batch, raw []byte, unreadable *normalise.Fault)) {
	workspace, ok := c.entitled(false)
	if !ok {
		return
	}
	leave, ok := c.admit()
	if !ok {
		return
	}
	defer leave()
	var b *limits.Body
	b, unreadable, ok := c.body(c.s.cfg.MaxBody)
	if !ok {
		return
	}
	defer b.Release()
	batch := c.begin(workspace, "entity")
	defer batch.Release()
	serve(batch, trimmed(b.Bytes()), unreadable)
}

func (c *call) oneEntity(batch *intake.Batch, i int, raw []byte, unreadable *normalise.Fault) {
	batch.Items(i, raw, func(e *event.Event, emit func() *normalise.Fault) *normalise.Fault {
		if unreadable != nil {
			return unreadable
		}
		v, fault := message(raw)
		if fault != nil {
			return fault
		}
		return track.Entity(v, e, emit)
	})
}
