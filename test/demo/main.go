// Command demo shows the whole pipeline at work on one machine: it builds and
// starts the standalone with a fake SalesWings beside it, plays a shopping day
// through the real HTTP door, prints who enters and leaves which cohort and how
// soon the ad platforms' topic knows, and leaves the pipeline up.
//
//	go run ./test/demo [--exit] [--data-dir DIR] [--people N] [--seed N]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/services/sink/saleswingstest"
	"github.com/cohortflow/cohortflow/test/demo/stack"
)

// partitions of every topic of the demo.
const partitions = 12

type options struct {
	exit    bool
	dataDir string
	people  int
	seed    uint64
}

func main() {
	var o options
	flag.BoolVar(&o.exit, "exit", false, "stop after the play")
	flag.StringVar(&o.dataDir, "data-dir", "", "keep the pipeline's state in this folder (default: a temporary one)")
	flag.IntVar(&o.people, "people", 400, "people of the shopping day, 100 to 5000")
	flag.Uint64Var(&o.seed, "seed", 1, "another number is another day")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	scr := newScreen(os.Stdout)
	if err := run(ctx, o, scr); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("stopped before the play was over: %w", err)
		}
		scr.linef("%s %v", scr.paint(red, "demo:"), err)
		os.Exit(1) //nolint:gocritic // the deferred stop only resets signals
	}
}

func run(ctx context.Context, o options, scr *screen) (err error) {
	if o.people < 100 || o.people > 5000 || flag.NArg() > 0 {
		return errors.New("--people must be 100 to 5000, and there are no further arguments")
	}
	root, err := stack.Root()
	if err != nil {
		return err
	}
	begun := time.Now()
	scr.linef("Building ...")
	binary, err := stack.Build(ctx, root)
	if err != nil {
		return err
	}
	dataDir, remove, err := dataFolder(o.dataDir)
	if err != nil {
		return err
	}
	defer remove()
	a, err := stack.Usual(scr.linef)
	if err != nil {
		return err
	}
	wings, wingsURL, stopWings, err := fakeSalesWings(ctx)
	if err != nil {
		return err
	}
	defer stopWings()
	s, err := stack.Start(stack.Config{
		Binary: binary, DataDir: dataDir, Addresses: a, Partitions: partitions,
		Args: flags(wingsURL),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop(15*time.Second)) }()
	if err := s.Ready(ctx, a.Admin, 30*time.Second); err != nil {
		return err
	}
	scr.linef("Built and ready after %.1f s.", time.Since(begun).Seconds())
	scr.linef("HTTP %s, Kafka %s, schema registry %s, read API %s, admin %s", a.HTTP, a.Kafka, a.Registry, a.Console, a.Admin)

	client, err := kafkaio.Open(kafkaio.Config{Brokers: []string{a.Kafka}, ClientID: "demo"}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	return perform(ctx, o, usualPace(), scr, client, "http://"+a.HTTP, wings, begun, func(ctx context.Context) error {
		if o.exit {
			return nil
		}
		tryIt(scr, a, s.LogFile())
		select {
		case <-ctx.Done():
			scr.linef("\nStopping ...")
			return nil
		case <-s.Ended():
			return s.Failed("ended by itself")
		}
	})
}

// flags are what the demo tells the pipeline besides where it is.
func flags(wingsURL string) []string {
	return []string{
		"--ingest-key", ingestKey,
		"--saleswings-url", wingsURL, "--saleswings-key", salesWingsKey, "--saleswings-allow-private",
	}
}

// perform plays the day, shows what comes of it, and sums up; then it goes on showing
// what comes until afterwards returns.
func perform(ctx context.Context, o options, p pace, scr *screen, client *kafkaio.Client, url string, wings *saleswingstest.Server, begun time.Time, afterwards func(context.Context) error) error {
	now := time.Now()
	b := newBoard(now)
	w, err := openWatch(ctx, client, b)
	if err != nil {
		return err
	}
	tag := ""
	if w.earlier {
		tag = "-" + strconv.FormatInt(now.Unix()%1_000_000, 36)
	}
	today := newDay(o.seed, now, o.people, p.silentIn, tag)
	b.awaits(today.silent)
	scr.headf("A shopping day of %d people", today.people)
	scr.linef("%d events of the last 24 hours in batches, %d signed webhooks,", len(today.past), len(today.webhooks))
	scr.linef("then %d purchases one by one, while %d people change cohort by doing nothing.", len(today.purchases), len(today.silent))
	scr.linef("\"after\" is the time from acceptance (or the instant that was waited for) to the")
	scr.linef("transition; with \"ads\", to the record that tells Meta, Google and TikTok.\n")
	scr.linef("%s", scr.paint(bold, columns()))

	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	g, watching := errgroup.WithContext(watching)
	g.Go(func() error { return w.run(watching) })
	g.Go(func() error {
		(&printer{screen: scr, board: b}).run(watching)
		return nil
	})
	g.Go(func() error {
		defer stopWatching()
		checks, err := play(watching, newDoor(url), today, p, b, wings, scr)
		if err != nil {
			return err
		}
		b.opened()
		err = summary(scr, b, checks, time.Since(begun))
		if err != nil && o.exit {
			return err
		}
		return errors.Join(err, afterwards(watching))
	})
	return g.Wait()
}

// dataFolder gives the folder for the pipeline's state, and what removes it again if it is a temporary one.
func dataFolder(wanted string) (dir string, remove func(), err error) {
	if wanted != "" {
		if err := os.MkdirAll(wanted, 0o700); err != nil {
			return "", nil, fmt.Errorf("--data-dir: %w", err)
		}
		return wanted, func() {}, nil
	}
	if dir, err = os.MkdirTemp("", "cohortflow-demo-"); err != nil {
		return "", nil, fmt.Errorf("make a folder for the state: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// fakeSalesWings serves a stand-in that takes everything.
func fakeSalesWings(ctx context.Context) (fake *saleswingstest.Server, url string, stop func(), err error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", nil, fmt.Errorf("start the fake SalesWings: %w", err)
	}
	fake = saleswingstest.New(salesWingsKey)
	server := &http.Server{Handler: fake, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	return fake, "http://" + ln.Addr().String(), func() {
		_ = server.Close()
		<-served
	}, nil
}
