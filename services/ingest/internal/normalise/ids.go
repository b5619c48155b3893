package normalise

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// Pin is the id and the time that a message had when it was taken for the first time.
// One that comes again from quarantine has lost what stood around it, such as the clock of
// the sender, and would be another event.
type Pin struct {
	ID string
	At int64 // ms
}

// NewPin makes a Pin; nil where it cannot be one of an event that was taken.
func NewPin(id string, at int64) *Pin {
	if id == "" || len(id) > maxEventID || at <= 0 || at > latest {
		return nil
	}
	return &Pin{ID: id, At: at}
}

// name gives an event its id and its time where it has none: the id from what it
// says, the time from when it was accepted first.
func (s *Scope) name(e *event.Event, raw []byte, ordinal int) {
	if s.Pin != nil && ordinal == 0 {
		e.ID, e.EventAt, s.Pin = s.Pin.ID, s.Pin.At, nil
		return
	}
	nameless := e.ID == "" || len(e.ID) > maxEventID
	if e.EventAt != 0 {
		if nameless {
			e.ID = s.id(e, raw, ordinal, 0)
		}
		return
	}
	key := s.Workspace + "\x00" + e.ID
	if nameless {
		key = s.derive(raw, ordinal, 0)
	}
	m, ok := s.Recall.lookup(key, s.ReceivedAt)
	if !ok {
		m = Memo{Key: key, ID: e.ID, At: s.ReceivedAt}
		if nameless {
			m.ID = s.id(e, raw, ordinal, s.occasion(e))
		}
	}
	e.ID, e.EventAt = m.ID, m.At
	s.Timeless = append(s.Timeless, m)
}

// repeatWindow is how long the same bytes that name no time are taken for a repeat by
// the sender and not for a second event: longer than any official client retries one
// request (30 s), shorter than people do the same again unnoticed.
const repeatWindow = int64(5 * time.Minute / time.Millisecond)

// occasion tells apart what says the same and no time. A person who looks at a page today
// and next week did so twice; one who is erased twice must be erased twice.
func (s *Scope) occasion(e *event.Event) int64 {
	if e.Kind == event.KindErase || e.Kind == event.KindUnerase {
		return s.ReceivedAt
	}
	return s.ReceivedAt / repeatWindow
}

// id derives the id of an event. Those that erase stand in the proof of it, which must
// not lead back to anybody: under a key, nobody can try out whose email it was.
func (s *Scope) id(e *event.Event, raw []byte, ordinal int, occasion int64) string {
	id := s.derive(raw, ordinal, occasion)
	if e.Kind == event.KindErase || e.Kind == event.KindUnerase {
		return "raw_" + s.Keys.Subject(id)
	}
	return id
}

// DeriveID names a message by what it says and where it was said: the same bytes get
// the same name.
func (s *Scope) DeriveID(raw []byte) string { return s.derive(raw, 0, 0) }

func (s *Scope) derive(raw []byte, ordinal int, occasion int64) string {
	h := sha256.New()
	h.Write([]byte(s.Source))
	h.Write([]byte{0})
	h.Write([]byte(s.Call))
	for _, id := range s.PathIDs {
		h.Write([]byte{0})
		h.Write([]byte(id))
	}
	h.Write([]byte{0})
	h.Write(raw)
	for _, n := range []int64{int64(ordinal), occasion} {
		h.Write([]byte{0})
		h.Write(strconv.AppendInt(nil, n, 10))
	}
	return "raw_" + hex.EncodeToString(h.Sum(nil))
}
