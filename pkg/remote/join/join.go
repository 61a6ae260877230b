// Package join puts the results of consecutive parts of a range together.
package join

import (
	"maps"
	"slices"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// Results joins results in the order of their times: every time of one is before every time of those behind it. The series of
// the result stand in the order of their labels, as a server returns them, and share no memory that may be changed with the
// parts. Series of equal times share these: nobody may change them in place.
func Results(parts []series.Result) series.Result {
	var out series.Result
	numbers, histograms := map[string][]series.Series{}, map[string][]series.Histograms{}
	var keys keyWriter
	for _, p := range parts {
		for _, s := range p.Series {
			key := keys.keyOf(s.Labels)
			numbers[key] = append(numbers[key], s)
		}
		for _, h := range p.Histograms {
			key := keys.keyOf(h.Labels)
			histograms[key] = append(histograms[key], h)
		}
		out.Warnings = union(out.Warnings, p.Warnings)
		out.Infos = union(out.Infos, p.Infos)
	}
	var times timesWriter
	for _, key := range slices.Sorted(maps.Keys(numbers)) {
		out.Series = append(out.Series, times.concatenated(numbers[key]))
	}
	for _, key := range slices.Sorted(maps.Keys(histograms)) {
		of := histograms[key]
		joined := series.Histograms{Labels: maps.Clone(of[0].Labels)}
		for _, h := range of {
			joined.Times = append(joined.Times, h.Times...)
			joined.Histograms = append(joined.Histograms, h.Histograms...)
		}
		out.Histograms = append(out.Histograms, joined)
	}
	return out
}

// Copy shares no memory that may be changed with a result, and keeps the order of its series.
func Copy(a series.Result) series.Result {
	out := series.Result{Warnings: slices.Clone(a.Warnings), Infos: slices.Clone(a.Infos)}
	var times timesWriter
	for _, s := range a.Series {
		out.Series = append(out.Series, times.concatenated([]series.Series{s}))
	}
	for _, h := range a.Histograms {
		out.Histograms = append(out.Histograms, series.Histograms{
			Labels: maps.Clone(h.Labels), Times: slices.Clone(h.Times), Histograms: slices.Clone(h.Histograms),
		})
	}
	return out
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

// keyWriter writes labels as one text, which sorts as the labels do.
type keyWriter struct {
	names []string
	text  strings.Builder
}

func (w *keyWriter) keyOf(labels map[string]string) string {
	w.names = w.names[:0]
	for name := range labels {
		w.names = append(w.names, name)
	}
	slices.Sort(w.names)
	w.text.Reset()
	for _, name := range w.names {
		w.text.WriteString(name)
		w.text.WriteByte(0)
		w.text.WriteString(labels[name])
		w.text.WriteByte(0)
	}
	return w.text.String()
}

// timesWriter concatenates times once for neighbouring series whose parts have the very same ones.
type timesWriter struct {
	of    [][]int64
	times []int64
}

func (w *timesWriter) concatenated(parts []series.Series) series.Series {
	n := 0
	for _, p := range parts {
		n += len(p.Values)
	}
	out := series.Series{Labels: maps.Clone(parts[0].Labels), Values: make([]float64, 0, n)}
	same := len(parts) == len(w.of)
	for i, p := range parts {
		out.Values = append(out.Values, p.Values...)
		same = same && len(p.Times) == len(w.of[i]) && len(p.Times) > 0 && &p.Times[0] == &w.of[i][0]
	}
	if !same {
		w.of, w.times = w.of[:0], make([]int64, 0, n)
		for _, p := range parts {
			w.of, w.times = append(w.of, p.Times), append(w.times, p.Times...)
		}
	}
	out.Times = w.times
	return out
}
