package kafkaio

import (
	"encoding/binary"
	"fmt"

	"github.com/segmentio/kafka-go/protocol"
)

// produceAnswer is the outcome of one batch.
type produceAnswer struct {
	code       int16
	baseOffset int64
}

// appendProduce encodes Produce v8 with acks from all in-sync replicas. Jobs of
// one topic must stand together; no (topic, partition) may appear twice.
func appendProduce(dst []byte, clientID string, timeoutMs int32, jobs []*job) []byte {
	dst = beginFrame(dst, protocol.Produce, produceVersion, clientID)
	dst = append(dst, 0xff, 0xff) // no transactional id
	dst = append(dst, 0xff, 0xff) // acks: all
	dst = appendInt32(dst, timeoutMs)
	posTopics := len(dst)
	dst = appendInt32(dst, 0)
	topics := uint32(0)
	for i := 0; i < len(jobs); {
		topic := jobs[i].topic
		end := i + 1
		for end < len(jobs) && jobs[end].topic == topic {
			end++
		}
		topics++
		dst = appendText(dst, topic)
		dst = appendInt32(dst, int32(end-i))
		for _, j := range jobs[i:end] {
			dst = appendInt32(dst, j.partition)
			dst = appendInt32(dst, int32(len(j.bytes)))
			dst = append(dst, j.bytes...)
		}
		i = end
	}
	binary.BigEndian.PutUint32(dst[posTopics:], topics)
	return endFrame(dst)
}

// parseProduce decodes the body of a Produce v8 answer into the jobs' answers.
// A job that the answer does not mention keeps the code -1 (unknown).
func parseProduce(b []byte, jobs []*job) error {
	for _, j := range jobs {
		j.answer = produceAnswer{code: -1, baseOffset: -1}
	}
	p := parser{b: b}
	for range p.count(6) {
		topic := p.text()
		for range p.count(30) {
			partition, code, base := p.int32(), p.int16(), p.int64()
			p.int64() // log append time
			p.int64() // log start
			for range p.count(6) {
				p.int32()
				p.text()
			}
			p.text() // message: the code says it
			if p.bad {
				break
			}
			for _, j := range jobs {
				if j.partition == partition && j.topic == string(topic) {
					j.answer = produceAnswer{code: code, baseOffset: base}
					break
				}
			}
		}
	}
	if p.bad {
		return fmt.Errorf("produce: %w", errAnswer)
	}
	return nil
}

// maxProduceAnswer bounds the answer to a produce request, in bytes.
const maxProduceAnswer = 4 << 20
