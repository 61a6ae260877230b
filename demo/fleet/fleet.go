// Package fleet says which models the demo serves: how fast they are, how often they fail and how popular they are. The
// server's repository and the load are both made from it.
package fleet

import (
	"math"
	"time"
)

// Model is one served model.
type Model struct {
	Name string
	// Versions are served side by side; requests that name none go to the highest.
	Versions []int
	// ServiceMS is the median service time of a batch in milliseconds, Spread the sigma of its logarithm.
	ServiceMS float64
	Spread    float64
	// LoadMS is how long the model takes to get ready, in milliseconds, besides the start of its process.
	LoadMS float64
	// Instances work side by side.
	Instances int
	// FailShare is the share of batches that fail in the model, 0 to 1.
	FailShare float64
	// ResponseCache answers repeated inputs without the model.
	ResponseCache bool
	// Queue, where set, batches requests and refuses those that would have to wait for too long.
	Queue *Queue
	// Steps, where set, make the model an ensemble of these models, one after the other.
	Steps []string
	// Internal models are reached through an ensemble alone.
	Internal bool
	// DistinctInputs is how many inputs are sent again and again; 0 means that every request has its own.
	DistinctInputs int
	// TrainedAgo is how long before the start of the demo the model was trained; 0 where nobody says.
	TrainedAgo time.Duration
}

// Queue is the queue of a model with dynamic batching.
type Queue struct {
	MaxBatch  int
	MaxSize   int
	TimeoutMS int
}

// Models are the demo's models, the most popular first.
func Models() []Model {
	return []Model{
		{Name: "sentiment", Versions: []int{1, 2}, ServiceMS: 8, Spread: 0.3, Instances: 1},
		{Name: "fraud-score", Versions: []int{1}, ServiceMS: 5, Spread: 0.2, Instances: 1},
		{Name: "text-embedding", Versions: []int{1}, ServiceMS: 25, Spread: 0.3, Instances: 1, ResponseCache: true, DistinctInputs: 40},
		{Name: "recommendations", Versions: []int{3}, ServiceMS: 35, Spread: 0.4, Instances: 2},
		{Name: "image-tagger", Versions: []int{1}, ServiceMS: 60, Spread: 0.2, Instances: 1, Queue: &Queue{MaxBatch: 4, MaxSize: 16, TimeoutMS: 200}},
		{Name: "churn-forecast", Versions: []int{1}, ServiceMS: 15, Spread: 0.3, Instances: 1, FailShare: 0.06},
		{Name: "toxicity", Versions: []int{1}, ServiceMS: 12, Spread: 0.5, Instances: 1, FailShare: 0.004},
		{Name: "document-reader", Versions: []int{1}, Steps: []string{"text-detection", "text-recognition"}},
		{Name: "translation", Versions: []int{1}, ServiceMS: 180, Spread: 0.35, Instances: 2},
		{Name: "address-parser", Versions: []int{1}, ServiceMS: 20, Spread: 0.9, Instances: 1},
		{Name: "speech-to-text", Versions: []int{1}, ServiceMS: 400, Spread: 0.3, Instances: 2},
		{Name: "summarizer", Versions: []int{1}, ServiceMS: 700, Spread: 0.25, Instances: 2},
		{Name: "text-detection", Versions: []int{1}, ServiceMS: 40, Spread: 0.2, Instances: 1, Internal: true},
		{Name: "text-recognition", Versions: []int{1}, ServiceMS: 30, Spread: 0.4, Instances: 1, Internal: true},
	}
}

// Reloaded is the model that is taken out of the server's memory and put back now and then.
const Reloaded = "address-parser"

// Exponents of Zipf's law for the popularity of models.
const (
	// Popularity is that of Models, TailPopularity that of Tail.
	Popularity     = 0.9
	TailPopularity = 1.8
)

// Rates spreads a total number of requests a second over the models that take requests themselves, by Zipf's law in
// their order.
func Rates(models []Model, total, exponent float64) map[string]float64 {
	weights := make(map[string]float64)
	var sum float64
	for _, model := range models {
		if model.Internal {
			continue
		}
		weight := 1 / math.Pow(float64(len(weights)+1), exponent)
		weights[model.Name] = weight
		sum += weight
	}
	for name := range weights {
		weights[name] *= total / sum
	}
	return weights
}
