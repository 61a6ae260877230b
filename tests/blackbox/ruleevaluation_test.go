package blackbox

import (
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/coldhit/modelserving-datasource/pkg/rules"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// exported are the rules as the plugin exports them for Grafana, with windows that suit pages which are scraped every second.
type exported struct {
	Groups []struct {
		Rules []struct {
			UID  string `yaml:"uid"`
			Data []struct {
				RefID             string                   `yaml:"refId"`
				DatasourceUID     string                   `yaml:"datasourceUid"`
				RelativeTimeRange struct{ From, To int64 } `yaml:"relativeTimeRange"`
				Model             map[string]any           `yaml:"model"`
			} `yaml:"data"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

const quickly = "window=10s&period=1h&interval=10s&for=0s"

func export(t *testing.T, p *driver.Plugin, s driver.Source, more string) exported {
	t.Helper()
	status, text := p.CallMethod(s, "GET", "rules", "format=grafana&"+more)
	require.Equal(t, 200, status, string(text))
	var out exported
	require.NoError(t, yaml.Unmarshal(text, &out))
	return out
}

// asks runs the queries of all rules as Grafana's alerting does now, and answers their responses by rule and ref.
func (e exported) asks(t *testing.T, p *driver.Plugin, s driver.Source) map[string]map[string]backend.DataResponse {
	t.Helper()
	return e.asksAt(t, p, s, time.Now())
}

func (e exported) asksAt(t *testing.T, p *driver.Plugin, s driver.Source, now time.Time) map[string]map[string]backend.DataResponse {
	t.Helper()
	out := map[string]map[string]backend.DataResponse{}
	for _, g := range e.Groups {
		for _, r := range g.Rules {
			var queries []backend.DataQuery
			for _, q := range r.Data {
				if q.DatasourceUID != s.UID {
					continue
				}
				text, err := json.Marshal(q.Model)
				require.NoError(t, err)
				kind, _ := q.Model["queryType"].(string)
				ago := func(seconds int64) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
				interval, points := time.Second, int64(100)
				if ms, ok := q.Model["intervalMs"].(int); ok {
					interval = time.Duration(ms) * time.Millisecond
				}
				if n, ok := q.Model["maxDataPoints"].(int); ok {
					points = int64(n)
				}
				queries = append(queries, backend.DataQuery{
					RefID: q.RefID, QueryType: kind, JSON: text, Interval: interval, MaxDataPoints: points,
					TimeRange: backend.TimeRange{From: ago(q.RelativeTimeRange.From), To: ago(q.RelativeTimeRange.To)},
				})
			}
			_, name, _ := strings.Cut(r.UID, "-")
			out[name] = p.Request(s, queries...)
		}
	}
	return out
}

// number is one value of an expression.
type number struct {
	labels data.Labels
	value  float64
}

// joined is how Grafana puts two sides of an operator together: by labels where one side's include the other's, and of two
// lone numbers without any.
func joined(a, b []number, operator func(a, b float64) bool) []number {
	var out []number
	add := func(labels data.Labels, x, y number) {
		v := 0.0
		if operator(x.value, y.value) {
			v = 1
		}
		out = append(out, number{labels, v})
	}
	for _, x := range a {
		for _, y := range b {
			switch {
			case x.labels.Equals(y.labels) || len(y.labels) == 0:
				add(x.labels, x, y)
			case len(x.labels) == 0:
				add(y.labels, x, y)
			case len(x.labels) == len(y.labels):
			case x.labels.Contains(y.labels):
				add(x.labels, x, y)
			case y.labels.Contains(x.labels):
				add(y.labels, x, y)
			}
		}
	}
	if len(out) == 0 && len(a) == 1 && len(b) == 1 {
		add(nil, a[0], b[0])
	}
	return out
}

func and(a, b float64) bool { return a != 0 && b != 0 }

// fires lists for what a rule's condition holds, given what its queries answered.
func fires(t *testing.T, r rules.Rule, answers map[string]backend.DataResponse) []data.Labels {
	t.Helper()
	values := map[string][]number{}
	for _, q := range r.Queries {
		answer := answers[q.Ref]
		require.NoError(t, answer.Error, "%s %s", r.Name, q.Ref)
		series := valuesOf(answer)
		if len(series) == 0 {
			return nil // where a query of a rule has no data, so has the rule
		}
		for _, s := range series {
			values[q.Ref] = append(values[q.Ref], number{s.labels, s.values[len(s.values)-1]})
			for _, reduced := range q.Reduced {
				values[reduced.Ref] = append(values[reduced.Ref], number{s.labels, reduce(reduced.How, s.values)})
			}
		}
	}
	relations := map[string]func(a, b float64) bool{
		">": func(a, b float64) bool { return a > b }, "<": func(a, b float64) bool { return a < b },
		">=": func(a, b float64) bool { return a >= b }, "<=": func(a, b float64) bool { return a <= b },
	}
	var held []number
	for i, c := range r.When {
		left, right := scaledBy(values[c.Ref], max(c.Factor, 1)), []number{{nil, c.Than}}
		if c.ThanRef != "" {
			right = scaledBy(values[c.ThanRef], c.Than)
		}
		compared := joined(left, right, relations[c.Is])
		if i == 0 {
			held = compared
		} else {
			held = joined(held, compared, and)
		}
	}
	var out []data.Labels
	for _, h := range held {
		if h.value != 0 {
			out = append(out, h.labels)
		}
	}
	return out
}

func scaledBy(in []number, factor float64) []number {
	out := slices.Clone(in)
	for i := range out {
		out[i].value *= factor
	}
	return out
}

func reduce(how string, values []float64) float64 {
	switch how {
	case "min":
		return slices.Min(values)
	case "max":
		return slices.Max(values)
	case "mean":
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		return sum / float64(len(values))
	case "last":
		return values[len(values)-1]
	}
	return math.NaN()
}

type valued struct {
	labels data.Labels
	values []float64
}

// valuesOf are the numbers of an answer, series by series.
func valuesOf(r backend.DataResponse) []valued {
	var out []valued
	for _, f := range r.Frames {
		for _, field := range f.Fields {
			if field.Type() != data.FieldTypeFloat64 || field.Len() == 0 {
				continue
			}
			v := valued{labels: field.Labels}
			for i := range field.Len() {
				number, _ := field.At(i).(float64)
				v.values = append(v.values, number)
			}
			out = append(out, v)
		}
	}
	return out
}

// firing lists the rules that fire, each with what it is about.
func (e exported) firing(t *testing.T, p *driver.Plugin, s driver.Source) []string {
	t.Helper()
	answers := e.asks(t, p, s)
	out := []string{}
	options := rules.Defaults(s.UID, s.OrgID)
	given, err := url.ParseQuery(quickly)
	require.NoError(t, err)
	require.NoError(t, options.Read(given))
	for _, r := range rules.All(options) {
		for _, labels := range fires(t, r, answers[r.Name]) {
			about := labels["model"]
			if about == "" {
				about = labels["deployment"]
			}
			if objective := labels["objective"]; objective != "" {
				about += " " + objective
			}
			out = append(out, r.Name+": "+about)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
