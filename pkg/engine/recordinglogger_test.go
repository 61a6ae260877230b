package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
)

type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

// recordingLogger keeps everything that is logged, at every level.
type recordingLogger struct {
	lines *lines
	with  []any
}

var _ log.Logger = (*recordingLogger)(nil)

func (l *recordingLogger) record(message string, arguments []any) {
	l.lines.mu.Lock()
	defer l.lines.mu.Unlock()
	_, _ = fmt.Fprintln(&l.lines.text, message, l.with, arguments)
}

func (l *recordingLogger) text() string {
	l.lines.mu.Lock()
	defer l.lines.mu.Unlock()
	return l.lines.text.String()
}

func (l *recordingLogger) Debug(message string, arguments ...any) { l.record(message, arguments) }
func (l *recordingLogger) Info(message string, arguments ...any)  { l.record(message, arguments) }
func (l *recordingLogger) Warn(message string, arguments ...any)  { l.record(message, arguments) }
func (l *recordingLogger) Error(message string, arguments ...any) { l.record(message, arguments) }
func (l *recordingLogger) Level() log.Level                       { return log.Debug }
func (l *recordingLogger) FromContext(context.Context) log.Logger { return l }
func (l *recordingLogger) With(arguments ...any) log.Logger {
	return &recordingLogger{lines: l.lines, with: append(append([]any{}, l.with...), arguments...)}
}
