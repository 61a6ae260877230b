package redact

import "context"

type contextKey struct{}

// WithContext returns a context whose work redacts with r: whoever shortens a text from outside has to redact it first, because half a
// secret is not found any more.
func WithContext(ctx context.Context, r *Redactor) context.Context {
	return context.WithValue(ctx, contextKey{}, r)
}

// FromContext is the redactor of a context; nil, which redacts nothing, if it has none.
func FromContext(ctx context.Context) *Redactor {
	r, _ := ctx.Value(contextKey{}).(*Redactor)
	return r
}
