package recorder

import (
	"context"
	"log/slog"
	"regexp"
)

// quoted is text between double quotes as %q writes it.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// redactingHandler redacts quoted text in log records.
type redactingHandler struct{ slog.Handler }

// RedactingHandler returns a handler that redacts what messages, texts and errors quote. Errors of net/http quote what was
// sent, which may be part of a body or of a header.
func RedactingHandler(of slog.Handler) slog.Handler { return redactingHandler{of} }

// Handle implements slog.Handler.
func (d redactingHandler) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, redactQuotes(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(redactAttr(a))
		return true
	})
	return d.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (d redactingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = redactAttr(a)
	}
	return redactingHandler{d.Handler.WithAttrs(out)}
}

// WithGroup implements slog.Handler.
func (d redactingHandler) WithGroup(name string) slog.Handler {
	return redactingHandler{d.Handler.WithGroup(name)}
}

func redactAttr(a slog.Attr) slog.Attr {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindString {
		return slog.String(a.Key, redactQuotes(value.String()))
	}
	if err, ok := value.Any().(error); ok {
		return slog.String(a.Key, redactQuotes(err.Error()))
	}
	return a
}

func redactQuotes(text string) string { return quoted.ReplaceAllString(text, `"…"`) }
