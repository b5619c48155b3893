// Command checker audits a flow from outside: it reads the topics and says what is lost, doubled,
// contradictory, out of order, missing or stuck. Its exit code is 0 when nothing was found, 1 when something
// was, 2 when the audit could not be made.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cohortflow/cohortflow/test/checker/audit"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	brokers := flag.String("brokers", "127.0.0.1:9092", "brokers of the flow, host:port with commas between")
	file := flag.String("case", "", "audit what --save has written, and no flow")
	save := flag.String("save", "", "write everything that was read to this file (it may hold personal data)")
	clock := flag.String("clock", "wall", "what time is in the flow: wall or events")
	complete := flag.Bool("complete", false, "nothing is on its way any more: what is not there now is lost, and what is not worked off is stuck")
	person := flag.String("person", "", "print what the topics and the fold say of this person key, and judge nothing")
	asJSON := flag.Bool("json", false, "print the report as JSON")
	flag.Parse()
	report, err := inspect(ctx, *brokers, *file, *save, *person, audit.Options{EventClock: *clock == "events", Complete: *complete})
	if err != nil {
		fmt.Fprintln(os.Stderr, "checker:", err)
		return 2
	}
	if report == nil {
		return 0
	}
	if *asJSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		if err := out.Encode(report); err != nil {
			return 2
		}
	} else {
		report.Print(os.Stdout)
	}
	if !report.Sound() {
		return 1
	}
	return 0
}

func inspect(ctx context.Context, brokers, file, save, person string, options audit.Options) (*audit.Report, error) {
	var books audit.Books
	if file != "" {
		c, err := audit.Load(file)
		if err != nil {
			return nil, err
		}
		books, options = c.Books, c.Options()
	} else {
		var err error
		if books, err = audit.Read(ctx, kgo.SeedBrokers(strings.Split(brokers, ",")...)); err != nil {
			return nil, err
		}
	}
	if save != "" {
		if err := (&audit.Case{Books: books, EventClock: options.EventClock, Running: !options.Complete}).Save(save); err != nil {
			return nil, err
		}
	}
	if person != "" {
		return nil, audit.Trace(os.Stdout, books, options, person)
	}
	return audit.Run(books, options)
}
