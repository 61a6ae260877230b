package rules

import (
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// The objectives, by the values of the label objective.
const (
	ofResponseTime  = "response_time"
	ofErrorRate     = "error_rate"
	ofCacheHitRatio = signal.CacheHitRatio
	ofStaleness     = "prediction_staleness"
)

// violation is what a model does as a multiple of what its objective allows. It is the query violation.
func violation(o Options, objective string) Query {
	return against(o, objective, "violation", signal.SLOViolation)
}

// allowed is what a model's objective allows, wherever there is a violation. It is the query objective.
func allowed(o Options, objective string) Query {
	return against(o, objective, "objective", signal.SLOObjective)
}

func against(o Options, objective, ref, name string) Query {
	return Query{Ref: ref, Signal: name, Statistic: signal.Mean, Filters: map[signal.Label][]string{signal.Objective: {objective}},
		Window: o.Window, MinimumRequests: o.MinimumRequests}
}

var violates = Comparison{Ref: "violation", Is: ">", Than: 1}

func objectives(o Options) []Rule {
	measured := func(name string) Query {
		return Query{Ref: "measured", Signal: name, Statistic: signal.Mean, Window: o.Window, MinimumRequests: o.MinimumRequests}
	}
	return []Rule{
		{
			Name: "response-time-over-objective", Title: "Response time over objective", Group: Objectives, Severity: Warning, For: 5 * time.Minute,
			By: byModel, Queries: []Query{violation(o, ofResponseTime), allowed(o, ofResponseTime)}, When: []Comparison{violates},
			Shown:   []Formula{{"measured", "round($violation * $objective * 1000) / 1000"}},
			Summary: "The p95 response time of {who} is {measured:duration}, {violation:times} times its objective of {objective:duration}.",
			Means:   "Of the model's requests, more than 5 % take longer than the objective that the data source's settings have for it.",
			Causes: []string{
				"More requests than the replicas can take: they wait in the queue.",
				"Cold starts: some requests wait until the model is loaded.",
				"Larger inputs or outputs than usual, or a new version of the model that is slower.",
				"Another model or program on the same GPU or host.",
			},
			Actions: []string{
				"Compare queue time with inference time. A long queue calls for more replicas, or more concurrency in each where the GPU is not busy; a long inference for a larger instance, or the version before.",
				"Compare hot with cold response times. Where only the cold ones are long, keep the model in memory: a larger model cache, or a higher least number of replicas.",
				"If the model cannot be faster, change its objective in the data source's settings.",
			},
			Panels: []string{"response_time"},
		},
		{
			Name: "response-time-too-long", Title: "Response time too long", Group: Objectives, Severity: Critical, For: 10 * time.Minute,
			By: byModel, Queries: []Query{{Ref: "measured", Signal: "response_time", Statistic: signal.P95, Window: o.Window, MinimumRequests: o.MinimumRequests}},
			When:    []Comparison{{Ref: "measured", Is: ">", Than: o.ResponseTime.Seconds()}},
			Summary: "The p95 response time of {who} is {measured:duration}, over the limit of " + durationText(o.ResponseTime) + " for any model.",
			Means:   "Whatever the model's own objective is, more than 5 % of its requests take longer than the limit that the rules were exported with (responseTime).",
			Causes: []string{
				"The model is overloaded, and its queue grows.",
				"The model was made for slower answers, as large language models are: then the limit is not for it.",
			},
			Actions: []string{
				"Do what is said under Response time over objective.",
				"Where models that answer slowly by nature are served beside others, export the rules with a longer responseTime, and rely on the objectives of each model.",
			},
			Panels: []string{"response_time"},
		},
		{
			Name: "error-rate-over-objective", Title: "Error rate over objective", Group: Objectives, Severity: Critical, For: 5 * time.Minute,
			By: byModel, Queries: []Query{violation(o, ofErrorRate), measured("error_rate")}, When: []Comparison{violates},
			Shown:   []Formula{{"objective", "$measured / $violation"}},
			Summary: "{measured:share} of the requests of {who} fail, {violation:times} times its objective of {objective:share}.",
			Means:   "A larger share of the model's requests fails on the server's side than its objective allows. Mistakes of clients do not count.",
			Causes: []string{
				"The model itself fails: an input that it cannot take, a missing file, a dependency that is down.",
				"A full queue or a time-out: requests are refused because there are too many.",
				"A replica that runs out of memory and is restarted.",
			},
			Actions: []string{
				"Look at the requests by code or reason: refused ones call for capacity, failed ones for the model's log.",
				"If it began with a new version, go back to the one before.",
			},
			Panels: []string{"error_rate", "requests"},
		},
		{
			Name: "cache-hit-below-objective", Title: "Cache hit below objective", Group: Objectives, Severity: Warning, For: 5 * time.Minute,
			By: byModel, Queries: []Query{violation(o, ofCacheHitRatio), measured(signal.CacheHitRatio)}, When: []Comparison{violates},
			Shown:   []Formula{{"objective", "1 - (1 - $measured) / $violation"}},
			Summary: "Only {measured:share} of the requests of {who} find it in memory; its objective is {objective:share}.",
			Means:   "Too many requests have to wait until their model is loaded. This is the model cache: the models that are in memory, not answers that are used again.",
			Causes: []string{
				"The model cache is too small for the models that are in use.",
				"Traffic has moved to models that were not used before.",
				"The model is asked so seldom that it is always evicted in between.",
			},
			Actions: []string{
				"Compare loads and evictions: many of both mean that models push one another out. Give the cache more memory, spread the models over more replicas, or keep this one in memory.",
				"Where a model is asked seldom and may be slow, give it a lower objective.",
			},
			Panels: []string{signal.CacheHitRatio, "cold_hit_rate", "model_loads"},
		},
		{
			Name: "predictions-stale", Title: "Predictions stale", Group: Objectives, Severity: Warning, For: 5 * time.Minute,
			By: byModel, Queries: []Query{violation(o, ofStaleness), allowed(o, ofStaleness)}, When: []Comparison{violates},
			Shown:   []Formula{{"measured", "round($violation * $objective)"}},
			Summary: "The last training of {who} was {measured:duration} ago, {violation:times} times its objective of {objective:duration}.",
			Means:   "The model has not been trained for longer than its objective allows, so that its predictions rest on old data.",
			Causes: []string{
				"The training job failed, or did not run.",
				"The new model was trained and not deployed.",
			},
			Actions: []string{
				"Look at the training job's last run, then at which version is served.",
				"If the metric itself is not written any more, the age grows all the same: check the job that writes it.",
			},
			Panels: []string{"prediction_staleness"},
		},
	}
}
