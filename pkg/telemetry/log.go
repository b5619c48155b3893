package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"
)

func parseLevel(text string) (slog.Level, error) {
	if text == "" {
		return slog.LevelInfo, nil
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return 0, fmt.Errorf("log-level %q: use debug, info, warn or error", text)
	}
	return level, nil
}

// traced writes the ids of the span in the context at the top level of each record,
// under the names that log collectors look for.
type traced struct {
	slog.Handler
	root   slog.Handler                      // before any group was opened
	replay []func(slog.Handler) slog.Handler // what has been added to root since
	groups int
}

func newJSONHandler(w io.Writer, level slog.Level) slog.Handler {
	json := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	return traced{Handler: json, root: json}
}

func (h traced) Handle(ctx context.Context, r slog.Record) error {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return h.Handler.Handle(ctx, r)
	}
	ids := []slog.Attr{slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String())}
	if h.groups == 0 {
		r = r.Clone()
		r.AddAttrs(ids...)
		return h.Handler.Handle(ctx, r)
	}
	inner := h.root.WithAttrs(ids)
	for _, step := range h.replay {
		inner = step(inner)
	}
	return inner.Handle(ctx, r)
}

func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(0, func(inner slog.Handler) slog.Handler { return inner.WithAttrs(attrs) })
}

func (h traced) WithGroup(name string) slog.Handler {
	return h.with(1, func(inner slog.Handler) slog.Handler { return inner.WithGroup(name) })
}

func (h traced) with(groups int, step func(slog.Handler) slog.Handler) slog.Handler {
	replay := append(slices.Clip(h.replay), step)
	return traced{Handler: step(h.Handler), root: h.root, replay: replay, groups: h.groups + groups}
}
