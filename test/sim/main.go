// Command sim runs the real state machine of a partition's owner, and the real core under it, in a
// simulated world: a broker that fences as Apache Kafka does, a store that compares and sets, a
// group, a network, clocks, and processes that die. One seed is one run. See docs/correctness.md.
//
//	go run ./test/sim -seeds 1000000 [-from N] [-workers N]
//	go test ./sim -run Replay -seed N -v     (in test/: prints the run, and the shortest that fails)
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	c := Campaign{Every: 10 * time.Second, Tell: func(line string) { fmt.Println("sim:", line) }}
	flag.Uint64Var(&c.From, "from", 0, "first seed")
	flag.Uint64Var(&c.Seeds, "seeds", 100_000, "seeds to run")
	flag.IntVar(&c.Workers, "workers", 0, "runs at a time; 0 = one for each core")
	flag.IntVar(&c.Keep, "keep", 10, "failures after which it stops")
	weak := flag.String("weak", "", "rule of Kafka or the store that the world leaves out: the campaign has to fail then")
	flag.Parse()
	var err error
	if c.Weak, err = parseWeak(*weak); err != nil {
		fmt.Fprintln(os.Stderr, "sim:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := c.Run(ctx)
	fmt.Print("sim: ", r.String())
	if err := ctx.Err(); err != nil {
		fmt.Printf("sim: stopped; go on with -from %d\n", r.Next)
	}
	if err := r.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "sim:", err)
		fmt.Fprintln(os.Stderr, "sim: play one of them with: cd test && go test ./sim -run Replay -seed N -v")
		os.Exit(1) //nolint:gocritic // the deferred stop only resets signals
	}
}
