// Command cohortctl tries catalogues out before anybody is sent anything, and tells who is
// in which cohort and why.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/config"
	"github.com/cohortflow/cohortflow/pkg/lifecycle"
	"github.com/cohortflow/cohortflow/services/cohortctl"
)

type cli struct {
	Simulate simulate         `cmd:"" help:"Run a catalogue over recorded events and write who enters and leaves which cohort when."`
	Plan     plan             `cmd:"" help:"Tell what a catalogue would change for the people of a running flow, before it is put in force."`
	Explain  explain          `cmd:"" help:"Tell why a person is in a cohort or not."`
	People   cohortctl.People `cmd:"" help:"Tell which cohorts a person is in."`
	Test     cohortctl.Test   `cmd:"" help:"Run the tests that stand in catalogues."`
	Fmt      cohortctl.Format `cmd:"" help:"Bring catalogues into the one form."`
	Cohorts  struct {
		Lint cohortctl.Lint `cmd:"" help:"Check catalogues and tell what is wrong with them, with place and remedy."`
		List cohortctl.List `cmd:"" help:"List the cohorts of the catalogue in force."`
		Size cohortctl.Size `cmd:"" help:"Tell how many people are in a cohort."`
	} `cmd:"" help:"Check catalogues of cohorts, and look at those in force."`
}

type simulate struct{ cohortctl.Simulate }

// Help stands below the flags.
func (simulate) Help() string { return cohortctl.SimulateHelp }

type plan struct{ cohortctl.Plan }

// Help stands below the flags.
func (plan) Help() string { return cohortctl.PlanHelp }

type explain struct{ cohortctl.Explain }

// Help stands below the flags.
func (explain) Help() string { return cohortctl.ExplainHelp }

const name = "cohortctl"

func main() {
	var c cli
	told, err := config.Parse(&c, name, "Checks catalogues of Cohortflow, tries them out, and tells who is in which cohort and why.", os.Args[1:])
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(2)
	}
	to := cohortctl.Streams{Out: os.Stdout, Err: os.Stderr}
	to.Interactive = terminal(os.Stderr)
	// See no-color.org: any value that is not empty means none.
	to.Colour = terminal(os.Stdout) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	wrongUsage, above := false, false
	code := lifecycle.Main(func(ctx context.Context) error {
		var err error
		command, _, _ := strings.Cut(told.Command(), " <")
		switch command {
		case "simulate":
			err = c.Simulate.Run(ctx, to)
		case "plan":
			err = c.Plan.Run(ctx, to)
		case "explain":
			err = c.Explain.Run(ctx, to)
		case "people":
			err = c.People.Run(ctx, to)
		case "test":
			err = c.Test.Run(to)
		case "fmt":
			err = c.Fmt.Run(to)
		case "cohorts lint":
			err = c.Cohorts.Lint.Run(to)
		case "cohorts list":
			err = c.Cohorts.List.Run(ctx, to)
		case "cohorts size":
			err = c.Cohorts.Size.Run(ctx, to)
		default:
			err = fmt.Errorf("%w: %s is no command", cohortctl.ErrUsage, told.Command())
		}
		wrongUsage, above = errors.Is(err, cohortctl.ErrUsage), errors.Is(err, cohortctl.ErrAbove)
		return err
	})
	switch {
	case wrongUsage:
		code = 2
	case above:
		code = 3
	}
	os.Exit(code)
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
