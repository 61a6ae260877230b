package redact

import (
	"context"
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
)

// Logger redacts what a logger is given. Secrets gives the redactor of the moment; it may be nil.
func Logger(to log.Logger, secrets func() *Redactor) log.Logger { return logger{to, secrets} }

type logger struct {
	to      log.Logger
	secrets func() *Redactor
}

func (l logger) Debug(message string, args ...any) {
	if l.to.Level() <= log.Debug {
		l.to.Debug(l.secrets().Text(message), l.redact(args)...)
	}
}

func (l logger) Info(message string, args ...any) {
	l.to.Info(l.secrets().Text(message), l.redact(args)...)
}
func (l logger) Warn(message string, args ...any) {
	l.to.Warn(l.secrets().Text(message), l.redact(args)...)
}
func (l logger) Error(message string, args ...any) {
	l.to.Error(l.secrets().Text(message), l.redact(args)...)
}
func (l logger) Level() log.Level { return l.to.Level() }

func (l logger) With(args ...any) log.Logger { return logger{l.to.With(l.redact(args)...), l.secrets} }

func (l logger) FromContext(ctx context.Context) log.Logger {
	return logger{l.to.FromContext(ctx), l.secrets}
}

// redact is the arguments without secrets. Those whose text has one become texts.
func (l logger) redact(args []any) []any {
	secrets := l.secrets()
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a
		text := fmt.Sprint(a)
		if redacted := secrets.Text(text); redacted != text {
			out[i] = redacted
		}
	}
	return out
}
