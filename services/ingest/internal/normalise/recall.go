package normalise

import (
	"sync"
	"sync/atomic"
)

// maxRecalled bounds the memory; what is beyond it is forgotten first-in, first-out.
const maxRecalled = 50_000

// Memo is what a message that names no time was taken for.
type Memo struct {
	Key string // equal for equal messages
	ID  string
	At  int64 // its event time, ms
}

// Recall remembers messages without a time whose sender was not told that they are
// safe, and so sends them again. Such a message happened when it was accepted; its repeat
// has to get the time of the first attempt, or it would look like a second event of the same id.
// It is empty while all is well. It is safe for concurrent use.
type Recall struct {
	n     atomic.Int64
	mu    sync.Mutex
	known map[string]Memo
	order []string // ring of keys, oldest at next
	next  int
}

// Remember takes memos in. A key that is known keeps what it has unless that is too old
// to be of the same attempt.
func (r *Recall) Remember(memos []Memo) {
	if len(memos) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = make(map[string]Memo)
	}
	for _, m := range memos {
		if old, ok := r.known[m.Key]; ok {
			if m.At-old.At > repeatWindow {
				r.known[m.Key] = m
			}
			continue
		}
		if len(r.order) < maxRecalled {
			r.order = append(r.order, m.Key)
		} else {
			delete(r.known, r.order[r.next])
			r.order[r.next] = m.Key
			r.next = (r.next + 1) % maxRecalled
		}
		r.known[m.Key] = m
	}
	r.n.Store(int64(len(r.known)))
}

// lookup finds what a message was taken for, if that was not long before now.
func (r *Recall) lookup(key string, now int64) (Memo, bool) {
	if r == nil || r.n.Load() == 0 {
		return Memo{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.known[key]
	return m, ok && now-m.At <= repeatWindow && now >= m.At
}
