// Command cohortflow is the whole flow in one process.
package main

import (
	"context"
	"os"

	"github.com/cohortflow/cohortflow/pkg/config"
	"github.com/cohortflow/cohortflow/pkg/lifecycle"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/services/standalone"
)

const name = "cohortflow"

func main() { os.Exit(lifecycle.Main(run)) }

func run(ctx context.Context) error {
	var cfg standalone.Config
	if _, err := config.Parse(&cfg, name, "Cohortflow in one process: takes Customer.io events over HTTP, keeps cohorts, "+
		"tells SalesWings and ad-suppression topics. Without --kafka-brokers and --redis it brings its own.", os.Args[1:]); err != nil {
		return err
	}
	tel, err := telemetry.Setup(ctx, telemetry.Config{Service: name, Version: config.Version(), LogLevel: cfg.LogLevel})
	if err != nil {
		return err
	}
	defer func() { _ = tel.Shutdown(context.WithoutCancel(ctx)) }()
	return standalone.Run(ctx, cfg, tel)
}
