package target

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"

	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/telemetry/telemetrytest"
)

// A request to a target has a span, without the values of its parameters.
func TestRequestsHaveSpansWithoutSecrets(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte("up 1\n"))
	}))
	t.Cleanup(server.Close)
	client, err := New(settings.Target{URL: server.URL + "/metrics", APIKey: "hunter2"}, settings.Embedded{})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	ctx, ended := telemetrytest.Record(t, t.Context())
	for _, path := range []string{"/metrics", "/missing"} {
		u, err := url.Parse(server.URL + path + "?token=hunter2")
		require.NoError(t, err)
		_, _ = client.Do(ctx, Request{Method: http.MethodGet, URL: u}, 0)
	}
	spans := telemetrytest.Named(ended(), "target request")
	require.Len(t, spans, 2)
	attributes := telemetrytest.Attributes(spans[0])
	require.Equal(t, "GET", attributes["http.method"])
	require.Contains(t, attributes["http.url"], server.URL+"/metrics?token=")
	require.EqualValues(t, 5, attributes["http.response_content_length"])
	require.Equal(t, codes.Unset, spans[0].Status.Code)
	require.Equal(t, codes.Error, spans[1].Status.Code)
	for _, span := range spans {
		require.NotContains(t, telemetrytest.Attributes(span)["http.url"], "hunter2")
		require.NotContains(t, span.Status.Description, "hunter2")
	}
}
