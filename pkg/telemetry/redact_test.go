package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

type person struct{ Email, Note string }

type stringer struct{}

func (stringer) String() string { return "canary@example.com" }

func logged(write func(*slog.Logger)) string {
	var out bytes.Buffer
	write(slog.New(newRedactor(slog.LevelInfo, newJSONHandler(&out, slog.LevelInfo))))
	return out.String()
}

func TestRedactor_NothingPersonalPasses(t *testing.T) {
	for name, write := range map[string]func(*slog.Logger){
		"key":                 func(l *slog.Logger) { l.Info("m", "email", "canary") },
		"key in camel case":   func(l *slog.Logger) { l.Info("m", "customerEmail", "canary") },
		"dotted key":          func(l *slog.Logger) { l.Info("m", "http.request.header.authorization", "canary") },
		"person key":          func(l *slog.Logger) { l.Info("m", "person", "canary") },
		"user id":             func(l *slog.Logger) { l.Info("m", "user_id", "canary") },
		"body":                func(l *slog.Logger) { l.Info("m", "body", []byte("canary")) },
		"With":                func(l *slog.Logger) { l.With("phone", "canary").Info("m") },
		"group":               func(l *slog.Logger) { l.Info("m", slog.Group("g", slog.String("phone", "canary"))) },
		"personal group":      func(l *slog.Logger) { l.WithGroup("traits").With("x", "canary").Info("m", "y", "canary") },
		"email in message":    func(l *slog.Logger) { l.Info("no such person canary@example.com") },
		"email in value":      func(l *slog.Logger) { l.Info("m", "detail", "to <canary@example.com>") },
		"email in URL":        func(l *slog.Logger) { l.Info("m", "path", "/api/v1/customers/canary%40example.com/events") },
		"email in error":      func(l *slog.Logger) { l.Error("m", "err", fmt.Errorf("send: %w", errors.New("canary@example.com"))) },
		"email in struct":     func(l *slog.Logger) { l.Info("m", "detail", person{Email: "canary@example.com"}) },
		"email in Stringer":   func(l *slog.Logger) { l.Info("m", "detail", stringer{}) },
		"email in list":       func(l *slog.Logger) { l.Info("m", "list", []string{"canary@example.com"}) },
		"phone in value":      func(l *slog.Logger) { l.Info("m", "detail", "call +45 12 34 56 78") },
		"phone in struct":     func(l *slog.Logger) { l.Info("m", "detail", person{Note: "+4512345678"}) },
		"pseudonymous merges": func(l *slog.Logger) { l.Info("m", "anonymous_id", "canary") },
	} {
		t.Run(name, func(t *testing.T) {
			if out := logged(write); strings.Contains(out, "canary") || strings.Contains(out, "12345678") || strings.Contains(out, "12 34") {
				t.Errorf("passed: %s", out)
			}
		})
	}
}

func TestRedactor_WhatHelpsTheOperatorStays(t *testing.T) {
	out := logged(func(l *slog.Logger) {
		l.With("topic", "customerio.events.v1").WithGroup("g").Info("fetched", "partition", 3, "offset", 17, "cohort", "lapsed_60d",
			"err", errors.New("dial 127.0.0.1:9092: refused"), "body_bytes", 12, "partitions", []int32{1, 2}, "event_at", "2026-11-25T10:00:00+01:00")
	})
	for _, want := range []string{
		`"topic":"customerio.events.v1"`, `"partition":3`, `"offset":17`, "lapsed_60d", "127.0.0.1:9092",
		`"body_bytes":12`, `[1,2]`, "2026-11-25T10:00:00+01:00", `"g":{`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("got %s\nwant %s in it", out, want)
		}
	}
}

func TestRedactor_ForgedLinesStayInTheirString(t *testing.T) {
	out := logged(func(l *slog.Logger) { l.Info("m", "detail", "x\n{\"level\":\"ERROR\"}\r\n") })
	if strings.Count(out, "\n") != 1 {
		t.Errorf("one record became several lines: %q", out)
	}
}
