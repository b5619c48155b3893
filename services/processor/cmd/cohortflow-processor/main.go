// Command cohortflow-processor turns the log of events into the log of transitions.
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
	"github.com/cohortflow/cohortflow/services/processor"
)

type cli struct {
	processor.Config
	settings.Kafka
	settings.Topics
	settings.Registry
	settings.Redis
	settings.Seal
	settings.Catalogue
	settings.Clock
	settings.Admin
}

const name = "cohortflow-processor"

func main() { os.Exit(lifecycle.Main(run)) }

func run(ctx context.Context) error {
	var c cli
	if _, err := config.Parse(&c, name, "Decides who is in which cohort: reads "+schemas.EventsTopic+", keeps people in Redis, writes "+
		schemas.TransitionsTopic+" and "+schemas.ProfilesTopic+".", os.Args[1:]); err != nil {
		return err
	}
	tel, err := telemetry.Setup(ctx, telemetry.Config{Service: name, Version: config.Version(), LogLevel: c.LogLevel})
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
	store, err := c.Redis.Open(tel.Log)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	registry, err := c.Registry.Open(ctx, schemas.EventsSubject, schemas.TransitionsSubject, schemas.ProfilesSubject)
	if err != nil {
		return err
	}
	if err := c.Ensure(ctx, kafka, nil, 0); err != nil {
		return err
	}
	app, err := processor.New(c.Config, processor.Deps{
		Kafka: kafka, Store: store, Registry: registry, Keys: keys, Catalogue: rules, Partitions: c.Partitions, EventClock: c.Events(), Log: tel.Log,
	})
	if err != nil {
		return err
	}
	health := lifecycle.NewHealth()
	health.Add("partitions", app.Ready)
	health.Add("kafka", kafka.Ping)
	admin, err := c.Serve(ctx, tel, health, nil)
	if err != nil {
		return err
	}
	if err := lifecycle.Run(ctx, tel.Log, c.Admin.StopTimeout, admin, lifecycle.Component{Name: "processor", Run: app.Run}); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
