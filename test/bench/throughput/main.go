// Command throughput measures the processor alone on a log that is there already, over
// Apache Kafka and Redis: events per second and per CPU-second, Redis' CPU counted.
//
//	go run ./test/bench/throughput --file WORKLOAD.csv [--repeat 2] [--restart] [--identified]
//
// The workload is that of ../shared/peers (workload/generate.py --users 200000 --events
// 2000000 --seed 1), so that the figure can stand beside Kafka Streams' on the same job.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/launch"
)

const partitions = 12

func main() {
	file := flag.String("file", "", "workload as CSV (required)")
	repeat := flag.Int("repeat", 2, "measured passes; each starts with an empty state")
	restart := flag.Bool("restart", false, "after each pass kill the processor, start it again, and time its first transition")
	identified := flag.Bool("identified", false, "let everybody identify with an email before their first event: the memory of a person is that of one who can be told to platforms")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *file, *repeat, *restart, *identified); err != nil {
		fmt.Fprintln(os.Stderr, "throughput:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, file string, repeat int, restart, identify bool) (err error) {
	if file == "" {
		return errors.New("--file: name the workload; see --help")
	}
	dir, err := os.MkdirTemp("", "throughput")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary, err := build(ctx)
	if err != nil {
		return err
	}
	broker, err := launch.StartKafka(ctx, mkdir(dir, "kafka"), launch.KafkaOptions{Heap: "1g"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, broker.Stop()) }()
	client, err := kafkaio.Open(kafkaio.Config{Brokers: []string{broker.Addr}}, discard())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	events, identified, err := load(ctx, client, file, identify)
	if err != nil {
		return err
	}
	fmt.Printf("%d events in %d partitions; load average %s", events, partitions, loadAverage())
	for pass := range repeat {
		if err := measure(ctx, pass, dir, binary, broker, client, events, identified, restart); err != nil {
			return err
		}
	}
	return nil
}

func mkdir(dir, name string) string {
	path := filepath.Join(dir, name)
	_ = os.MkdirAll(path, 0o755) // its user says what is wrong
	return path
}

func build(ctx context.Context) (string, error) {
	root, err := launch.Root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(root, "build", "cohortflow-processor")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./services/processor/cmd/cohortflow-processor")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the processor: %w\n%s", err, out)
	}
	return binary, nil
}

// measure runs a processor from nothing to the end of the log.
func measure(ctx context.Context, pass int, dir, binary string, broker *launch.Broker, client *kafkaio.Client, events, identified int, restart bool) (err error) {
	redis, err := launch.StartRedis(mkdir(dir, fmt.Sprintf("redis%d", pass)), "--appendonly", "yes", "--appendfsync", "everysec")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, redis.Stop()) }()
	// New outputs for each pass: what an earlier one published would only be compared.
	if err := dropOutputs(ctx, broker.Addr); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(os.TempDir(), fmt.Sprintf("throughput-processor-%d.log", pass)))
	if err != nil {
		return fmt.Errorf("make a log: %w", err)
	}
	defer func() { _ = log.Close() }()
	admin := "127.0.0.1:19464"
	args := []string{
		"--kafka-brokers", broker.Addr, "--redis", "redis://" + redis.Addr, "--clock", "events",
		"--partitions", fmt.Sprint(partitions), "--admin", admin, "--pprof", "--seal-secret", secret,
		"--processor-group", fmt.Sprintf("throughput-%d", pass),
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stdout, cmd.Stderr = log, log
	redisBefore, brokerBefore := cpu(redis.PID()), cpu(broker.PID())
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the processor: %w", err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	go profile(admin, fmt.Sprintf("throughput-%d.pprof", pass))
	if err := await(ctx, client, fmt.Sprintf("throughput-%d", pass), redis, cmd); err != nil {
		return fmt.Errorf("%w; see %s", err, log.Name())
	}
	took := time.Since(begun)
	own, store, brokers := cpu(cmd.Process.Pid), cpu(redis.PID())-redisBefore, cpu(broker.PID())-brokerBefore
	memory, _ := redis.Do("INFO", "memory")
	fmt.Printf("pass %d: %.2f s, %.0f events/s; processor %.2f CPU-s and at most %d MiB, redis %.2f CPU-s, broker %.2f CPU-s: %.0f events per CPU-second (processor and Redis)\n%s",
		pass+1, took.Seconds(), float64(events)/took.Seconds(), own.Seconds(), peak(cmd.Process.Pid), store.Seconds(), brokers.Seconds(),
		float64(events)/(own+store).Seconds(), people(memory, redis, identified))
	if !restart {
		return nil
	}
	if err := cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill the processor: %w", err)
	}
	_ = cmd.Wait()
	return again(ctx, client, binary, args, log)
}

// await returns when every record of the log is in a committed checkpoint: the tail of
// each partition's state topic says so with a watermark.
func await(ctx context.Context, client *kafkaio.Client, _ string, redis *launch.Server, cmd *exec.Cmd) error {
	ends := make([]int64, partitions)
	for p := range ends {
		_, end, err := client.Offsets(ctx, schemas.EventsTopic, int32(p))
		if err != nil {
			return err
		}
		ends[p] = end
	}
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for p := 0; p < partitions; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		}
		if cmd.ProcessState != nil {
			return errors.New("the processor ended")
		}
		for p < partitions && settled(redis, p) >= ends[p] {
			p++
		}
	}
	return nil
}
