package redact

import (
	"encoding/json"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Frames redacts all texts of frames in place: names, labels, configuration, metadata and values.
func (r *Redactor) Frames(frames data.Frames) {
	if r.Empty() {
		return
	}
	for _, f := range frames {
		if f == nil {
			continue
		}
		f.Name = r.Text(f.Name)
		r.meta(f.Meta)
		for _, field := range f.Fields {
			field.Name = r.Text(field.Name)
			field.Labels = r.labels(field.Labels)
			r.config(field)
			r.values(field)
		}
	}
}

func (r *Redactor) meta(m *data.FrameMeta) {
	if m == nil {
		return
	}
	m.ExecutedQueryString = r.Text(m.ExecutedQueryString)
	m.Notices = slices.Clone(m.Notices)
	for i := range m.Notices {
		m.Notices[i].Text, m.Notices[i].Link = r.Text(m.Notices[i].Text), r.Text(m.Notices[i].Link)
	}
	m.Custom = r.document(m.Custom)
	for i := range m.Stats {
		m.Stats[i].DisplayName = r.Text(m.Stats[i].DisplayName)
	}
}

// document is what is written as JSON, as it is if that has no secrets.
func (r *Redactor) document(value any) any {
	if value == nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return value // the frame cannot be written then, either
	}
	if redacted := r.Text(string(text)); redacted != string(text) {
		return json.RawMessage(redacted)
	}
	return value
}

// labels are labels without secrets: the same ones if they have none, because series may share them.
func (r *Redactor) labels(labels data.Labels) data.Labels {
	clean := make(data.Labels, len(labels))
	changed := false
	for name, value := range labels {
		cleanName, cleanValue := r.Text(name), r.Text(value)
		clean[cleanName] = cleanValue
		changed = changed || cleanName != name || cleanValue != value
	}
	if changed {
		return clean
	}
	return labels
}

func (r *Redactor) config(field *data.Field) {
	c := field.Config
	if c == nil {
		return
	}
	text, err := json.Marshal(c)
	if err != nil || r.Text(string(text)) == string(text) {
		return
	}
	// Series share their configuration.
	clean := *c
	clean.DisplayName, clean.DisplayNameFromDS, clean.Description = r.Text(c.DisplayName), r.Text(c.DisplayNameFromDS), r.Text(c.Description)
	clean.Links = nil
	for _, link := range c.Links {
		link.Title, link.URL = r.Text(link.Title), r.Text(link.URL)
		clean.Links = append(clean.Links, link)
	}
	if custom, ok := r.document(c.Custom).(json.RawMessage); ok {
		clean.Custom = map[string]any{}
		if json.Unmarshal(custom, &clean.Custom) != nil {
			clean.Custom = nil
		}
	}
	field.Config = &clean
}

func (r *Redactor) values(field *data.Field) {
	for i := range field.Len() {
		switch v := field.At(i).(type) {
		case string:
			field.Set(i, r.Text(v))
		case *string:
			if v != nil {
				text := r.Text(*v)
				field.Set(i, &text)
			}
		case json.RawMessage:
			field.Set(i, json.RawMessage(r.Bytes(v)))
		default:
			return // numbers and times, as all values of the field
		}
	}
}
