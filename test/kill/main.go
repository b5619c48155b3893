// Command kill runs ingest, processor and sink as processes over Apache Kafka and Redis, sends them what people
// do, kills them at every durable step, and has the checker judge what is there afterwards.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/cohortflow/cohortflow/test/launch"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c campaign
	flag.IntVar(&c.seeds, "seeds", 5, "runs over all steps, each with another traffic")
	flag.Uint64Var(&c.first, "first", 1, "the first seed")
	flag.StringVar(&c.only, "only", "", "only the steps whose name holds this")
	flag.StringVar(&c.state, "state", "", "file that remembers what was done, so that a campaign that was stopped goes on (default: build/kills.json)")
	flag.Parse()
	if err := run(ctx, &c); err != nil {
		fmt.Fprintln(os.Stderr, "kill:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c *campaign) error {
	root, err := launch.Root()
	if err != nil {
		return err
	}
	if c.state == "" {
		c.state = filepath.Join(root, "build", "kills.json")
	}
	c.out = os.Stdout
	return c.run(ctx, root)
}
