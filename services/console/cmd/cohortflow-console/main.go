// Command cohortflow-console answers who is in which cohort, and why.
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
	"github.com/cohortflow/cohortflow/services/console"
)

type cli struct {
	console.Config
	settings.Kafka
	settings.Topics
	settings.Registry
	settings.Redis
	settings.Seal
	settings.Admin
}

const name = "cohortflow-console"

func main() { os.Exit(lifecycle.Main(run)) }

func run(ctx context.Context) error {
	var c cli
	if _, err := config.Parse(&c, name, "Answers who is in which cohort, and why: reads people from Redis, events from "+
		schemas.EventsTopic+" and answers of destinations from "+schemas.ReceiptsTopic+".", os.Args[1:]); err != nil {
		return err
	}
	tel, err := telemetry.Setup(ctx, telemetry.Config{Service: name, Version: config.Version(), LogLevel: c.LogLevel})
	if err != nil {
		return err
	}
	defer func() { _ = tel.Shutdown(context.WithoutCancel(ctx)) }()
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
	registry, err := c.Registry.Open(ctx, console.Subjects()...)
	if err != nil {
		return err
	}
	if err := c.Ensure(ctx, kafka, nil, 0); err != nil {
		return err
	}
	app, err := console.New(c.Config, console.Deps{
		Kafka: kafka, Store: store, Registry: registry, Keys: keys, Partitions: c.Partitions, Log: tel.Log,
	})
	if err != nil {
		return err
	}
	health := lifecycle.NewHealth()
	health.Add("redis", app.Ready)
	admin, err := c.Serve(ctx, tel, health, nil)
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	ln, err := listen.Listen(ctx, "tcp", c.Config.Listen)
	if err != nil {
		return fmt.Errorf("address of the read API (--console-listen): %w", err)
	}
	serve := lifecycle.Component{Name: "console", Run: func(ctx context.Context) error {
		context.AfterFunc(ctx, health.Stopping)
		return app.Serve(ctx, ln)
	}}
	if err := lifecycle.Run(ctx, tel.Log, c.Admin.StopTimeout, admin, serve); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
