package recorder

import (
	"context"
	"log/slog"
	"regexp"
)

// quoted is text between double quotes as %q writes it.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// discreet leaves out of log records what is quoted in them.
type discreet struct{ slog.Handler }

// Discreet is a handler of log records that leaves out what messages, texts and errors quote: errors of net/http quote what was
// sent, which may be part of a body or of a header.
func Discreet(of slog.Handler) slog.Handler { return discreet{of} }

// Handle implements slog.Handler.
func (d discreet) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, withoutQuotes(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(unquoted(a))
		return true
	})
	return d.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (d discreet) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = unquoted(a)
	}
	return discreet{d.Handler.WithAttrs(out)}
}

// WithGroup implements slog.Handler.
func (d discreet) WithGroup(name string) slog.Handler { return discreet{d.Handler.WithGroup(name)} }

func unquoted(a slog.Attr) slog.Attr {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindString {
		return slog.String(a.Key, withoutQuotes(value.String()))
	}
	if err, ok := value.Any().(error); ok {
		return slog.String(a.Key, withoutQuotes(err.Error()))
	}
	return a
}

func withoutQuotes(text string) string { return quoted.ReplaceAllString(text, `"…"`) }
