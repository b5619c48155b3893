package main

import (
	"time"

	"github.com/cohortflow/cohortflow/test/bench/latency"
)

// pacing is when the requests of an open-loop run are due: batch things in each, of
// which all are due when the request is.
type pacing struct {
	start    time.Time
	every    time.Duration
	batch    int
	requests int
	counted  int // the first request that counts; those before it warm things up
}

// pace gives the run of a rate, without its start.
func pace(o options, rate, batch int) pacing {
	every := time.Duration(batch) * time.Second / time.Duration(rate)
	return pacing{every: every, batch: batch, requests: int((o.warmup + o.duration) / every), counted: int(o.warmup / every)}
}

// begin sets the start a moment ahead, so that the first request is no late one.
func (p *pacing) begin() { p.start = time.Now().Add(50 * time.Millisecond) }

func (p *pacing) due(request int) time.Time { return p.start.Add(time.Duration(request) * p.every) }

// things is how many are sent, counts how many of them count.
func (p *pacing) things() int { return p.requests * p.batch }
func (p *pacing) counts() int { return (p.requests - p.counted) * p.batch }

// since tells how long after its intended time each thing that counts was seen, and how
// many were not.
func (p *pacing) since(seen []time.Time) (took quantiles, missing int) {
	var r latency.Recorder
	for k, at := range seen {
		switch i := k / p.batch; {
		case i < p.counted:
		case at.IsZero():
			missing++
		default:
			r.Add(at.Sub(p.due(i)))
		}
	}
	return inMillis(r.Summary()), missing
}
