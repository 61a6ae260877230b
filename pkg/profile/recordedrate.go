package profile

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// RecordedRate is a recorded series that a part's plan reads, the series that it stands for, and the window of its rates.
type RecordedRate struct {
	Name, Series string
	Window       time.Duration
}

func durationText(d time.Duration) string { return model.Duration(d).String() }

// recordedOf lists the recording rules whose series the part reads in place of a source's metrics.
func (p Part) recordedOf(s Source) []series.Recorded {
	var out []series.Recorded
	metrics := s.Recipe.Reads()
	for _, r := range p.Recorded {
		if slices.ContainsFunc(metrics, func(m string) bool { return slices.Contains(storedFamilies(m), r.Series) }) {
			out = append(out, series.Recorded{Rule: r.Name, Window: durationText(r.Window)})
		}
	}
	return out
}

// storedFamilies are the names under which a metric's series may be stored.
func storedFamilies(metric string) []string {
	return []string{metric, metric + "_bucket", metric + "_sum", metric + "_count"}
}

// joinWindows lists the windows of recorded rates, each once.
func joinWindows(recorded []RecordedRate) string {
	var out []string
	for _, r := range recorded {
		out = union(out, []string{durationText(r.Window)})
	}
	return strings.Join(out, ", ")
}
