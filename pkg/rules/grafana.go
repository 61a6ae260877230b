package rules

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

const (
	expressions   = "__expr__"
	conditionRef  = "condition"
	queriedGroups = signal.MaxLimit
	// rangePoints is how many points a range has that is reduced to one number.
	rangePoints = 60
	// instantRange is the range of a query for one number. Its window is decisive.
	instantRange = 10 * time.Minute
)

type grafanaFile struct {
	APIVersion int            `yaml:"apiVersion"`
	Groups     []grafanaGroup `yaml:"groups"`
}

type grafanaGroup struct {
	OrgID    int64         `yaml:"orgId"`
	Name     string        `yaml:"name"`
	Folder   string        `yaml:"folder"`
	Interval string        `yaml:"interval"`
	Rules    []grafanaRule `yaml:"rules"`
}

type grafanaRule struct {
	UID          string            `yaml:"uid"`
	Title        string            `yaml:"title"`
	Condition    string            `yaml:"condition"`
	Data         []grafanaQuery    `yaml:"data"`
	DashboardUID string            `yaml:"dashboardUid,omitempty"`
	PanelID      int               `yaml:"panelId,omitempty"`
	NoDataState  string            `yaml:"noDataState"`
	ExecErrState string            `yaml:"execErrState"`
	For          string            `yaml:"for"`
	Annotations  map[string]string `yaml:"annotations"`
	Labels       map[string]string `yaml:"labels"`
}

type grafanaQuery struct {
	RefID             string         `yaml:"refId"`
	QueryType         string         `yaml:"queryType,omitempty"`
	RelativeTimeRange relativeRange  `yaml:"relativeTimeRange"`
	DatasourceUID     string         `yaml:"datasourceUid"`
	Model             map[string]any `yaml:"model"`
}

// relativeRange is in seconds before now.
type relativeRange struct {
	From int `yaml:"from"`
	To   int `yaml:"to"`
}

// Grafana writes the rules as a file for Grafana's provisioning folder, or its import.
func Grafana(o Options) ([]byte, error) {
	file := grafanaFile{APIVersion: 1}
	for _, name := range Groups {
		file.Groups = append(file.Groups, grafanaGroup{OrgID: o.OrgID, Name: name, Folder: literal(o.Folder), Interval: durationText(o.Interval)})
	}
	for _, r := range All(o) {
		g := &file.Groups[slices.Index(Groups, r.Group)]
		g.Rules = append(g.Rules, o.grafanaRule(r))
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Alert rules over the data source %q, for Grafana's folder provisioning/alerting.\n"+
		"# One rule covers all models and fires for each model separately. Meaning and steps of each rule: %s\n", o.DataSourceUID, Runbook)
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(file); err != nil {
		return nil, fmt.Errorf("write the rules for Grafana: %w", err)
	}
	return out.Bytes(), encoder.Close()
}

// literal keeps Grafana from taking a dollar sign in a provisioning file for a variable of its environment.
func literal(text string) string { return strings.ReplaceAll(text, "$", "$$") }

func (o Options) grafanaRule(r Rule) grafanaRule {
	out := grafanaRule{
		UID: o.uid(r.Name), Title: r.Title, Condition: conditionRef, For: durationText(r.For),
		Data: o.grafanaQueries(r), NoDataState: "OK", ExecErrState: "OK",
		Labels:      map[string]string{"severity": string(r.Severity)},
		Annotations: o.annotations(r),
	}
	if r.Severity == Critical {
		// A rule that cannot be evaluated is no all-clear. The critical ones say so; all would say it many times.
		out.ExecErrState = "Error"
	}
	if p, ok := panelOf(r); ok {
		out.DashboardUID, out.PanelID = p.DashboardUID, p.PanelID
	}
	return out
}

// uid is the rule's among the rules of all data sources. Grafana allows 40 characters.
func (o Options) uid(name string) string {
	hash := sha256.Sum256([]byte(o.DataSourceUID))
	return hex.EncodeToString(hash[:4]) + "-" + name
}

// annotations are templates without dollar signs, which some versions of Grafana take for variables. Grafana fills them in
// where there is no data, too, and writes an error into its log if they cannot do without.
func (o Options) annotations(r Rule) map[string]string {
	summary := r.fill(r.Summary, func(ref, form string) string {
		return "{{ with .Values." + ref + " }}" + form + "{{ end }}"
	})
	out := map[string]string{"summary": summary, "description": r.Means, "runbook_url": Runbook + "#" + r.Name}
	if p, ok := panelOf(r); ok {
		out["__dashboardUid__"], out["__panelId__"] = p.DashboardUID, strconv.Itoa(p.PanelID)
		out["dashboard"] = o.dashboardLink(r, p)
	}
	return out
}

// dashboardLink leads to the panel, with the data source and what the alert is about chosen.
func (o Options) dashboardLink(r Rule, p Panel) string {
	link := fmt.Sprintf(`{{ reReplaceAll "/\\z" "" externalURL }}/d/%s?viewPanel=%d&var-datasource=%s`, p.DashboardUID, p.PanelID, url.QueryEscape(o.DataSourceUID))
	for _, l := range []signal.Label{signal.Environment, signal.Deployment, signal.Model} {
		if slices.Contains(r.By, l) {
			link += fmt.Sprintf("{{ with .Labels.%s }}&var-%s={{ urlquery . }}{{ end }}", l, l)
		}
	}
	return link
}

func (o Options) grafanaQueries(r Rule) []grafanaQuery {
	var out []grafanaQuery
	for _, q := range r.Queries {
		out = append(out, o.dataQuery(r, q))
		for _, reduced := range q.Reduced {
			out = append(out, expression(map[string]any{"refId": reduced.Ref, "type": "reduce", "expression": q.Ref, "reducer": reduced.How}))
		}
	}
	for _, f := range r.Shown {
		out = append(out, expression(map[string]any{"refId": f.Ref, "type": "math", "expression": f.Expression}))
	}
	return append(out, condition(r.When))
}

// dataQuery is a query as the data source's query editor holds it.
func (o Options) dataQuery(r Rule, q Query) grafanaQuery {
	m := map[string]any{
		"refId": q.Ref, "queryType": "signal", "signal": q.Signal, "statistics": []string{string(q.Statistic)}, "groupBy": words(r.By),
		"filters": map[string][]string{}, "limit": queriedGroups, "includeOthers": false, "window": durationText(q.Window), "instant": true,
		"datasource": map[string]any{"type": "coldhit-modelserving-datasource", "uid": o.DataSourceUID},
	}
	if q.Beside != "" {
		m["statistics"] = []string{string(q.Statistic), string(q.Beside)}
	}
	if q.MinimumRequests > 0 {
		m["minimumRequests"] = q.MinimumRequests
	}
	for l, values := range q.Filters {
		m["filters"] = map[string][]string{string(l): values}
	}
	span := relativeRange{From: int(instantRange.Seconds())}
	if q.Over > 0 {
		span = relativeRange{From: int((q.Ago + q.Over).Seconds()), To: int(q.Ago.Seconds())}
		m["instant"], m["maxDataPoints"], m["intervalMs"] = false, rangePoints, (q.Over / rangePoints).Milliseconds()
	}
	if q.Unanswered || q.NotStored {
		for _, key := range []string{"signal", "statistics", "groupBy", "filters", "limit", "includeOthers", "window"} {
			delete(m, key)
		}
		m["queryType"], m["expr"] = "promql", unanswered(r.By, q.Window)
		if q.NotStored {
			m["expr"] = notStored(r.By, q.Window)
		}
	}
	kind, _ := m["queryType"].(string)
	return grafanaQuery{RefID: q.Ref, QueryType: kind, RelativeTimeRange: span, DatasourceUID: literal(o.DataSourceUID), Model: m}
}

// unanswered is 1 for deployments without a successful scrape in the window, 0 for the others.
func unanswered(by []signal.Label, window time.Duration) string {
	return fmt.Sprintf("1 - max by (%s) (max_over_time(up[%s]))", strings.Join(words(by), ", "), durationText(window))
}

func expression(m map[string]any) grafanaQuery {
	m["datasource"] = map[string]any{"type": expressions, "uid": expressions}
	ref, _ := m["refId"].(string)
	return grafanaQuery{RefID: ref, DatasourceUID: expressions, Model: m}
}

// condition is a threshold where that is enough, which Grafana's editor shows best, else a formula.
func condition(when []Comparison) grafanaQuery {
	kinds := map[string]string{">": "gt", "<": "lt"}
	if first := when[0]; len(when) == 1 && first.ThanRef == "" && first.Factor == 0 && kinds[first.Is] != "" {
		return expression(map[string]any{"refId": conditionRef, "type": "threshold", "expression": first.Ref, "conditions": []any{
			map[string]any{"evaluator": map[string]any{"type": kinds[first.Is], "params": []float64{first.Than}}},
		}})
	}
	parts := make([]string, len(when))
	for i, c := range when {
		parts[i] = c.formula()
	}
	return expression(map[string]any{"refId": conditionRef, "type": "math", "expression": strings.Join(parts, " && ")})
}

func (c Comparison) formula() string {
	left, right := "$"+c.Ref, numberText(c.Than)
	if c.Factor != 0 {
		left += " * " + numberText(c.Factor)
	}
	if c.ThanRef != "" {
		right = "$" + c.ThanRef
		if c.Than != 1 {
			right += " * " + numberText(c.Than)
		}
	}
	return left + " " + c.Is + " " + right
}

func words(labels []signal.Label) []string {
	out := make([]string, len(labels))
	for i, l := range labels {
		out[i] = string(l)
	}
	return out
}
