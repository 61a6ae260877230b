package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/experimental/concurrent"
	"github.com/prometheus/common/model"
)

// The query types; a query without one asks for a signal.
const (
	typeSignal = "signal"
	typeModels = "models"
	typeEvents = "events"
	typePromQL = "promql"
	// typeObjectives answers what each model is held to.
	typeObjectives = "objectives"
	// typeDiagnosis answers what is wrong with the scaling of deployments.
	typeDiagnosis = "diagnosis"
)

// formatHeatmap is a panel with a row for each series.
const formatHeatmap = "heatmap"

// concurrency bounds how many of a request's queries run at once; the SDK allows at most 10.
const concurrency = 10

// queryModel is a query as the query editor and dashboards hold it.
type queryModel struct {
	Signal     string              `json:"signal"`
	Statistics []string            `json:"statistics"`
	GroupBy    []string            `json:"groupBy"`
	Filters    map[string][]string `json:"filters"`
	Limit      int                 `json:"limit"`
	Others     *bool               `json:"others"`
	Window     string              `json:"window"`
	Instant    bool                `json:"instant"`
	Legend     string              `json:"legend"`
	// Format says what the panel is where an answer has to be shaped for it: formatHeatmap, or empty for any.
	Format string `json:"format"`
	Expr   string `json:"expr"`
	// Kinds are those of events; all if there are none.
	Kinds []string `json:"kinds"`
	// MinimumRequests is how many requests in the window a group's value has to rest on; with fewer it has none.
	MinimumRequests float64 `json:"minimumRequests"`
}

// request is one query, decoded.
type request struct {
	queryModel
	window time.Duration
	grid   grid
	asked  backend.TimeRange
}

// QueryData runs the queries of a request side by side; one that fails fails alone.
func (d *Datasource) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	if err := d.admit(ctx); err != nil {
		return nil, err
	}
	return concurrent.QueryData(ctx, req, func(ctx context.Context, q concurrent.Query) backend.DataResponse {
		frames, err := d.query(ctx, q.DataQuery)
		if err != nil {
			return failure(ctx, err)
		}
		for _, f := range frames {
			f.RefID = q.DataQuery.RefID
		}
		return backend.DataResponse{Frames: frames, Status: backend.StatusOK}
	}, concurrency)
}

func (d *Datasource) query(ctx context.Context, q backend.DataQuery) (data.Frames, error) {
	r, err := decode(q, d.store.ScrapeInterval())
	if err != nil {
		return nil, err
	}
	answers := map[string]func(context.Context, request) (data.Frames, error){
		"": d.signalQuery, typeSignal: d.signalQuery, typeModels: d.modelsQuery, typeEvents: d.eventsQuery, typePromQL: d.promqlQuery,
		typeObjectives: d.objectivesQuery, typeDiagnosis: d.diagnosisQuery,
	}
	answer, known := answers[q.QueryType]
	if !known {
		return nil, badQuery{fmt.Errorf("there is no query type %q; choose one of: %s, %s, %s, %s, %s, %s", q.QueryType, typeSignal, typeModels, typeEvents, typePromQL, typeObjectives, typeDiagnosis)}
	}
	return answer(ctx, r)
}

// step is the distance of a panel's points; zero for a query that wants one number.
func (r request) step() time.Duration {
	if r.Instant {
		return 0
	}
	return r.grid.step
}

// decode reads a query. Its points are at least interval apart, because there is nothing new between two scrapes.
func decode(q backend.DataQuery, interval time.Duration) (request, error) {
	r := request{asked: q.TimeRange}
	var mismatch *json.UnmarshalTypeError
	if err := json.Unmarshal(q.JSON, &r.queryModel); errors.As(err, &mismatch) && mismatch.Field != "" {
		return r, badQuery{fmt.Errorf("the query is not readable: its %s is a %s; it needs to be of type %s", mismatch.Field, mismatch.Value, mismatch.Type)}
	} else if err != nil {
		return r, badQuery{fmt.Errorf("the query is not readable: %w", err)}
	}
	if r.Format != "" && r.Format != formatHeatmap {
		return r, badQuery{fmt.Errorf("there is no format %q; write %s, or leave it empty", r.Format, formatHeatmap)}
	}
	if r.Window != "" {
		w, err := model.ParseDuration(r.Window)
		if err != nil {
			return r, badQuery{fmt.Errorf("the window %q is not a duration; write it like 5m, or leave it empty for the rate interval", r.Window)}
		}
		r.window = time.Duration(w)
	}
	g, err := newGrid(q.TimeRange, max(q.Interval, interval), q.MaxDataPoints)
	if err != nil {
		return r, badQuery{err}
	}
	r.grid = g
	return r, nil
}
