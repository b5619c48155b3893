package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// disk is what is known of the folder that the broker writes to. After a write that failed nothing may be
// acknowledged any more: kfake counts the batch as seen before it writes it, so that when the producer sends it again
// it is taken for a repeat and acknowledged, though it is nowhere. Only a start on what was written is sure again.
type disk struct {
	dir    string
	failed atomic.Pointer[string] // what the broker said of the first write that failed
}

// room is what has to be free before a start has any use.
const room = 1 << 20

// heard takes the words of the broker and says whether they are the first ones about a write that failed.
func (d *disk) heard(text string) bool {
	return strings.HasPrefix(text, "persist ") && d.failed.CompareAndSwap(nil, &text)
}

// err is what is wrong; nil while everything was written.
func (d *disk) err() error {
	if text := d.failed.Load(); text != nil {
		return fmt.Errorf("the embedded broker could not write to %s and takes nothing more: %s; make room, and it ends to be started anew", d.dir, *text)
	}
	return nil
}

// refuse answers every produce request with an error from the first failed write on.
func (d *disk) refuse(cluster *kfake.Cluster) {
	cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		request, ok := r.(*kmsg.ProduceRequest)
		if !ok || d.failed.Load() == nil {
			return nil, nil, false
		}
		answer := &kmsg.ProduceResponse{Version: request.Version}
		for i := range request.Topics {
			topic := kmsg.NewProduceResponseTopic()
			topic.Topic, topic.TopicID = request.Topics[i].Topic, request.Topics[i].TopicID
			for j := range request.Topics[i].Partitions {
				p := kmsg.NewProduceResponseTopicPartition()
				p.Partition, p.ErrorCode = request.Topics[i].Partitions[j].Partition, kerr.KafkaStorageError.Code
				topic.Partitions = append(topic.Partitions, p)
			}
			answer.Topics = append(answer.Topics, topic)
		}
		return answer, nil, true
	})
}

// watch returns when ctx ends; or, with an error, when a write had failed and there is room again.
func (d *disk) watch(ctx context.Context, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := d.err(); err != nil && d.hasRoom() {
			return fmt.Errorf("there is room again: start anew: %w", err)
		}
	}
}

func (d *disk) hasRoom() bool {
	path := filepath.Join(d.dir, "room.tmp")
	defer func() { _ = os.Remove(path) }() // whether it is there or not
	return os.WriteFile(path, make([]byte, room), 0o600) == nil
}
