package rules

import (
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// violation is the measured value divided by the limit of the model's objective. It is the query violation.
func violation(o Options, objective string) Query {
	return against(o, objective, "violation", signal.SLOViolation)
}

// allowed is the limit of the model's objective, for every model with a violation. It is the query objective.
func allowed(o Options, objective string) Query {
	return against(o, objective, "objective", signal.SLOObjective)
}

func against(o Options, objective, ref, name string) Query {
	return Query{Ref: ref, Signal: name, Statistic: signal.Mean, Filters: map[signal.Label][]string{signal.Objective: {objective}},
		Window: o.Window, MinimumRequests: o.MinimumRequests}
}

// shown is the value that an objective is about, under the objective's own name. It is the query measured.
func shown(o Options, name string) Query {
	d := objective.Find(name)
	return Query{Ref: "measured", Signal: d.Name, Statistic: d.Statistic, Window: o.Window, MinimumRequests: o.MinimumRequests}
}

var violates = Comparison{Ref: "violation", Is: ">", Than: 1}

func objectives(o Options) []Rule {
	return []Rule{
		{
			Name: "response-time-over-objective", Title: "Response time over objective", Group: Objectives, Severity: Warning, For: 5 * time.Minute,
			By: byModel, Queries: []Query{violation(o, objective.ResponseTime), allowed(o, objective.ResponseTime)}, When: []Comparison{violates},
			Shown:   []Formula{{"measured", "round($violation * $objective * 1000) / 1000"}, {"over", "round(($violation - 1) * 100) / 100"}},
			Summary: "{model}: p95 {measured:duration}, {over:share} over its {objective:duration} objective ({place}).",
			Means:   "The p95 response time of the model is above its objective in your data source settings.",
			Causes: []string{
				"Too few replicas: requests wait in the queue.",
				"Cold starts: some requests wait for the model to load.",
				"Larger inputs or outputs than usual, or a slower version of the model.",
				"Another model or program on the same GPU or host.",
			},
			Actions: []string{
				"Compare queue time and inference time. If the queue dominates, add replicas, or raise their concurrency if the GPU is idle. If inference dominates, use a larger instance or roll back to the previous version.",
				"Compare warm and cold response times. If only cold requests are slow, keep the model loaded: enlarge your model cache or raise the minimum number of replicas.",
				"If the model cannot be faster, change its objective in your data source settings.",
			},
			Panels: []string{"response_time"},
		},
		{
			Name: "response-time-too-long", Title: "Response time too long", Group: Objectives, Severity: Critical, For: 10 * time.Minute,
			By: byModel, Queries: []Query{{Ref: "measured", Signal: "response_time", Statistic: signal.P95, Window: o.Window, MinimumRequests: o.MinimumRequests}},
			When:    []Comparison{{Ref: "measured", Is: ">", Than: o.ResponseTime.Seconds()}},
			Summary: "{model}: p95 {measured:duration}, over the limit of " + durationText(o.ResponseTime) + " for any model ({place}).",
			Means:   "The p95 response time of the model is above the limit for any model that you exported the rules with (responseTime), independent of its own objective.",
			Causes: []string{
				"The model is overloaded: compare queue time and inference time.",
				"The model is slow by design, like many large language models. The limit does not fit it then.",
			},
			Actions: []string{
				"Follow the steps of the rule Response time over objective.",
				"If you serve models that are slow by design, export the rules with a higher responseTime and rely on the objectives of each model.",
			},
			Panels: []string{"response_time"},
		},
		{
			Name: "error-rate-over-objective", Title: "Error rate over objective", Group: Objectives, Severity: Critical, For: 5 * time.Minute,
			By: byModel, Queries: []Query{violation(o, objective.ErrorRate), shown(o, objective.ErrorRate)}, When: []Comparison{violates},
			Shown:   []Formula{{"objective", "$measured / $violation"}},
			Summary: "{model}: {measured:share} of requests fail, objective {objective:share} ({place}).",
			Means:   "The share of requests that fail on the server side is above the model's objective. Client errors are not counted.",
			Causes: []string{
				"The model itself fails: unsupported inputs, a missing file, or a dependency that is down.",
				"The queue is full or requests time out: the code or reason is then REJECTED, 429, 503 or 504.",
				"A replica runs out of memory and restarts.",
			},
			Actions: []string{
				"Open requests by code or reason. Add capacity if requests are rejected, and check the model's log if they fail.",
				"If the errors began with a new version, roll back.",
			},
			Panels: []string{"error_rate", "requests"},
		},
		{
			Name: "cache-hit-below-objective", Title: "Cache hit below objective", Group: Objectives, Severity: Warning, For: 5 * time.Minute,
			By: byModel, Queries: []Query{violation(o, objective.CacheHitRatio), shown(o, objective.CacheHitRatio)}, When: []Comparison{violates},
			Shown:   []Formula{{"objective", "1 - (1 - $measured) / $violation"}},
			Summary: "{model}: only {measured:share} of requests hit a loaded model, objective {objective:share} ({place}).",
			Means:   "Too many requests wait for their model to load. This rule is about the model cache (loaded models), not about a response cache.",
			Causes: []string{
				"The model cache is too small for the models in use.",
				"Traffic moved to models that were not loaded before.",
				"The model is rarely requested and evicted between its requests.",
			},
			Actions: []string{
				"Compare loads and evictions. Many of both mean that models evict each other: add memory, spread your models over more replicas, or keep this one loaded.",
				"If a rarely requested model may be slow, lower its objective in your data source settings.",
			},
			Panels: []string{signal.CacheHitRatio, "cold_hit_rate", "model_loads"},
		},
		{
			Name: "model-stale", Title: "Model stale", Group: Objectives, Severity: Warning, For: 5 * time.Minute,
			By: byModel, Queries: []Query{violation(o, objective.PredictionStaleness), allowed(o, objective.PredictionStaleness)}, When: []Comparison{violates},
			Shown:   []Formula{{"measured", "round($violation * $objective / 360) / 10"}, {"allowed", "round($objective / 360) / 10"}},
			Summary: "{model}: last trained {measured:plain} h ago, objective {allowed:plain} h ({place}).",
			Means:   "The time since the last training of the model is above its objective, so its predictions rest on old data.",
			Causes: []string{
				"The training job failed or did not run.",
				"A new version was trained but not deployed.",
			},
			Actions: []string{
				"Check the last run of your training job, then which version is deployed.",
				"If the metric is no longer updated, the age still grows: check the job that exports it.",
			},
			Panels: []string{"prediction_staleness"},
		},
	}
}
