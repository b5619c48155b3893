package ingest_test

import (
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/services/ingest"
)

func TestConfig_DefaultsAreValid(t *testing.T) {
	c := defaults(t)
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestConfig_ValidateListsEveryFault(t *testing.T) {
	c := defaults(t)
	c.MaxBody, c.MaxWebhookBody, c.MaxItems, c.MaxRequests, c.MaxConnections, c.BufferBytes = 0, 1<<30, 0, 0, 0, 0
	c.MaxHeldBytes, c.AckTimeout, c.DrainTimeout, c.ReplayWindow, c.AnonymousRate, c.Workspace, c.PublicURL = 1, 0, -1, -1, -1, "", "events.example"
	c.LinkCache, c.Taxonomy = -1, "strict"
	err := c.Validate()
	if err == nil {
		t.Fatal("got no error")
	}
	for _, flag := range []string{
		"max-body", "max-webhook-body", "max-batch-items", "max-requests", "max-connections", "producer-buffer", "max-held-bytes",
		"ack-timeout", "drain-timeout", "reporting-replay-window", "anonymous-rate", "workspace", "public-url", "link-cache", "taxonomy",
	} {
		if !strings.Contains(err.Error(), flag+" is ") {
			t.Errorf("%s is not in %q", flag, err)
		}
	}
}

func TestNew_RefusesWhatCannotWork(t *testing.T) {
	kafka, err := kafkaio.Open(kafkaio.Config{Brokers: []string{"127.0.0.1:1"}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	deps := ingest.Deps{Kafka: kafka, Partitions: 1, Log: slog.New(slog.DiscardHandler)}
	for name, change := range map[string]func(*ingest.Config, *ingest.Deps){
		"settings":   func(c *ingest.Config, _ *ingest.Deps) { c.MaxItems = 0 },
		"empty key":  func(c *ingest.Config, _ *ingest.Deps) { c.WriteKeys = []string{"secret", ""} },
		"partitions": func(_ *ingest.Config, d *ingest.Deps) { d.Partitions = 0 },
	} {
		c, d := defaults(t), deps
		change(&c, &d)
		if _, err := ingest.New(c, d); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
	if _, err := ingest.New(defaults(t), deps); err != nil {
		t.Error(err)
	}
}

// Keys are secrets: never printed by --check-config.
func TestConfig_KeysAreMarkedSecret(t *testing.T) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[ingest.Config]()) {
		name := f.Tag.Get("name")
		secret := strings.Contains(name, "key") || strings.Contains(name, "secret") || strings.Contains(name, "token")
		if secret != (f.Tag.Get("secret") == "true") {
			t.Errorf("%s: got secret %q", name, f.Tag.Get("secret"))
		}
	}
}

// The README's table of settings is the settings.
func TestReadme_ListsEverySetting(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[ingest.Config]()) {
		name := f.Tag.Get("name")
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		row := "| `--" + name + "` | "
		if d := f.Tag.Get("default"); d != "" {
			row += "`" + d + "` |"
		}
		if !strings.Contains(string(text), row) {
			t.Errorf("README.md has no row %q", row)
		}
	}
}
