package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
)

// again starts a killed processor and times its first transition on every partition:
// an event that decides something waits in the log already. The group's session of the
// killed process has to run out first, as in production, so the process joins a group
// of its own; what is timed is process start, fences, state and the first decision.
func again(ctx context.Context, client *kafkaio.Client, binary string, args []string, log *os.File) error {
	v, _ := schemas.Newest(schemas.EventsSubject)
	producer := client.NewProducer(kafkaio.ProducerConfig{Topic: schemas.EventsTopic})
	defer func() { _ = producer.Close(ctx) }()
	before := make([]int64, partitions)
	records := make([]kafkaio.OutRecord, partitions)
	for p := range records {
		_, end, err := client.Offsets(ctx, schemas.TransitionsTopic, int32(p))
		if err != nil {
			return err
		}
		before[p] = end
		id := fmt.Sprintf("restart-%d-%d", p, time.Now().UnixNano())
		records[p] = kafkaio.OutRecord{Partition: int32(p), Key: []byte(id), Value: avrocodec.AppendEvent(nil, v.ID, &event.Event{
			Kind: event.KindTrack, Source: event.SourcePipelines, ID: id, Name: "Order Completed", Person: id,
			EventAt: 1_780_272_000_000 + 10*86_400_000, AcceptedAt: 1_780_272_000_000 + 10*86_400_000,
		})}
	}
	if err := producer.Produce(ctx, records); err != nil {
		return fmt.Errorf("append events: %w", err)
	}
	cmd := exec.CommandContext(ctx, binary, append(args, "--processor-group", fmt.Sprintf("restart-%d", time.Now().UnixNano()))...)
	cmd.Stdout, cmd.Stderr = log, log
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the processor again: %w", err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	var first time.Duration
	every := time.NewTicker(2 * time.Millisecond)
	defer every.Stop()
	for done := make([]bool, partitions); ; {
		left := 0
		for p := range done {
			if done[p] {
				continue
			}
			// The fence is one record; what comes after it is a transition.
			if _, end, err := client.Offsets(ctx, schemas.TransitionsTopic, int32(p)); err == nil && end > before[p]+1 {
				done[p] = true
				if first == 0 {
					first = time.Since(begun)
				}
				continue
			}
			left++
		}
		if left == 0 {
			fmt.Printf("        restarted: first transition after %.2f s, on every partition after %.2f s\n", first.Seconds(), time.Since(begun).Seconds())
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		}
	}
}
