package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/remote"
	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

const scrapeInterval = 15 * time.Second

// scrapes is how many scrapes of the time before noon a series description x160 fills: 40 minutes.
const scrapes = 161

// harness is an evaluator over a real Prometheus with the series of a test. The time is always noon.
type harness struct {
	*Evaluator
	t      *testing.T
	server *prometheustest.Server
}

// newHarness stores series of the built-in profiles' servers. Each line is a series in the notation of Prometheus's unit tests, such as
// nv_cpu_utilization{instance="a"} 0.5x160, with one value for each scrape up to noon.
func newHarness(t *testing.T, lines ...string) *harness {
	t.Helper()
	profiles, err := profile.Embedded()
	require.NoError(t, err)
	decoded, err := settings.Decode([]byte(`{"mode": "prometheus"}`), nil)
	require.NoError(t, err)
	server := prometheustest.New(t)
	client, err := remote.New(t.Context(), server.Instance(), decoded.Prometheus)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	h := &harness{t: t, server: server, Evaluator: &Evaluator{
		Store: client, Profiles: profiles, Catalogue: profiles.Catalogue(), Now: func() time.Time { return noon },
	}}
	objectives, err := objective.NewSet(objective.Default(), nil)
	require.NoError(t, err)
	h.Objectives = objectives
	h.store(lines...)
	return h
}

func (h *harness) store(lines ...string) {
	h.t.Helper()
	var samples []prometheustest.Sample
	for _, line := range strings.Split(strings.Join(lines, "\n"), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		of, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(line)
		require.NoError(h.t, err, line)
		of = withTarget(of)
		first := noon.Add(-(scrapes - 1) * scrapeInterval)
		for i, v := range values {
			if !v.Omitted {
				samples = append(samples, prometheustest.Sample{Labels: of, At: first.Add(time.Duration(i) * scrapeInterval), Value: v.Value, Histogram: v.Histogram})
			}
		}
	}
	slices.SortStableFunc(samples, func(a, b prometheustest.Sample) int { return a.At.Compare(b.At) })
	h.server.Append(h.t, samples...)
}

// withTarget gives a series the labels that every target has, unless it has its own.
func withTarget(of labels.Labels) labels.Labels {
	builder := labels.NewBuilder(of)
	for name, value := range map[string]string{"job": "models", "instance": "one:8002", "environment": "production", "deployment": "vision"} {
		if of.Get(name) == "" {
			builder.Set(name, value)
		}
	}
	return builder.Labels()
}

// halfHour makes a request be about the half hour before noon, in steps of a minute.
func halfHour(r Request) Request {
	r.Range = between(noon.Add(-30*time.Minute), noon)
	r.Grid = Grid{Start: r.Range.From, End: r.Range.To, Step: time.Minute}
	return r
}

// signalOf is a request for a signal by labels.
func signalOf(name string, statistics []string, by ...string) Request {
	return halfHour(Request{Type: Signal, Signal: name, Statistics: statistics, GroupBy: by, IncludeOthers: true})
}

func instant(r Request) Request {
	r.Instant = true
	return r
}

// result is what a request returned.
type result struct {
	t *testing.T
	data.Frames
}

func (h *harness) ask(r Request) result {
	h.t.Helper()
	answer, err := h.Evaluate(h.t.Context(), r)
	require.NoError(h.t, err)
	return result{h.t, answer}
}

// fails returns the error of a request.
func (h *harness) fails(r Request) error {
	h.t.Helper()
	_, err := h.Evaluate(h.t.Context(), r)
	require.Error(h.t, err)
	return err
}

// frame is that of a series with the labels.
func (r result) frame(pairs ...string) (*data.Frame, *data.Field) {
	for _, f := range r.Frames {
		for _, field := range f.Fields {
			if !strings.HasSuffix(field.Type().ItemTypeString(), "float64") {
				continue
			}
			matches := true
			for i := 0; i < len(pairs); i += 2 {
				matches = matches && field.Labels[pairs[i]] == pairs[i+1]
			}
			if matches && field.Len() > 0 {
				return f, field
			}
		}
	}
	return nil, nil
}

// last is the newest value of the series with the labels.
func (r result) last(pairs ...string) float64 {
	r.t.Helper()
	_, field := r.frame(pairs...)
	require.NotNil(r.t, field, "no series %v in %s", pairs, r.describe())
	for i := field.Len() - 1; i >= 0; i-- {
		if v, ok := field.ConcreteAt(i); ok {
			value, isFloat := v.(float64)
			require.True(r.t, isFloat)
			return value
		}
	}
	require.Fail(r.t, "no value", r.describe())
	return 0
}

func (r result) lacks(pairs ...string) {
	r.t.Helper()
	_, field := r.frame(pairs...)
	require.Nil(r.t, field, r.describe())
}

// custom is what the frame of the series with the labels says beside its numbers.
func (r result) custom(pairs ...string) frames.Custom {
	r.t.Helper()
	f, _ := r.frame(pairs...)
	require.NotNil(r.t, f, r.describe())
	custom, ok := f.Meta.Custom.(frames.Custom)
	require.True(r.t, ok)
	return custom
}

func (r result) notices() string {
	var texts []string
	for _, f := range r.Frames {
		if f.Meta != nil {
			for _, n := range f.Meta.Notices {
				texts = append(texts, n.Text)
			}
		}
	}
	return strings.Join(texts, "\n")
}

func (r result) executed() string {
	require.NotEmpty(r.t, r.Frames)
	return r.Frames[0].Meta.ExecutedQueryString
}

// column has the values of a table's field as text.
func (r result) column(name string) (out []string) {
	r.t.Helper()
	require.NotEmpty(r.t, r.Frames)
	field, _ := r.Frames[0].FieldByName(name)
	require.NotNil(r.t, field, "no column %s in %s", name, r.describe())
	for i := range field.Len() {
		if v, ok := field.ConcreteAt(i); ok {
			out = append(out, strings.TrimSpace(strings.Trim(fmt.Sprint(v), `"`)))
		} else {
			out = append(out, "")
		}
	}
	return out
}

func (r result) describe() string {
	var b strings.Builder
	for _, f := range r.Frames {
		text, err := f.StringTable(3, 12)
		require.NoError(r.t, err)
		b.WriteString(text)
	}
	return b.String() + r.notices()
}

// faulty is a store whose calls fail from one of them on.
type faulty struct {
	Store
	err error
	// works decides by the number of a call, from 1, and what it is for, whether it works.
	works func(call int, what string) bool
	calls chan int
}

// fail has the calls of the harness's store fail for which works is false.
func (h *harness) fail(err error, works func(call int, what string) bool) {
	calls := make(chan int, 1)
	calls <- 0
	h.Store = &faulty{h.Store, err, works, calls}
}

func (f *faulty) check(what string) error {
	n := <-f.calls + 1
	f.calls <- n
	if !f.works(n, what) {
		return f.err
	}
	return nil
}

func (f *faulty) Range(ctx context.Context, n plan.Node, r executor.Range) (series.Result, error) {
	if err := f.check("range"); err != nil {
		return series.Result{}, err
	}
	return f.Store.Range(ctx, n, r)
}

func (f *faulty) Instant(ctx context.Context, n plan.Node, at executor.Instant) (series.Result, error) {
	if err := f.check("instant"); err != nil {
		return series.Result{}, err
	}
	return f.Store.Instant(ctx, n, at)
}

func (f *faulty) LabelValues(ctx context.Context, label string, of []plan.Select, start, end time.Time, limit int) ([]string, error) {
	if err := f.check("values"); err != nil {
		return nil, err
	}
	return f.Store.LabelValues(ctx, label, of, start, end, limit)
}

// scraper is a collector of a test.
type scraper struct {
	targets  []Target
	since    time.Time
	warnings []string
	missing  []string
	err      error
}

func (s scraper) Targets(context.Context) ([]Target, error) { return s.targets, s.err }
func (s scraper) Since() time.Time                          { return s.since }
func (s scraper) Warnings() []string                        { return s.warnings }
func (s scraper) NotStored(from, to time.Time) []string     { return s.missing }
