package plugin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/remote"
	"github.com/coldhit/modelserving-datasource/pkg/remotewrite"
)

// tolerableLag is how far remote write may fall behind before a check fails.
const tolerableLag = 5 * time.Minute

// writeTo has the engine send its samples where the settings say, or nowhere. What keeps it from starting is among the mistakes: panels
// are answered all the same.
func (d *Datasource) writeTo(ctx context.Context, handle *engine.Handle, stored backend.DataSourceInstanceSettings) {
	if !d.settings.Embedded.RemoteWrite.Enabled {
		handle.SendTo(nil)
		return
	}
	writer, err := remote.NewWriter(ctx, stored, d.settings.Embedded.RemoteWrite)
	if err != nil {
		handle.SendTo(nil)
		d.Mistakes = append(d.Mistakes, "Remote write is off: "+sentence(err))
		return
	}
	d.writer = writer
	handle.SendTo(writer)
}

// sentence begins as one and ends as one.
func sentence(err error) string {
	text := strings.TrimSuffix(err.Error(), ".")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// writeFinding is what a check found of remote write.
type writeFinding struct{ line, problem string }

func (f writeFinding) lines() []string {
	if f.line == "" {
		return nil
	}
	return []string{f.line}
}

// checkWriting asks the server now whether it takes samples, and tells whether sending keeps up; false if none are sent.
func (d *Datasource) checkWriting(ctx context.Context) (writeFinding, bool) {
	if d.engine == nil || d.writer == nil {
		return writeFinding{}, false
	}
	status, sending := d.engine.RemoteWrite()
	if !sending {
		return writeFinding{}, false
	}
	found := writeFinding{line: describeWriting(status, time.Now())}
	if err := d.writer.Write(ctx, nil); err != nil {
		found.problem = "Remote write: " + err.Error()
	} else if ahead := status.Ahead(time.Now()); ahead > 0 {
		found.problem = fmt.Sprintf("Remote write sends nothing: its position is %s ahead of the clock. Check the clock of the server on which Grafana runs.", ahead.Round(time.Second))
	} else if behind := status.Behind(time.Now()); behind > tolerableLag && status.Failure != "" {
		found.problem = fmt.Sprintf("Remote write lags by %s: %s", behind.Round(time.Second), status.Failure)
	}
	return found, true
}

func describeWriting(s remotewrite.Status, now time.Time) string {
	line := fmt.Sprintf("Remote write to %s: ", s.Destination)
	switch behind, ahead := s.Behind(now), s.Ahead(now); {
	case !s.Begun:
		line += "starting."
	case ahead > 0:
		line += fmt.Sprintf("%s since the start, position %s, which is %s ahead of the clock.", samplesSent(s), s.Until.UTC().Format(time.RFC3339), ahead.Round(time.Second))
	case behind > tolerableLag:
		line += fmt.Sprintf("%s since the start, complete until %s, lag %s.", samplesSent(s), s.Until.UTC().Format(time.RFC3339), behind.Round(time.Second))
	default:
		line += fmt.Sprintf("%s since the start, up to date (lag %s).", samplesSent(s), now.Sub(s.Until).Round(time.Second))
	}
	if s.Refused > 0 {
		line += fmt.Sprintf(" %d samples were rejected, most recently: %s", s.Refused, s.Refusal)
	}
	if s.Repeated > 0 {
		line += fmt.Sprintf(" %d samples were resent after a lost response. The server had them already and rejected them.", s.Repeated)
	}
	if s.Note != "" {
		line += " " + s.Note
	}
	if s.PositionProblem != "" {
		line += fmt.Sprintf(" The position cannot be stored, so samples are sent again after a restart: %s.", s.PositionProblem)
	}
	return line
}

func samplesSent(s remotewrite.Status) string { return fmt.Sprintf("%d samples sent", s.Sent) }
