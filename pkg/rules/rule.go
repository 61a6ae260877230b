// Package rules declares the alert rules that come with the plugin, once, and writes them for Grafana and for Prometheus.
package rules

import (
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Severity is what a rule's alerts are routed by.
type Severity string

// The severities.
const (
	Critical Severity = "critical"
	Warning  Severity = "warning"
)

// The groups of rules, in their order. Grafana evaluates the rules of a group one after the other.
const (
	Objectives  = "Objectives"
	BurnRates   = "Burn rates"
	ModelCache  = "Model cache"
	Capacity    = "Capacity"
	Autoscaling = "Autoscaling"
	Collection  = "Data collection"
)

// Groups lists the groups.
var Groups = []string{Objectives, BurnRates, ModelCache, Capacity, Autoscaling, Collection}

// Rule is one alert rule over everything that is served: it fires for each group of the labels By on its own.
type Rule struct {
	// Name is stable and the anchor of the rule's section in docs/alerts.md; Title is unique in a folder.
	Name, Title string
	Group       string
	Severity    Severity
	// For is how long the condition has to last.
	For time.Duration
	// By are the labels that its alerts have, beside the severity.
	By      []signal.Label
	Queries []Query
	// When all of these hold, the rule fires.
	When []Comparison
	// Shown are numbers for the summary alone, computed from queries.
	Shown []Formula
	// Summary says what is the matter. {place} is its environment and deployment, {model} a label, {ref:form} the value of a query or formula.
	Summary string
	// Means, Causes (the likeliest first) and Actions are the rule's section of docs/alerts.md.
	Means           string
	Causes, Actions []string
	// Panels are signals: the panel that is linked shows the first of them that a dashboard shows.
	Panels []string
}

// Query is a query for numbers by the labels of its rule.
type Query struct {
	// Ref names the numbers in comparisons and texts.
	Ref       string
	Signal    string
	Statistic signal.Statistic
	// Beside, where set, is queried too. Grafana's expressions join two lone numbers whatever their labels are, and drop
	// the labels; where a query is compared with one of another signal, this keeps its numbers from being alone.
	Beside  signal.Statistic
	Filters map[signal.Label][]string
	// Window is what rates, ratios and means are taken over.
	Window time.Duration
	// Over, where set, queries a range of that length, which ended Ago, and Reduced says what numbers are made of it.
	Over, Ago time.Duration
	Reduced   []Reduction
	// MinimumRequests is how many requests in the window a number has to rest on; with fewer there is none.
	MinimumRequests float64
	// Unanswered, where set, queries the deployments without a successful scrape in the window instead.
	Unanswered bool
	// NotStored, where set, queries how many samples the plugin's storage refused in the window instead.
	NotStored bool
}

// Reduction makes one number of a range. How is min, max, mean or last.
type Reduction struct{ Ref, How string }

// Comparison holds where Factor times the value of Ref is in the relation Is (>, <, >= or <=) to Than, or to the value of
// ThanRef multiplied with Than. A Factor of zero is one.
type Comparison struct {
	Ref     string
	Factor  float64
	Is      string
	Than    float64
	ThanRef string
}

// Formula is a number for texts, an expression over refs that Grafana and Prometheus both read. It needs a result wherever the condition has one:
// Grafana takes an expression without any for missing data.
type Formula struct{ Ref, Expression string }

var (
	byModel      = []signal.Label{signal.Environment, signal.Deployment, signal.Model}
	byObjective  = []signal.Label{signal.Environment, signal.Deployment, signal.Model, signal.Objective}
	byDeployment = []signal.Label{signal.Environment, signal.Deployment}
	byReason     = []signal.Label{"reason"}
	byGPU        = []signal.Label{signal.Environment, signal.Deployment, signal.Replica, signal.GPU}
)

// All are the rules, in the order of their groups.
func All(o Options) []Rule {
	var all []Rule
	for _, group := range [][]Rule{objectives(o), burnRates(o), modelCache(o), capacity(o), autoscaling(o), collection(o)} {
		all = append(all, group...)
	}
	for i := range all {
		if o.For != nil {
			all[i].For = *o.For
		}
	}
	return all
}
