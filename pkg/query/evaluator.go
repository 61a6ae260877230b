// Package query evaluates queries: it finds out which servers a store has, compiles plans, has them executed, and makes data frames of the
// results. Everything that it needs is given to it. One file a query type.
package query

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/recordingrule"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Store is what queries are evaluated over.
type Store interface {
	executor.Executor
	executor.PromQL
}

// Evaluator evaluates the queries of one data source. It keeps nothing of a query, and serves any number at once.
type Evaluator struct {
	Store     Store
	Profiles  profile.Set
	Catalogue signal.Catalogue
	// Objectives are the objectives of each model.
	Objectives objective.Set
	// Rules is what is known of the recording rules that the store's server evaluates; nil where recorded series are never read.
	Rules *recordingrule.InPlace
	// Collector scrapes into the store; nil where somebody else does.
	Collector Collector
	// Mistakes are sentences about settings that are ignored because they are wrong.
	Mistakes []string
	// Now is the clock.
	Now func() time.Time
}

// Collector is what fills a store by scraping targets.
type Collector interface {
	// Targets says of each target whether it can be scraped at present.
	Targets(ctx context.Context) ([]Target, error)
	// Since is the time of the oldest scrape in the store; zero if there is none yet.
	Since() time.Time
	// Warnings are sentences about how collecting is set up.
	Warnings() []string
	// NotStored are sentences about what is missing of a time, because it was not stored or is damaged.
	NotStored(from, to time.Time) []string
}

// Target is how scraping one target goes.
type Target struct {
	Up bool
	// Scraped is false until the first scrape.
	Scraped bool
	// Problem is a sentence about the last scrape; empty if it went well, there was none, or the user may not see it.
	Problem string
}

// Type is a type of query.
type Type string

// The query types.
const (
	Signal Type = "signal"
	Models Type = "models"
	Events Type = "events"
	PromQL Type = "promql"
	// Objectives lists the objectives of each model.
	Objectives Type = "objectives"
	// Diagnosis lists what is wrong with the scaling of deployments.
	Diagnosis Type = "diagnosis"
)

// types are all of them, in the order in which they are named to users.
var types = []Type{Signal, Models, Events, PromQL, Objectives, Diagnosis}

// Known reports whether there are queries of the type.
func (t Type) Known() bool { return slices.Contains(types, t) }

// Evaluate evaluates a query of any type; one without a type is for a signal.
func (e *Evaluator) Evaluate(ctx context.Context, r Request) (data.Frames, error) {
	if err := r.check(); err != nil {
		return nil, UserError{err}
	}
	evaluators := map[Type]func(context.Context, Request) (data.Frames, error){
		"": e.signalQuery, Signal: e.signalQuery, Models: e.modelsQuery, Events: e.eventsQuery, PromQL: e.promqlQuery,
		Objectives: e.objectivesQuery, Diagnosis: e.diagnosisQuery,
	}
	evaluate, known := evaluators[r.Type]
	if !known {
		names := make([]string, len(types))
		for i, t := range types {
			names[i] = string(t)
		}
		return nil, UserError{fmt.Errorf("unknown query type %q: choose one of %s", r.Type, strings.Join(names, ", "))}
	}
	return evaluate(ctx, r)
}

// status is how collecting goes, where the plugin collects.
type status struct {
	collects bool
	targets  []Target
	since    time.Time
	warnings []string
	// missing says what is missing of the time that is queried.
	missing []string
}

func (e *Evaluator) status(ctx context.Context, of backend.TimeRange) (status, error) {
	if e.Collector == nil {
		return status{}, nil
	}
	targets, err := e.Collector.Targets(ctx)
	return status{true, targets, e.Collector.Since(), e.Collector.Warnings(), e.Collector.NotStored(of.From, of.To)}, err
}
