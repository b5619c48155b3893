// Command cohortctl tries catalogues out before anybody is sent anything.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/cohortflow/cohortflow/pkg/config"
	"github.com/cohortflow/cohortflow/pkg/lifecycle"
	"github.com/cohortflow/cohortflow/services/cohortctl"
)

type cli struct {
	Simulate simulate         `cmd:"" help:"Run a catalogue over recorded events and write who enters and leaves which cohort when."`
	Plan     plan             `cmd:"" help:"Tell what a catalogue would change for the people of a running flow, before it is put in force."`
	Test     cohortctl.Test   `cmd:"" help:"Run the tests that stand in catalogues."`
	Fmt      cohortctl.Format `cmd:"" help:"Bring catalogues into the one form."`
	Cohorts  struct {
		Lint cohortctl.Lint `cmd:"" help:"Check catalogues and tell what is wrong with them, with place and remedy."`
	} `cmd:"" help:"Work on catalogues of cohorts."`
}

type simulate struct{ cohortctl.Simulate }

// Help stands below the flags.
func (simulate) Help() string { return cohortctl.SimulateHelp }

type plan struct{ cohortctl.Plan }

// Help stands below the flags.
func (plan) Help() string { return cohortctl.PlanHelp }

const name = "cohortctl"

func main() {
	var c cli
	told, err := config.Parse(&c, name, "Checks catalogues of Cohortflow and tries them out.", os.Args[1:])
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(2)
	}
	to := cohortctl.Streams{Out: os.Stdout, Err: os.Stderr}
	if info, err := os.Stderr.Stat(); err == nil {
		to.Interactive = info.Mode()&os.ModeCharDevice != 0
	}
	wrongUsage, above := false, false
	code := lifecycle.Main(func(ctx context.Context) error {
		var err error
		switch told.Command() {
		case "simulate":
			err = c.Simulate.Run(ctx, to)
		case "plan":
			err = c.Plan.Run(ctx, to)
		case "test <file>":
			err = c.Test.Run(to)
		case "fmt <file>":
			err = c.Fmt.Run(to)
		case "cohorts lint <file>":
			err = c.Cohorts.Lint.Run(to)
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
