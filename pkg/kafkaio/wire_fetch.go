package kafkaio

import (
	"fmt"

	"github.com/segmentio/kafka-go/protocol"
)

// fetchAsk is one partition of a fetch request.
type fetchAsk struct {
	partition int32
	gen       uint64 // assignment generation, for the asker
	offset    int64
}

// fetchGot is one partition of a fetch answer. records alias the answer.
type fetchGot struct {
	partition int32
	code      int16
	high      int64
	logStart  int64
	aborted   []abortedTxn
	records   []byte
}

type fetchParams struct {
	topic        string
	waitMs       int32
	minBytes     int32
	maxBytes     int32
	maxPartition int32
	only         []int64 // offsets to decode, rising; nil = all
}

// appendFetch encodes Fetch v11 without a session, reading committed records.
func appendFetch(dst []byte, clientID string, p *fetchParams, asks []fetchAsk) []byte {
	dst = beginFrame(dst, protocol.Fetch, fetchVersion, clientID)
	dst = appendInt32(dst, -1) // an ordinary consumer
	dst = appendInt32(dst, p.waitMs)
	dst = appendInt32(dst, p.minBytes)
	dst = appendInt32(dst, p.maxBytes)
	dst = append(dst, 1)       // read committed
	dst = appendInt32(dst, 0)  // no session
	dst = appendInt32(dst, -1) // and none wanted
	dst = appendInt32(dst, 1)
	dst = appendText(dst, p.topic)
	dst = appendInt32(dst, int32(len(asks)))
	for i := range asks {
		dst = appendInt32(dst, asks[i].partition)
		dst = appendInt32(dst, -1) // leader epoch unknown
		dst = appendInt64(dst, asks[i].offset)
		dst = appendInt64(dst, -1) // log start: for followers
		dst = appendInt32(dst, p.maxPartition)
	}
	dst = appendInt32(dst, 0) // forgotten topics
	dst = appendText(dst, "") // rack
	return endFrame(dst)
}

// parseFetch decodes the body of a Fetch v11 answer about one topic.
func parseFetch(b []byte, topic string) ([]fetchGot, error) {
	p := parser{b: b}
	p.int32() // throttle time
	if code := p.int16(); code != 0 {
		return nil, fmt.Errorf("fetch %s: %w", topic, codeErr(code))
	}
	p.int32() // session
	var out []fetchGot
	for range p.count(6) {
		name := p.text()
		if !p.bad && string(name) != topic {
			return nil, fmt.Errorf("fetch %s: %w: speaks of topic %q", topic, errAnswer, name)
		}
		n := p.count(42)
		if out == nil {
			out = make([]fetchGot, 0, n)
		}
		for range n {
			g := fetchGot{partition: p.int32(), code: p.int16(), high: p.int64()}
			p.int64() // last stable offset: the broker bounds what it sends by it
			g.logStart = p.int64()
			if aborted := p.count(16); aborted > 0 {
				g.aborted = make([]abortedTxn, aborted)
				for i := range g.aborted {
					g.aborted[i] = abortedTxn{producer: p.int64(), first: p.int64()}
				}
			}
			p.int32() // preferred replica: only named to rack-aware readers
			g.records = p.bytes()
			out = append(out, g)
		}
	}
	if p.bad {
		return nil, fmt.Errorf("fetch %s: %w", topic, errAnswer)
	}
	return out, nil
}
