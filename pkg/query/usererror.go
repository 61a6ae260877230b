package query

import (
	"context"
	"errors"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	engineql "github.com/prometheus/prometheus/promql"
)

// UserError is an error of whoever wrote the query.
type UserError struct{ error }

// NewUserError marks an error as one of whoever wrote the query.
func NewUserError(err error) UserError { return UserError{err} }

func (u UserError) Unwrap() error { return u.error }

// expressionError is the error of a user's own PromQL: theirs, unless the storage failed, the request ended, or the error already says
// that it is another server's, such as one that cannot be reached.
func expressionError(ctx context.Context, err error) error {
	var storage engineql.ErrStorage
	if err == nil || ctx.Err() != nil || backend.IsDownstreamError(err) || errors.As(err, &storage) || errors.As(err, new(engineql.ErrQueryTimeout)) {
		return err
	}
	return UserError{err}
}
