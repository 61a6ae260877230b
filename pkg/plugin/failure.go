package plugin

import (
	"context"
	"errors"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	engineql "github.com/prometheus/prometheus/promql"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/query"
	"github.com/coldhit/modelserving-datasource/pkg/remote"
)

// failure says what went wrong and whose fault it was: the query's, the store's or a cancelled request's (downstream), or
// the plugin's own.
func failure(ctx context.Context, err error) backend.DataResponse {
	var remotely *remote.Error
	var limit *admission.LimitError
	switch {
	case errors.As(err, &limit) && limit.Busy():
		return backend.ErrDataResponseWithSource(backend.StatusTooManyRequests, backend.ErrorSourceDownstream, limit.Error())
	case errors.As(err, &limit):
		return backend.ErrDataResponseWithSource(backend.StatusBadRequest, backend.ErrorSourceDownstream, limit.Error())
	case errors.As(err, new(query.UserError)), errors.As(err, new(engineql.ErrTooManySamples)):
		return backend.ErrDataResponseWithSource(backend.StatusBadRequest, backend.ErrorSourceDownstream, err.Error())
	case ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return backend.ErrDataResponseWithSource(backend.StatusTimeout, backend.ErrorSourceDownstream, "the query was cancelled or timed out: "+err.Error())
	case errors.As(err, new(engineql.ErrQueryTimeout)):
		return backend.ErrDataResponseWithSource(backend.StatusTimeout, backend.ErrorSourceDownstream, err.Error())
	case errors.As(err, &remotely):
		return backend.ErrDataResponseWithSource(statusOf(remotely.Problem), backend.ErrorSourceDownstream, err.Error())
	case backend.IsDownstreamError(err):
		return backend.ErrDataResponseWithSource(backend.StatusBadGateway, backend.ErrorSourceDownstream, err.Error())
	}
	return backend.ErrDataResponseWithSource(backend.StatusInternal, backend.ErrorSourcePlugin, err.Error())
}

// statusOf is the status of a problem with a Prometheus-compatible server.
func statusOf(p remote.Problem) backend.Status {
	switch p {
	case remote.BadQuery, remote.QueryTooLarge, remote.Unsupported:
		return backend.StatusBadRequest
	case remote.RateLimited:
		return backend.StatusTooManyRequests
	case remote.ServerTimeout:
		return backend.StatusTimeout
	}
	return backend.StatusBadGateway
}
