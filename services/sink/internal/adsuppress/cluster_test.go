package adsuppress

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// cluster is an output topic in memory with the fence as Kafka has it, and with the
// faults of a network in front of it.
type cluster struct {
	mu     sync.Mutex
	random *rand.Rand
	faulty bool // draw faults at present
	all    []kafkaio.Record
	kept   []kafkaio.Record // what compaction has left of all
	epochs map[string]kafkaio.Epoch
	fences map[int64]int16 // newest epoch that has written, by producer id
	heirs  map[int64]int64 // for whom a producer was closed
	faults map[string]int
	looks  func() // called once, before somebody looks at the end of the topic
}

func newCluster(seed uint64) *cluster {
	return &cluster{random: rand.New(rand.NewPCG(seed, 7)), faulty: true, epochs: map[string]kafkaio.Epoch{}, fences: map[int64]int16{}, heirs: map[int64]int64{}, faults: map[string]int{}}
}

func (c *cluster) draw(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.IntN(n)
}

func (c *cluster) fault(name string, oneIn int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.faulty || c.random.IntN(oneIn) != 0 {
		return false
	}
	c.faults[name]++
	return true
}

func (c *cluster) fail() { c.mu.Lock(); c.faulty = true; c.mu.Unlock() }

func (c *cluster) heal() { c.mu.Lock(); c.faulty = false; c.mu.Unlock() }

// records is what was ever written.
func (c *cluster) records() []kafkaio.Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.all)
}

// drawn counts the faults by name.
func (c *cluster) drawn() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.faults)
}

func (c *cluster) TakeEpoch(_ context.Context, id string) (kafkaio.Epoch, error) {
	if c.fault("epoch", 20) {
		return kafkaio.Epoch{}, kafkaio.ErrUnavailable
	}
	if c.fault("producer id", 10) {
		c.renew(id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.epochs[id]
	if !ok {
		e.ProducerID = 77
	}
	c.epochs[id] = kafkaio.Epoch{ProducerID: e.ProducerID, Epoch: e.Epoch + 1}
	return e, nil
}

// renew is as if the epochs of a transactional id were used up: it gets another producer id.
func (c *cluster) renew(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epochs[id] = kafkaio.Epoch{ProducerID: max(77, c.epochs[id].ProducerID) + 1}
}

func (c *cluster) Offsets(context.Context, string, int32) (start, end int64, err error) {
	c.mu.Lock()
	looks := c.looks
	c.looks = nil
	c.mu.Unlock()
	if looks != nil {
		looks()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return 0, int64(len(c.all)), nil
}

func (c *cluster) ReadRange(_ context.Context, _ string, _ int32, from, to int64) ([]kafkaio.Record, error) {
	if c.fault("read", 20) {
		return nil, kafkaio.ErrUnavailable
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []kafkaio.Record
	for _, r := range c.kept {
		if r.Offset >= from && r.Offset < to {
			out = append(out, r)
		}
	}
	return out, nil
}

// compactionLag is how many records at the end compaction leaves alone: what
// min.compaction.lag.ms of the topic is for.
const compactionLag = 30

// compact keeps the last record of every key.
func (c *cluster) compact() {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := map[string]int64{}
	for _, r := range c.kept {
		last[string(r.Key)] = r.Offset
	}
	var kept []kafkaio.Record
	for _, r := range c.kept {
		if r.Offset >= int64(len(c.all)-compactionLag) || last[string(r.Key)] == r.Offset && (r.Value != nil || c.random.IntN(2) == 0) {
			kept = append(kept, r)
		}
	}
	c.kept = kept
}

// cut is as if everything from the n-th record on had never arrived.
func (c *cluster) cut(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = slices.Clone(c.all[:n])
	c.kept = slices.Clone(c.all)
}

// forgetHeaders makes records as they were before they had any.
func (c *cluster) forgetHeaders() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.kept {
		c.kept[i].Headers = nil
	}
}

// squeeze compacts everything, however young: what is left when an owner was away for
// long. Tombstones are still there.
func (c *cluster) squeeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := map[string]int64{}
	for _, r := range c.kept {
		last[string(r.Key)] = r.Offset
	}
	c.kept = slices.DeleteFunc(c.kept, func(r kafkaio.Record) bool { return last[string(r.Key)] != r.Offset })
}

// write is what the broker does with a batch.
func (c *cluster) write(e kafkaio.Epoch, recs []kafkaio.OutRecord) (last int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Epoch < c.fences[e.ProducerID] {
		return -1, kafkaio.ErrFenced
	}
	c.fences[e.ProducerID] = e.Epoch
	for _, r := range recs {
		rec := kafkaio.Record{Offset: int64(len(c.all)), Key: r.Key, Value: r.Value, Headers: r.Headers, ProducerID: e.ProducerID, ProducerEpoch: e.Epoch}
		c.all = append(c.all, rec)
		c.kept = append(c.kept, rec)
	}
	return int64(len(c.all)) - 1, nil
}

func (c *cluster) NewFencedWriter(cfg kafkaio.FencedConfig) Writer {
	w := &writer{c: c, epoch: cfg.Epoch, wake: make(chan struct{}, 1), stop: make(chan struct{})}
	go w.loop()
	return w
}

// writer batches as the real one does, and cuts batches wherever it likes.
type writer struct {
	c     *cluster
	epoch kafkaio.Epoch
	wake  chan struct{}
	stop  chan struct{}

	mu     sync.Mutex
	queue  []queued
	failed error
	closed bool
}

type queued struct {
	rec  *kafkaio.OutRecord
	done func(int64, error)
}

// shutOut writes the closing fence of a producer; one only can.
func (c *cluster) shutOut(producer, heir int64, rec kafkaio.OutRecord) error {
	c.mu.Lock()
	stands, closed := c.heirs[producer]
	if !closed {
		c.heirs[producer] = heir
	}
	c.mu.Unlock()
	if closed && stands != heir {
		return kafkaio.ErrClosedFor
	}
	if closed {
		return nil
	}
	rec.Headers = append(slices.Clip(rec.Headers), kafkaio.Header{Key: "x-producer-id", Value: fmt.Append(nil, heir)})
	_, err := c.write(kafkaio.Epoch{ProducerID: producer, Epoch: 32767}, []kafkaio.OutRecord{rec})
	return err
}

func (w *writer) Fence(_ context.Context, rec kafkaio.OutRecord, last *kafkaio.Epoch) (int64, error) {
	if last != nil && last.ProducerID != w.epoch.ProducerID {
		if err := w.c.shutOut(last.ProducerID, w.epoch.ProducerID, rec); err != nil {
			return -1, err
		}
		if w.c.fault("closed and no more", 3) {
			return -1, kafkaio.ErrAmbiguous
		}
	}
	if w.c.fault("fence lost", 20) {
		_, _ = w.c.write(w.epoch, []kafkaio.OutRecord{rec})
		return -1, kafkaio.ErrAmbiguous
	}
	return w.c.write(w.epoch, []kafkaio.OutRecord{rec})
}

func (w *writer) Append(recs []kafkaio.OutRecord, done func(int64, error)) {
	w.mu.Lock()
	for i := range recs {
		q := queued{rec: &recs[i]}
		if i == len(recs)-1 {
			q.done = done
		}
		w.queue = append(w.queue, q)
	}
	if len(recs) == 0 {
		w.queue = append(w.queue, queued{done: done})
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *writer) Buffered() int { w.mu.Lock(); defer w.mu.Unlock(); return len(w.queue) }

func (w *writer) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.closed = true
		close(w.stop)
	}
}

func (w *writer) loop() {
	for {
		select {
		case <-w.wake:
		case <-w.stop:
			return
		}
		for w.step() {
		}
	}
}

func (w *writer) step() bool {
	w.mu.Lock()
	n := min(len(w.queue), 1+w.c.draw(4))
	batch := w.queue[:n:n]
	w.queue = w.queue[n:]
	failed := w.failed
	w.mu.Unlock()
	if n == 0 {
		return false
	}
	var recs []kafkaio.OutRecord
	for _, q := range batch {
		if q.rec != nil {
			recs = append(recs, *q.rec)
		}
	}
	last := int64(-1)
	if failed == nil {
		last, failed = w.send(recs)
	}
	w.mu.Lock()
	w.failed = failed
	w.mu.Unlock()
	for _, q := range batch {
		if q.done != nil {
			q.done(last, failed)
		}
	}
	return true
}

// send is one request: it may be lost on the way there, its answer on the way back,
// or it may hang in the network and arrive when nobody waits any longer.
func (w *writer) send(recs []kafkaio.OutRecord) (int64, error) {
	time.Sleep(time.Duration(1+w.c.draw(5)) * time.Millisecond)
	switch {
	case w.c.fault("request lost", 30):
		return -1, fmt.Errorf("%w: lost", kafkaio.ErrAmbiguous)
	case w.c.fault("answer lost", 30):
		_, _ = w.c.write(w.epoch, recs)
		return -1, fmt.Errorf("%w: answer lost", kafkaio.ErrAmbiguous)
	case w.c.fault("request late", 30):
		late := time.Duration(w.c.draw(3000)) * time.Millisecond
		go func() {
			time.Sleep(late)
			_, _ = w.c.write(w.epoch, recs)
		}()
		return -1, fmt.Errorf("%w: late", kafkaio.ErrAmbiguous)
	}
	return w.c.write(w.epoch, recs)
}
