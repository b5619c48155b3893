// Command cohortflow-ingest takes Customer.io's events over HTTP into Kafka.
package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/cohortflow/cohortflow/pkg/config"
	"github.com/cohortflow/cohortflow/pkg/lifecycle"
	"github.com/cohortflow/cohortflow/pkg/settings"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/ingest"
)

type cli struct {
	HTTP string `name:"http" default:"127.0.0.1:8080" help:"Address that takes events."`
	ingest.Config
	settings.Kafka
	settings.Topics
	settings.Registry
	settings.Seal
	settings.Catalogue
	settings.Clock
	settings.Admin
}

const name = "cohortflow-ingest"

func main() {
	os.Exit(lifecycle.Main(func(ctx context.Context) error { return run(ctx, os.Args[1:]) }))
}

func run(ctx context.Context, args []string) error {
	var c cli
	if _, err := config.Parse(&c, name, "Takes Customer.io's events over HTTP: webhooks, Pipelines API, Track API; writes "+
		schemas.EventsTopic+" and "+schemas.QuarantineTopic+".", args); err != nil {
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
	registry, err := c.Registry.Open(ctx, ingest.Subjects()...)
	if err != nil {
		return err
	}
	if err := c.Ensure(ctx, kafka, nil, 0); err != nil {
		return err
	}
	app, err := ingest.New(c.Config, ingest.Deps{
		Kafka: kafka, Registry: registry, Keys: keys, Partitions: c.Partitions, EventClock: c.Events(), Catalogue: rules, Log: tel.Log,
	})
	if err != nil {
		return err
	}
	health := lifecycle.NewHealth()
	health.Add("intake", app.Ready)
	health.Add("kafka", kafka.Ping)
	admin, err := c.Serve(ctx, tel, health, nil)
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	ln, err := listen.Listen(ctx, "tcp", c.HTTP)
	if err != nil {
		return fmt.Errorf("address for events (--http): %w", err)
	}
	intake := lifecycle.Component{Name: "intake", Run: func(ctx context.Context) error {
		context.AfterFunc(ctx, health.Stopping)
		return app.Serve(ctx, ln)
	}}
	if err := lifecycle.Run(ctx, tel.Log, c.Admin.StopTimeout, admin, intake); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
