// Command realparts starts Apache Kafka and redis-server on free ports, prints where they are as one
// line of JSON, and ends them when its standard input closes or it is told to end. For scripts and benches:
//
//	{"kafka":["127.0.0.1:13579"],"kafka_pid":11,"redis":"127.0.0.1:17531","redis_pid":12,"dir":"..."}
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/cohortflow/cohortflow/test/launch"
)

// parts is what is printed.
type parts struct {
	Kafka    []string `json:"kafka"`
	KafkaPID int      `json:"kafka_pid"`
	Redis    string   `json:"redis"`
	RedisPID int      `json:"redis_pid"`
	Dir      string   `json:"dir"` // data and logs; removed at the end unless -dir named it
}

func main() {
	dir := flag.String("dir", "", "empty folder for data and logs; without it a temporary one, removed at the end")
	heap := flag.String("heap", "512m", "memory of Kafka's Java machine")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, *heap, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "realparts:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, heap string, stdin io.Reader, stdout io.Writer) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "realparts-"); err != nil {
			return fmt.Errorf("make a folder for data and logs: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	kafkaDir, redisDir := filepath.Join(dir, "kafka"), filepath.Join(dir, "redis")
	for _, sub := range []string{kafkaDir, redisDir} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return fmt.Errorf("make a folder for data and logs: %w", err)
		}
	}
	redis, err := launch.StartRedis(redisDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, redis.Stop()) }()
	kafka, err := launch.StartKafka(ctx, kafkaDir, launch.KafkaOptions{Heap: heap})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kafka.Stop()) }()
	if err := json.NewEncoder(stdout).Encode(parts{
		Kafka: []string{kafka.Addr}, KafkaPID: kafka.PID(), Redis: redis.Addr, RedisPID: redis.PID(), Dir: dir,
	}); err != nil {
		return fmt.Errorf("print the addresses: %w", err)
	}
	closed := make(chan struct{})
	go func() { // ends with the process when a signal comes first: a read of standard input cannot be broken off
		defer close(closed)
		_, _ = io.Copy(io.Discard, stdin)
	}()
	select {
	case <-closed:
	case <-ctx.Done():
	}
	return nil
}
