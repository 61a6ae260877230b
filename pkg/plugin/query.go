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

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/query"
)

// concurrency bounds how many of a request's queries run at once; the SDK allows at most 10.
const concurrency = 10

// queryModel is a query as the query editor and dashboards hold it. query.Request says what its fields mean.
type queryModel struct {
	Signal     string              `json:"signal"`
	Statistics []string            `json:"statistics"`
	GroupBy    []string            `json:"groupBy"`
	Filters    map[string][]string `json:"filters"`
	Limit      int                 `json:"limit"`
	// IncludeOthers is true unless it is said to be false.
	IncludeOthers   *bool    `json:"includeOthers"`
	Window          string   `json:"window"`
	Instant         bool     `json:"instant"`
	Legend          string   `json:"legend"`
	EmptyAsRow      bool     `json:"emptyAsRow"`
	Expr            string   `json:"expr"`
	EventTypes      []string `json:"eventTypes"`
	MinimumRequests float64  `json:"minimumRequests"`
}

// QueryData runs the queries of a request side by side; one that fails fails alone.
func (d *Datasource) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	if err := d.admit(ctx); err != nil {
		return nil, err
	}
	if err := checkSize(req.Queries); err != nil {
		return refusedQueries(ctx, req.Queries, err), nil
	}
	ctx, end := d.begin(ctx, classOf(req.Headers))
	defer end()
	ctx, secrets := d.guard(ctx, req.GetHTTPHeaders())
	answer, err := concurrent.QueryData(ctx, req, func(ctx context.Context, q concurrent.Query) backend.DataResponse {
		response := d.query(ctx, q.DataQuery)
		for _, f := range response.Frames {
			f.RefID = q.DataQuery.RefID
		}
		return response
	}, concurrency)
	if answer != nil {
		redactResponses(secrets, answer.Responses)
	}
	return answer, secrets.Error(err)
}

func (d *Datasource) query(ctx context.Context, q backend.DataQuery) backend.DataResponse {
	r, err := decode(q, d.Store.Grid())
	if err != nil {
		return d.observe(ctx, typeOf(query.Type(q.QueryType)), nil, func(context.Context) (data.Frames, error) { return nil, err })
	}
	return d.evaluate(ctx, r)
}

// decode reads a query. Its points suit the executor's data.
func decode(q backend.DataQuery, suits executor.Grid) (query.Request, error) {
	var m queryModel
	var mismatch *json.UnmarshalTypeError
	if err := json.Unmarshal(q.JSON, &m); errors.As(err, &mismatch) && mismatch.Field != "" {
		return query.Request{}, userErrorf("the query cannot be read: its %s is a %s and has to be of type %s", mismatch.Field, mismatch.Value, mismatch.Type)
	} else if err != nil {
		return query.Request{}, userErrorf("the query cannot be read: %w", err)
	}
	r := query.Request{
		Type: query.Type(q.QueryType), Signal: m.Signal, Statistics: m.Statistics, GroupBy: m.GroupBy, Filters: m.Filters, Limit: m.Limit,
		IncludeOthers: m.IncludeOthers == nil || *m.IncludeOthers, Instant: m.Instant, Legend: m.Legend, EmptyAsRow: m.EmptyAsRow, Expr: m.Expr,
		EventTypes: m.EventTypes, MinimumRequests: m.MinimumRequests, Range: q.TimeRange,
	}
	if m.Window != "" {
		w, err := model.ParseDuration(m.Window)
		if err != nil {
			return r, userErrorf("the window %q is not a duration: write it like 5m, or leave it empty for the rate interval", m.Window)
		}
		r.Window = time.Duration(w)
	}
	g, err := query.NewGrid(q.TimeRange, q.Interval, q.MaxDataPoints, suits)
	if err != nil {
		return r, query.NewUserError(err)
	}
	r.Grid = g
	return r, nil
}

func userErrorf(format string, arguments ...any) error {
	return query.NewUserError(fmt.Errorf(format, arguments...))
}
