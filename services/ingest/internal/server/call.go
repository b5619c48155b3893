package server

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/crashpoint"
	"github.com/cohortflow/cohortflow/services/ingest/internal/intake"
	"github.com/cohortflow/cohortflow/services/ingest/internal/limits"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// call is one request on its way through. It belongs to one goroutine.
type call struct {
	s      *Server
	w      http.ResponseWriter
	r      *http.Request
	source string // event.Source...
	script bool   // scripts on any page may send it: answers carry CORS headers

	writer *intake.Writer
	scope  normalise.Scope
	origin intake.Origin
	place  *limits.Place // after admit
}

// replayHeader marks messages that come again from quarantine or from a backfill.
const replayHeader = "X-Cohortflow-Replay"

// admit lets the request in if it can be written and there is room for it. It runs
// before anything is read. When it says no, the request is answered.
func (c *call) admit() (leave func(), ok bool) {
	if c.writer = c.s.writer.Load(); c.writer == nil || c.writer.Ready() != nil {
		c.refuse(unavailable)
		return nil, false
	}
	if c.s.gate.Full() {
		c.refuse(overloaded)
		return nil, false
	}
	c.place = c.s.gate.Enter()
	return c.place.Leave, true
}

// work takes a slot, now that all of the request is there. When it says no, the request is
// answered.
func (c *call) work() bool {
	if c.place.Work() != nil {
		c.refuse(overloaded)
		return false
	}
	return true
}

// body reads the body and undoes its encoding. unreadable is the fault of a body that
// came whole and cannot be decoded. When ok is false, the request is answered.
func (c *call) body(limit int) (b *limits.Body, unreadable *normalise.Fault, ok bool) {
	b, _, err := limits.Receive(c.r.Body, c.r.ContentLength, limit, limit, nil, c.place)
	if err != nil {
		c.refuse(bodyRefusal(err))
		return nil, nil, false
	}
	if !c.work() {
		b.Release()
		return nil, nil, false
	}
	return c.decode(b, limit)
}

func (c *call) decode(b *limits.Body, limit int) (decoded *limits.Body, unreadable *normalise.Fault, ok bool) {
	decoded, err := b.Decode(c.r.Header.Get("Content-Encoding"), limit, c.place)
	switch {
	case err == nil:
		return decoded, nil, true
	case decoded != nil:
		return decoded, normalise.Unfit(normalise.ReasonEncoding, "", limits.ErrEncoding.Error()), true
	}
	c.refuse(bodyRefusal(err))
	return nil, nil, false
}

// begin starts the batch of a request whose sender is known. name is the call without
// ids, ids are those of its path.
func (c *call) begin(workspace, name string, ids ...string) *intake.Batch {
	c.scope = normalise.Scope{
		Source: c.source, Workspace: workspace, Call: name, PathIDs: ids,
		ReceivedAt: c.s.cfg.Now().UnixMilli(), EventClock: c.s.cfg.EventClock, Keys: c.s.cfg.Keys,
		Replay: c.r.Header.Get(replayHeader) == "1", Recall: &c.s.recall,
	}
	if c.scope.Replay {
		c.scope.Pin = pinned(c.r.Header)
	}
	c.origin = intake.Origin{Method: c.r.Method, Path: c.r.URL.EscapedPath(), ContentType: c.r.Header.Get("Content-Type"), Headers: c.kept()}
	return c.writer.NewBatch(&c.scope, &c.origin)
}

// pinned reads the id and the time that a message had when it was taken first; nil
// where the request does not tell both.
func pinned(h http.Header) *normalise.Pin {
	id := h.Get(intake.HeaderEventID)
	at, err := strconv.ParseInt(h.Get(intake.HeaderEventAt), 10, 64)
	if err != nil {
		return nil
	}
	return normalise.NewPin(id, at)
}

// kept are the headers that help to understand a message in quarantine, none of which
// admits anybody.
func (c *call) kept() map[string]string {
	kept := make(map[string]string, 4)
	for _, name := range []string{"User-Agent", "Content-Encoding", "X-Cio-Timestamp", "X-Retry-Count", "X-Strict-Mode"} {
		if v := c.r.Header.Get(name); v != "" {
			kept[strings.ToLower(name)] = v[:min(len(v), 256)]
		}
	}
	return kept
}

// write makes the batch durable. When it says no, the request is answered.
func (c *call) write(b *intake.Batch) bool {
	// The sender's hanging up ends nothing: the records are on their way.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), c.s.cfg.AckTimeout)
	defer cancel()
	err := c.writer.Write(ctx, b)
	if err != nil || c.r.Context().Err() != nil { // it comes again, in whole or because nobody hears the answer
		c.s.recall.Remember(c.scope.Timeless)
	}
	if err == nil {
		crashpoint.Near("ingest.answer.sent")
		return true
	}
	c.s.cfg.Log.DebugContext(ctx, "a request is not written", "reason", intake.Class(err), "events", b.Events(), "quarantined", b.Kept())
	c.refuse(writeRefusal(err))
	return false
}

// message is a body or a part of one, looked at from outside.
func message(raw []byte) (wire.Value, *normalise.Fault) {
	if err := wire.Check(raw); err != nil {
		return wire.Value{}, normalise.Syntax(err)
	}
	return wire.Of(raw), nil
}

// trimmed takes off what may stand around JSON, and the mark that some editors put
// before it.
func trimmed(body []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
}

// signed reads a webhook's body through the check of its signature; what lies beyond
// limit is checked and not kept. When ok is false, the request is answered.
func (c *call) signed(check io.Writer, limit int) (b *limits.Body, size int64, ok bool) {
	b, size, err := limits.Receive(c.r.Body, c.r.ContentLength, limit, hardFactor*limit, check, c.place)
	if err != nil {
		c.refuse(bodyRefusal(err))
		return nil, 0, false
	}
	if !c.work() {
		b.Release()
		return nil, 0, false
	}
	return b, size, true
}

// hardFactor: a signed webhook is read on to that many times the limit, for refusing it
// would hold up all that come after it for a week.
const hardFactor = 16
