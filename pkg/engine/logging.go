package engine

import (
	"context"
	"errors"
	"log/slog"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/storage"
)

// bridge hands the log lines of Prometheus's packages to the SDK's logger; to nothing if logger is nil. Prometheus's
// levels are a server's own: what it tells an operator there is detail in a plugin, and scrape failures are shown where
// users look for them. Errors stay: they tell of storage that cannot be written and of files that cannot be read.
func bridge(logger log.Logger, component string) *slog.Logger {
	if logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(&bridgeHandler{logger: logger.With("component", component), quiet: component != "tsdb"})
}

// bridgeHandler redacts every URL in messages and attributes: targets' URLs may hold secrets.
type bridgeHandler struct {
	logger log.Logger
	// quiet components warn about every bad sample.
	quiet bool
}

func (h *bridgeHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level > slog.LevelDebug || h.logger.Level() <= log.Debug
}

func (h *bridgeHandler) Handle(_ context.Context, record slog.Record) error {
	arguments := make([]any, 0, 2*record.NumAttrs())
	record.Attrs(func(a slog.Attr) bool {
		arguments = append(arguments, redactAttribute(a)...)
		return true
	})
	message := redact.URLsIn(record.Message)
	switch {
	case record.Level >= slog.LevelError && !isNotStored(record):
		h.logger.Error(message, arguments...)
	case record.Level >= slog.LevelWarn && !h.quiet:
		h.logger.Warn(message, arguments...)
	default:
		h.logger.Debug(message, arguments...)
	}
	return nil
}

// isNotStored is whether a line repeats for one scrape what the storage has logged: that nothing can be stored.
func isNotStored(record slog.Record) (told bool) {
	record.Attrs(func(a slog.Attr) bool {
		var notStored *storage.NotStoredError
		err, is := a.Value.Any().(error)
		told = is && errors.As(err, &notStored)
		return !told
	})
	return told
}

func (h *bridgeHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	var arguments []any
	for _, a := range attributes {
		arguments = append(arguments, redactAttribute(a)...)
	}
	return &bridgeHandler{logger: h.logger.With(arguments...), quiet: h.quiet}
}

// WithGroup keeps attributes flat: the SDK's logger has no groups.
func (h *bridgeHandler) WithGroup(string) slog.Handler { return h }

func redactAttribute(a slog.Attr) []any {
	return []any{a.Key, redact.URLsIn(a.Value.Resolve().String())}
}
