package frames

import (
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Event is something that happened to a model at a time.
type Event struct {
	Time  time.Time
	Title string
	Text  string
	Tags  []string
}

// Events writes events as the table that Grafana makes annotations of: time, title, text and tags.
func Events(all []Event, executed string, notices []data.Notice) data.Frames {
	n := len(all)
	when, title, text, tags := make([]time.Time, n), make([]string, n), make([]string, n), make([]string, n)
	for i, e := range all {
		when[i], title[i], text[i] = e.Time, e.Title, e.Text
		for j, tag := range e.Tags {
			if j > 0 {
				tags[i] += ","
			}
			tags[i] += tag
		}
	}
	f := data.NewFrame("events",
		data.NewField("time", nil, when), data.NewField("title", nil, title),
		data.NewField("text", nil, text), data.NewField("tags", nil, tags))
	f.Meta = &data.FrameMeta{Type: data.FrameTypeTable, TypeVersion: typeVersion, ExecutedQueryString: cut(executed, maxExecuted), Notices: notices}
	return data.Frames{f}
}
