package dashboards

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Overrides match names that the backend makes of labels, so the names here are the backend's.
func TestSeriesLookLikeWhatTheyAre(t *testing.T) {
	for _, c := range []struct {
		name, panel string
		statistic   signal.Statistic
		labels      map[string]string
		// beside is a second statistic in the answer, which puts the statistic into names.
		beside signal.Statistic
		rest   bool
		color  string
		dashed bool
	}{
		{name: "a success", panel: "Requests by status", statistic: signal.Rate, labels: map[string]string{"status": "success"}, color: good},
		{name: "2xx", panel: "Requests by status", statistic: signal.Rate, labels: map[string]string{"status": "2xx"}, color: good},
		{name: "4xx", panel: "Requests by status", statistic: signal.Rate, labels: map[string]string{"status": "4xx"}, color: caution},
		{name: "a failure", panel: "Requests by status", statistic: signal.Rate, labels: map[string]string{"status": "failure"}, color: bad},
		{name: "5xx", panel: "Requests by status", statistic: signal.Rate, labels: map[string]string{"status": "5xx"}, color: bad},
		{name: "a failure with its reason", panel: "Requests by code or reason", statistic: signal.Rate, labels: map[string]string{"status": "failure", "code": "REJECTED"}, color: bad},
		{name: "a model", panel: "Requests by model", statistic: signal.Rate, labels: map[string]string{"model": "resnet"}},
		{name: "a model that is called like a status", panel: "Requests by model", statistic: signal.Rate, labels: map[string]string{"model": "failure"}},
		{name: "a model whose name begins as others", panel: "Requests by model", statistic: signal.Rate, labels: map[string]string{"model": "others-2"}},
		{name: "the rest", panel: "Requests by model", statistic: signal.Rate, rest: true, color: neutral},
		{name: "the rest's quantile", panel: "Queue time by model, p95", statistic: signal.P95, rest: true, beside: signal.Mean, color: neutral},
		{name: "a mean among quantiles", panel: "Queue time by model, p95", statistic: signal.Mean, labels: map[string]string{"model": "resnet"}, beside: signal.P95, dashed: true},
		{name: "p50", panel: "Queue time of the top model, percentiles", statistic: signal.P50, labels: map[string]string{"model": "resnet"}, beside: signal.Mean, color: "light-blue"},
		{name: "p99 of a version", panel: "Queue time of the top model, percentiles", statistic: signal.P99, labels: map[string]string{"model": "resnet", "version": "2"}, beside: signal.Mean, color: "#E45AB5"},
		{name: "the mean beside percentiles", panel: "Queue time of the top model, percentiles", statistic: signal.Mean, labels: map[string]string{"model": "resnet"}, beside: signal.P95, color: neutral, dashed: true},
		{name: "the mean alone", panel: "Queue time of the top model, percentiles", statistic: signal.Mean, labels: map[string]string{"model": "resnet"}, color: neutral, dashed: true},
		{name: "p95 of one model", panel: "Response time, cold requests", statistic: signal.P95, labels: map[string]string{}, beside: signal.Mean, color: "semi-dark-purple"},
		{name: "the mean of one model", panel: "Response time, cold requests", statistic: signal.Mean, labels: map[string]string{}, beside: signal.P95, color: neutral, dashed: true},
		{name: "a warm request", panel: "Requests by start (hot, cold)", statistic: signal.Rate, labels: map[string]string{"start": "hot"}, color: waiting},
		{name: "a cold request", panel: "Requests by start (hot, cold)", statistic: signal.Rate, labels: map[string]string{"start": "cold"}, color: "light-blue"},
		{name: "a status with its code", panel: "Requests by status and code", statistic: signal.Rate, labels: map[string]string{"status": "5xx", "code": "503"}, color: bad},
		{name: "active replicas", panel: "Replicas by state", statistic: signal.Last, labels: map[string]string{"state": "active"}, color: good},
		{name: "wanted replicas", panel: "Replicas by state", statistic: signal.Last, labels: map[string]string{"state": "desired"}, color: neutral, dashed: true},
		{name: "queued requests", panel: "Concurrent requests by state", statistic: signal.Mean, labels: map[string]string{"state": "queued"}, color: waiting},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := shippedPanelOf(t, c.panel)
			var q targetQuery
			strict(t, p.Targets[0], &q)
			sig, found := signal.Find(q.Signal)
			require.True(t, found)
			one := series.Series{Labels: c.labels, Times: []int64{0}, Values: []float64{1}}
			answer := []analysis.Series{{Series: one, Statistic: c.statistic, Others: c.rest}}
			if c.beside != "" {
				answer = append(answer, analysis.Series{Series: one, Statistic: c.beside})
			}
			made := frames.Of(frames.Result{Signal: sig, Series: answer, Legend: q.Legend, Step: time.Second})
			name := made[0].Fields[1].Config.DisplayNameFromDS
			color, dashed := looks(t, p, name)
			require.Equal(t, c.color, color, name)
			require.Equal(t, c.dashed, dashed, name)
		})
	}
}

func shippedPanelOf(t *testing.T, title string) shippedPanel {
	t.Helper()
	for _, file := range []string{"metrics.json", "model.json"} {
		dashboard, _ := shipped(t, file)
		for _, p := range dashboard.Panels {
			if p.Title == title && p.Type == "timeseries" {
				return p
			}
		}
	}
	require.Fail(t, "there is no panel "+title)
	return shippedPanel{}
}

// looks is how a panel's overrides draw a series of a name: the last that matches decides, as in Grafana.
func looks(t *testing.T, p shippedPanel, name string) (fixedColor string, dashed bool) {
	t.Helper()
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.ID != "byRegexp" {
			continue
		}
		if !regexp.MustCompile(strings.Trim(o.Matcher.Options, "/")).MatchString(name) {
			continue
		}
		for _, property := range o.Properties {
			switch property.ID {
			case "color":
				var c color
				require.NoError(t, json.Unmarshal(property.Value, &c))
				fixedColor = c.FixedColor
			case "custom.lineStyle":
				dashed = true
			}
		}
	}
	return fixedColor, dashed
}

// Without this, Grafana writes the text for a panel without data wherever one line has a gap.
func TestGapsAreNotTakenForPanelsWithoutData(t *testing.T) {
	for file := range Files() {
		dashboard, _ := shipped(t, file)
		for _, p := range dashboard.all() {
			if p.Type != "timeseries" {
				continue
			}
			first := p.FieldConfig.Overrides[0]
			require.Equal(t, "byType", first.Matcher.ID, p.Title)
			require.Equal(t, "number", first.Matcher.Options)
			require.Equal(t, "noValue", first.Properties[0].ID)
			require.JSONEq(t, `"–"`, string(first.Properties[0].Value))
		}
	}
}
