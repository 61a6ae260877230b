package querycache_test

import (
	"slices"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
)

// queries are what the cached results are compared for.
var queries = append(typedQueries(), plannedQueries()...)

func typedQueries() (out []query) {
	for _, expr := range []string{
		`requests_total`,
		`queue_size`,
		`sum by (model) (rate(requests_total[1m]))`,
		`histogram_quantile(0.95, sum by (model, le) (rate(latency_seconds_bucket[2m])))`,
		`histogram_quantile(0.5, sum by (model) (rate(native_seconds[1m])))`,
		`native_seconds`,
		`sum by (model) (rate(requests_total{model="m1"}[1m])) / sum by (model) (rate(requests_total[1m]))`,
		`topk(2, sum by (model) (rate(requests_total[1m])))`,
		`avg by (replica) (avg_over_time(queue_size[3m]))`,
		`increase(requests_total[5m] offset 1m)`,
		`max_over_time(rate(requests_total[1m])[3m:15s])`,
		`absent(requests_total{model="m3"})`,
		`time() - timestamp(queue_size)`,
		`queue_size > 100`,
		`nothing_of_the_kind`,
		// Not kept:
		`sum(increase(requests_total[10m] @ end()))`,
		`sum by (model) (rate(requests_total[1m])) and on (model) topk(2, sum by (model) (increase(requests_total[10m] @ end())))`,
		`sum by (model) (rate(requests_total[1m])) and on (model) topk(2, increase(requests_total[10m] @ start()))`,
		`queue_size offset -1m`,
	} {
		out = append(out, query{name: expr})
	}
	return out
}

var (
	requests = plan.Select{Metric: "requests_total"}
	queue    = plan.Last{Of: plan.Select{Metric: "queue_size"}}
	buckets  = plan.Select{Metric: "latency_seconds_bucket"}
	rate     = plan.Rate{Of: requests, Window: time.Minute}
	natives  = sum(plan.Rate{Of: plan.Select{Metric: "native_seconds"}, Window: time.Minute}, "model")
	increase = plan.IncreaseOverRange{Of: requests}
)

func sum(of plan.Node, by ...string) plan.Node { return plan.Aggregate{Op: plan.Sum, By: by, Of: of} }

// top keeps the groups with the most requests over the range.
func top(k int, of plan.Node, by ...string) plan.TopK {
	return plan.TopK{Of: of, By: by, K: k, Rank: sum(increase, by...)}
}

func rest(k int, of plan.Node, by ...string) plan.TopK {
	out := top(k, of, by...)
	out.Rest = true
	return out
}

func ranked(k int, of, rank plan.Node, by ...string) plan.TopK {
	return plan.TopK{Of: of, By: by, K: k, Rank: rank}
}

// renamed has a label's values in another label too.
func renamed(of plan.Node) plan.Node {
	return plan.Rename{Of: of, From: "replica", To: "deployment"}
}

func plannedQueries() (out []query) {
	perModel, perReplica := sum(rate, "model"), sum(rate, "model", "replica")
	firstReplica := requests
	firstReplica.Matchers = []plan.Matcher{{Label: "replica", Compare: plan.Equal, Value: "r0"}}
	second := requests
	second.Matchers = []plan.Matcher{{Label: "model", Compare: plan.Equal, Value: "m2"}}
	ofSecond := plan.Rate{Of: second, Window: time.Minute}
	for name, n := range map[string]plan.Node{
		"top":               top(2, perModel, "model"),
		"top of two labels": top(3, perReplica, "model", "replica"),
		"rest":              sum(rest(3, perReplica, "model", "replica")),
		"nested":            top(2, rest(1, perReplica, "model"), "model", "replica"),
		"nested ranking":    ranked(1, perModel, rest(1, sum(increase, "model"), "model"), "model"),
		"several": plan.Ratio{
			Of: top(2, queue, "model"),
			To: plan.TopK{Of: plan.Last{Of: requests}, By: []string{"model"}, K: 2, Rest: true, Rank: plan.IncreaseOverRange{Of: plan.Select{Metric: "nothing"}}},
		},
		"top and rest": plan.Union{Of: []plan.Node{top(2, perModel, "model"), plan.SetLabel{Of: sum(rest(2, perModel, "model")), Label: "model", Value: "others"}}},
		"quantile": ranked(3,
			plan.Quantile{Q: 0.9, Of: sum(renamed(sum(plan.Rate{Of: buckets, Window: time.Minute}, "replica", "model", "le")), "deployment", "model", "le")},
			sum(renamed(sum(increase, "replica", "model")), "deployment", "model"), "deployment", "model"),
		"quantile of the top": plan.Quantile{Q: 0.9, Of: top(2, sum(plan.Rate{Of: buckets, Window: time.Minute}, "model", "le"), "model")},
		"native quantile":     top(2, plan.Quantile{Q: 0.9, Of: natives}, "model"),
		"native histograms":   top(2, natives, "model"),
		"native mean":         top(3, plan.Ratio{Of: plan.HistogramSum{Of: natives}, To: plan.HistogramCount{Of: natives}}, "model"),
		"buckets":             top(1, plan.Aggregate{Op: plan.Count, By: []string{"model", "le"}, Of: plan.Last{Of: buckets}}, "model"),
		"ratio of a union": top(2, plan.Ratio{Of: sum(plan.Union{Of: []plan.Node{
			plan.SetLabel{Of: sum(plan.Rate{Of: firstReplica, Window: time.Minute}, "model"), Label: "part", Value: "1"},
			plan.SetLabel{Of: plan.Scale{Of: perModel}, Label: "part", Value: "2"},
		}}, "model"), To: perModel}, "model"),
		"joins": top(2, plan.AntiJoin{
			Of:     plan.SemiJoin{Of: perReplica, On: []string{"model", "replica"}, Exists: plan.GreaterThan{Of: queue, Than: 20}},
			On:     []string{"replica"},
			Exists: plan.GreaterThan{Of: queue, Than: 1000},
		}, "model"),
		"highest within":        top(2, plan.Highest{K: 3, Of: perModel}, "model"),
		"label written":         top(3, plan.SetLabel{Of: ofSecond, Label: "model", Value: "m1"}, "model"),
		"label replaced":        top(3, plan.LabelReplace{Of: ofSecond, From: "replica", To: "model", Match: "r0", Class: "m1"}, "model"),
		"subquery":              top(2, plan.SumOverTime{Of: perModel, Window: 3 * time.Minute, Every: scrape}, "model"),
		"new counters":          top(2, sum(plan.NewCounter{Of: requests, Offset: time.Minute, Lookback: 5 * time.Minute}, "model"), "model"),
		"maximum":               top(2, plan.ClampMin{Of: plan.OverTime{Of: queue.Of, Window: 3 * time.Minute, Reduce: plan.MaxOver}, Bound: 50}, "model"),
		"age":                   top(2, plan.Age{Of: plan.EqualTo{Of: plan.Last{Of: requests, Before: time.Minute}, Value: 0}}, "model"),
		"ranked at each step":   ranked(2, perModel, sum(queue, "model"), "model"),
		"ranked among few":      ranked(2, perModel, sum(plan.SemiJoin{Of: increase, On: []string{"model", "replica"}, Exists: plan.GreaterThan{Of: queue, Than: 300}}, "model"), "model"),
		"total, not kept":       sum(increase, "model"),
		"future, not kept":      plan.Last{Of: queue.Of, Before: -time.Minute},
		"two tops of one range": plan.Ratio{Of: top(2, perModel, "model"), To: top(3, sum(queue, "model"), "model")},
	} {
		out = append(out, query{name: name, plan: n})
	}
	sortByName(out)
	return out
}

// sortByName makes the order the same in every run.
func sortByName(of []query) {
	slices.SortFunc(of, func(a, b query) int { return strings.Compare(a.name, b.name) })
}
