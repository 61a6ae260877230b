package plugin

import (
	"context"
	"maps"
	"net/http"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
)

// guard is the redactor of a request, also within the context that it returns. If the user's own identity or cookies go along, they are
// secrets as well.
func (d *Datasource) guard(ctx context.Context, headers http.Header) (context.Context, *redact.Redactor) {
	secrets := d.secrets
	if d.server != nil && d.server.PerUser() {
		secrets = secrets.With(redact.OfHeaders(headers)...)
	}
	return redact.WithContext(ctx, secrets), secrets
}

// redactResponses takes the secrets out of all that a panel gets.
func redactResponses(secrets *redact.Redactor, responses backend.Responses) {
	for ref, r := range responses {
		secrets.Frames(r.Frames)
		r.Error = secrets.Error(r.Error)
		responses[ref] = r
	}
}

// redactedResources takes the secrets out of all that resources answer.
func (d *Datasource) redactedResources(next backend.CallResourceHandler) backend.CallResourceHandler {
	return backend.CallResourceHandlerFunc(func(ctx context.Context, r *backend.CallResourceRequest, sender backend.CallResourceResponseSender) error {
		ctx, secrets := d.guard(ctx, r.GetHTTPHeaders())
		return secrets.Error(next.CallResource(ctx, r, backend.CallResourceResponseSenderFunc(func(response *backend.CallResourceResponse) error {
			clean := *response
			clean.Body, clean.Headers = secrets.Bytes(response.Body), maps.Clone(response.Headers)
			for _, values := range clean.Headers {
				for i, v := range values {
					values[i] = secrets.Text(v)
				}
			}
			return sender.Send(&clean)
		})))
	})
}
