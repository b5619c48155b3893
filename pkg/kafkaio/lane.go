package kafkaio

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// job is one sealed batch on its way to a leader. Its owner keeps bytes unchanged
// and unreused until the job has ended, and hands it in to one submit at a time.
type job struct {
	topic     string
	partition int32
	bytes     []byte
	owner     jobOwner

	deadline time.Time // no attempt begins after it
	attempts int
	maybe    bool // an earlier attempt may have been written

	// Outcome of the newest attempt.
	err    error // the request failed; answer is void
	sent   bool  // with err: bytes may have reached the broker
	answer produceAnswer
}

// jobOwner gets a job back in two steps. complete keeps the books and gives the
// owner's next job, if any, so that the follow-ups of one request leave together
// in one request; deliver then runs what may take time.
type jobOwner interface {
	complete(j *job) (next *job)
	deliver()
}

const (
	// lanesPerNode requests may be in flight to one broker: one on the wire and
	// one being prepared, so that an idle path sends at once and a busy one fills.
	lanesPerNode = 2
	// maxRequestBytes bounds the batches of one request.
	maxRequestBytes = 8 << 20
)

// lane sends jobs to one broker. It has no goroutine of its own while idle.
type lane struct {
	client *Client
	node   int32

	mu     sync.Mutex
	queue  []*job
	active int
	frames [][]byte // buffers for requests, kept for reuse
}

// submit hands jobs to the lanes of their leaders. It never blocks and never
// calls an owner before it returns.
func (c *Client) submit(jobs ...*job) {
	// Jobs of one leader enter its lane together, so that they share a request.
	for i, j := range jobs {
		if j == nil {
			continue
		}
		node, ok := c.meta.leader(j.topic, j.partition)
		if !ok {
			go c.refuse(j)
			continue
		}
		l := c.lane(node)
		l.mu.Lock()
		l.queue = append(l.queue, j)
		for k := i + 1; k < len(jobs); k++ {
			if o := jobs[k]; o != nil {
				if n, ok := c.meta.leader(o.topic, o.partition); ok && n == node {
					l.queue = append(l.queue, o)
					jobs[k] = nil
				}
			}
		}
		if l.active < lanesPerNode {
			l.active++
			go l.run()
		}
		l.mu.Unlock()
	}
}

// refuse ends an attempt that has nowhere to go.
func (c *Client) refuse(j *job) {
	c.endUnsent(j, errNoLeader)
}

// endUnsent ends an attempt without having sent anything.
func (c *Client) endUnsent(j *job, err error) {
	owner := j.owner
	j.sent, j.err = false, err
	c.submit(owner.complete(j))
	owner.deliver()
}

func (c *Client) lane(node int32) *lane {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lanes[node]
	if l == nil {
		l = &lane{client: c, node: node}
		c.lanes[node] = l
	}
	return l
}

// run sends one request. Its slot is free again before the owners' callbacks
// run, so that a slow callback holds up nobody else.
func (l *lane) run() {
	l.mu.Lock()
	jobs := l.takeLocked()
	if len(jobs) == 0 {
		l.active-- // another slot was quicker
		l.mu.Unlock()
		return
	}
	var frame []byte
	if n := len(l.frames); n > 0 {
		frame, l.frames = l.frames[n-1], l.frames[:n-1]
	}
	l.mu.Unlock()

	frame = l.send(frame, jobs)
	// An owner may use its job again once it is complete.
	owners := make([]jobOwner, len(jobs))
	next := make([]*job, 0, len(jobs))
	for i, j := range jobs {
		owners[i] = j.owner
		if n := j.owner.complete(j); n != nil {
			next = append(next, n)
		}
	}

	// The slot is kept while the follow-ups are queued: else the first of them
	// would leave alone.
	l.client.submit(next...)
	l.mu.Lock()
	if frame != nil && len(l.frames) < lanesPerNode {
		l.frames = append(l.frames, frame)
	}
	if len(l.queue) > 0 {
		go l.run()
	} else {
		l.active--
	}
	l.mu.Unlock()
	for _, o := range owners {
		o.deliver()
	}
}

// takeLocked takes the jobs of one request from the queue: in order, not two of
// one partition, grouped by topic.
func (l *lane) takeLocked() []*job {
	jobs := make([]*job, 0, len(l.queue))
	rest := l.queue[:0]
	size := 0
	for _, j := range l.queue {
		fits := len(jobs) == 0 || size+len(j.bytes) <= maxRequestBytes
		if !fits || slices.ContainsFunc(jobs, func(o *job) bool { return o.partition == j.partition && o.topic == j.topic }) {
			rest = append(rest, j)
			continue
		}
		jobs = append(jobs, j)
		size += len(j.bytes)
	}
	clear(l.queue[len(rest):])
	l.queue = rest
	slices.SortStableFunc(jobs, func(a, b *job) int { return strings.Compare(a.topic, b.topic) })
	return jobs
}

// leastAttempt is granted to an attempt however near the deadline is.
const leastAttempt = 100 * time.Millisecond

// send runs one request and notes the outcome in its jobs. It gives the buffer
// back, or nil when the connection may still read it.
func (l *lane) send(frame []byte, jobs []*job) []byte {
	budget := l.client.cfg.RequestTimeout
	now := time.Now()
	for _, j := range jobs {
		j.attempts++
		budget = min(budget, j.deadline.Sub(now))
	}
	budget = max(budget, leastAttempt)
	ctx, cancel := context.WithTimeout(l.client.ctx, budget)
	defer cancel()
	// The broker is to give up first, so that its answer tells us.
	frame = appendProduce(frame, l.client.cfg.ClientID, int32((budget - budget/5).Milliseconds()), jobs)
	x := &exchange{node: l.node, key: produceKey, version: produceVersion, frame: frame, limit: maxProduceAnswer}
	sent, err := l.client.do(ctx, x)
	if err == nil {
		err = parseProduce(x.answer, jobs)
	} else if sent {
		frame = nil
	}
	for _, j := range jobs {
		j.err, j.sent = err, sent
	}
	return frame
}
