// Package management reads what a model server tells outside its metrics: which models it has in memory, how many copies of
// each, how much memory they take and when they were last used. Each protocol is a file.
package management

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// The signals that a management endpoint can fill.
const (
	modelsResident = "models_resident"
	modelLoads     = "model_loads"
	modelEvictions = "model_evictions"
	replicas       = "replicas"
	modelMemory    = "model_memory"
	ageAtEviction  = "age_at_eviction"
)

// residency are the signals that every listing of models fills.
var residency = []string{modelsResident, modelLoads, modelEvictions}

// Protocol is one way in which servers tell of their models.
type Protocol interface {
	// Title names the API within a sentence.
	Title() string
	// Advice is a sentence about where the API is found.
	Advice() string
	// Signals lists what a listing fills.
	Signals() []string
	// List asks for all models, loaded or not.
	List(context.Context, *Client) (Listing, error)
	// Version asks for the server's version.
	Version(context.Context, *Client) (string, error)
}

var protocols = map[string]Protocol{
	"open_inference_v2": openInference{},
	"triton":            triton{},
	"torchserve":        torchServe{},
	"ray_serve":         rayServe{},
}

// Protocols lists the names of the protocols, sorted.
func Protocols() []string { return slices.Sorted(maps.Keys(protocols)) }

// Find is the protocol of a name, and whether there is one.
func Find(name string) (Protocol, bool) {
	p, found := protocols[name]
	return p, found
}

// Residency says whether a model is in memory.
type Residency int

// The states of a model. A model that is loading may have been in memory before: it is replaced, not evicted.
const (
	Absent Residency = iota
	Loading
	Resident
)

// Model is one version of a model. What a server does not tell is zero.
type Model struct {
	Name, Version string
	// Deployment is the server's own word for a part of what it calls an application.
	Deployment string
	Residency  Residency
	// Reason is the server's own word on why the model is not in memory.
	Reason string
	// Copies lists the model's copies in memory, or about to be; nil where the server does not tell them apart.
	Copies []Copy
	// Replicas counts the copies by state; nil where the server does not.
	Replicas *Replicas
	// MemoryBytes is what the model takes on all devices together; 0 where the server does not say.
	MemoryBytes int64
	// Usage is what the model was asked since it was loaded; nil where the server does not say.
	Usage *Usage
}

// Usage is what a model was asked since it was loaded: fewer requests than before tell that it was loaded anew.
type Usage struct {
	Requests int64
	// Last is the time of the last request; zero if there was none.
	Last time.Time
}

// Copy is one copy of a model: a worker process, a replica.
type Copy struct {
	// ID is another one whenever the copy was loaded anew.
	ID     string
	Loaded bool
}

// Replicas counts the copies of a model. Active and starting ones exist; the others are what the server aims at.
type Replicas struct{ Active, Starting, Desired, Min, Max int }

// maxReplicas bounds what servers say of copies: nobody has more, and wrong answers may have any number.
const maxReplicas = 1_000_000

// replicaCount is a number of copies as a server wrote it.
func replicaCount[T int | float64](n T) int {
	if !(n > 0) { // NaN as well
		return 0
	}
	return int(min(n, maxReplicas))
}

// addCounts adds two numbers that are not negative. A sum beyond the largest number is that number.
func addCounts(a, b int64) int64 {
	a, b = max(a, 0), max(b, 0)
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Listing is what a server told of its models at one time.
type Listing struct {
	Models []Model
	// Incomplete says what the server did not tell although its protocol has it; nil if nothing.
	Incomplete *Problem
}

// Loaded is how many models have a version in memory.
func (l Listing) Loaded() int {
	names := map[string]struct{}{}
	for _, m := range l.Models {
		if m.Residency == Resident {
			names[m.Name] = struct{}{}
		}
	}
	return len(names)
}

// Problem is why some signals are missing: a sentence for the user, without secrets.
type Problem struct {
	Signals []string
	Reason  error
}

func (p *Problem) Error() string {
	last := len(p.Signals) - 1
	names := p.Signals[last]
	if last > 0 {
		names = strings.Join(p.Signals[:last], ", ") + " and " + names
	}
	return fmt.Sprintf("For %s: %s", names, p.Reason)
}

func (p *Problem) Unwrap() error { return p.Reason }
