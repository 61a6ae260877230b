package plugin

import (
	"context"
	"fmt"
	"net/http"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/query"
)

// Bounds on what a request may hold, whoever sends it. They are checked before anything is parsed or made of it.
const (
	// maxQueries is several times what a panel has.
	maxQueries = 100
	// maxQueryBytes has room for a filter of all the values that a list has.
	maxQueryBytes = 512 << 10
	// maxParameterBytes bounds the parameters of a resource.
	maxParameterBytes = 512 << 10
)

// begin books a request, its class by whether an alert rule sends it. What it takes is given back when ctx ends, which is when its
// response has been sent, or else by end.
func (d *Datasource) begin(ctx context.Context, class admission.Class) (within context.Context, end func()) {
	request := d.admission.Begin(d.tenant, class)
	if ctx.Done() == nil {
		return admission.WithRequest(ctx, request), request.End
	}
	context.AfterFunc(ctx, request.End)
	return admission.WithRequest(ctx, request), func() {}
}

// classOf is what a request is for.
func classOf(headers map[string]string) admission.Class {
	if headers[backend.FromAlertHeaderName] == "true" {
		return admission.Alert
	}
	return admission.Panel
}

// checkSize returns an error for a request that is larger than any that the plugin's own editors make.
func checkSize(queries []backend.DataQuery) error {
	if len(queries) > maxQueries {
		return userErrorf("the request has %d queries and %d are allowed: use several panels", len(queries), maxQueries)
	}
	for _, q := range queries {
		if len(q.JSON) > maxQueryBytes {
			return userErrorf("the query %.20s has %d bytes and %d are allowed: use fewer values in its filters", q.RefID, len(q.JSON), maxQueryBytes)
		}
	}
	return nil
}

// bounded refuses resource requests that are too large, and books the others.
func (d *Datasource) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if size := len(r.URL.RawQuery); size > maxParameterBytes {
			d.refuse(w, r, http.StatusRequestURITooLong, fmt.Sprintf("the parameters have %d bytes and %d are allowed", size, maxParameterBytes))
			return
		}
		ctx, end := d.begin(r.Context(), admission.Panel)
		defer end()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// refusedQueries is the response to a request of which no query is evaluated.
func refusedQueries(ctx context.Context, queries []backend.DataQuery, err error) *backend.QueryDataResponse {
	response := backend.NewQueryDataResponse()
	for _, q := range queries[:min(len(queries), maxQueries)] {
		response.Responses[q.RefID] = failure(ctx, query.NewUserError(err))
	}
	return response
}
