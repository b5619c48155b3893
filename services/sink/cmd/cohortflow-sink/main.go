// Command cohortflow-sink brings transitions to SalesWings and to the ad-suppression
// topics.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cohortflow/cohortflow/pkg/config"
	"github.com/cohortflow/cohortflow/pkg/lifecycle"
	"github.com/cohortflow/cohortflow/pkg/settings"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/sink"
)

type cli struct {
	sink.Config
	settings.Kafka
	settings.Topics
	settings.Registry
	settings.Seal
	settings.Catalogue
	settings.Admin
}

const name = "cohortflow-sink"

func main() {
	os.Exit(lifecycle.Main(func(ctx context.Context) error { return run(ctx, os.Args[1:]) }))
}

func run(ctx context.Context, args []string) error {
	var c cli
	if _, err := config.Parse(&c, name, "Tells those who act on cohorts: reads "+schemas.TransitionsTopic+", delivers to SalesWings, writes "+
		schemas.SuppressionTopic("<platform>")+" and "+schemas.ReceiptsTopic+".", args); err != nil {
		return err
	}
	tel, err := telemetry.Setup(ctx, telemetry.Config{Service: name, Version: config.Version(), Instance: c.Instance, LogLevel: c.LogLevel})
	if err != nil {
		return err
	}
	defer func() { _ = tel.Shutdown(context.WithoutCancel(ctx)) }()
	rules, err := c.Catalogue.Load()
	if err != nil {
		return err
	}
	keys, err := c.Seal.Keys()
	if err != nil {
		return err
	}
	kafka, err := c.Kafka.Open(name, tel.Log)
	if err != nil {
		return err
	}
	defer func() { _ = kafka.Close() }()
	registry, err := c.Registry.Open(ctx, sink.Subjects(rules)...)
	if err != nil {
		return err
	}
	var platforms []string
	if !c.Ads.Off {
		platforms = sink.Platforms(rules)
	}
	if err := c.Ensure(ctx, kafka, platforms, 0); err != nil {
		return err
	}
	app, err := sink.New(c.Config, sink.Deps{Kafka: kafka, Registry: registry, Keys: keys, Catalogue: rules, Log: tel.Log})
	if err != nil {
		return err
	}
	health := lifecycle.NewHealth()
	health.Add("destinations", app.Ready)
	health.Add("kafka", kafka.Ping)
	admin, err := c.Serve(ctx, tel, health, app.Register)
	if err != nil {
		return err
	}
	if err := lifecycle.Run(ctx, tel.Log, c.Admin.StopTimeout, admin, lifecycle.Component{Name: "sink", Run: app.Run}); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
