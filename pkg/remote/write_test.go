package remote

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/klauspost/compress/s2"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remotewrite"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

var oneSeries = []prompb.TimeSeries{{
	Labels: []prompb.Label{{Name: "__name__", Value: "up"}}, Samples: []prompb.Sample{{Timestamp: 1000, Value: 1}},
}}

func TestWritesAreAuthenticatedAndReadable(t *testing.T) {
	t.Parallel()
	var got prompb.WriteRequest
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		require.Equal(t, "me key team-a", user+" "+password+" "+r.Header.Get("X-Scope-OrgID"))
		require.Equal(t, "/base/api/v1/write", r.URL.Path)
		require.Equal(t, []string{"snappy", "application/x-protobuf", "0.1.0"},
			[]string{r.Header.Get("Content-Encoding"), r.Header.Get("Content-Type"), r.Header.Get("X-Prometheus-Remote-Write-Version")})
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		message, err := s2.Decode(nil, body)
		require.NoError(t, err)
		require.NoError(t, got.Unmarshal(message))
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	w, err := NewWriter(t.Context(), backend.DataSourceInstanceSettings{
		URL: server.URL + "/base/", BasicAuthEnabled: true, BasicAuthUser: "me",
		JSONData:                []byte(`{"timeout": 10, "httpHeaderName1": "X-Scope-OrgID"}`),
		DecryptedSecureJSONData: map[string]string{"basicAuthPassword": "key", "httpHeaderValue1": "team-a"},
	}, settings.RemoteWrite{Enabled: true})
	require.NoError(t, err)
	t.Cleanup(w.Close)
	require.Equal(t, server.URL+"/base/api/v1/write", w.Name())
	require.Equal(t, 10*time.Second, w.timeout, "the timeout of the HTTP settings")
	require.NoError(t, w.Write(t.Context(), oneSeries))
	require.Equal(t, oneSeries, got.Timeseries)
}

func TestWriteSettingsThatCannotWork(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url, whole, jsonData, sentence string
	}{
		{"", "", "{}", "the URL of the Prometheus-compatible server is missing"},
		{"http://h", "http://me:secret@h/api/v1/push", "{}", "remote write: the URL holds a user name or password"},
		{"http://h", "", `{"oauthPassThru": true}`, "remote write goes on while nobody is there"},
		{"http://h", "", `{`, "not readable"},
	} {
		_, err := NewWriter(t.Context(), backend.DataSourceInstanceSettings{URL: c.url, JSONData: []byte(c.jsonData)}, settings.RemoteWrite{Enabled: true, URL: c.whole})
		require.ErrorContains(t, err, c.sentence)
		require.True(t, backend.IsDownstreamError(err))
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestWhatIsRefusedIsToldFromWhatCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status   int
		header   string
		problem  Problem
		refused  bool
		pause    time.Duration
		sentence string
	}{
		{400, "", RefusedSamples, true, 0, "rejects samples (HTTP 400). Response: too old sample."},
		{413, "", RefusedSamples, true, 0, "rejects samples (HTTP 413)"},
		{422, "", RefusedSamples, true, 0, "rejects samples (HTTP 422)"},
		{401, "", Forbidden, false, 0, "rejects writes of the data source (HTTP 401)"},
		{403, "", Forbidden, false, 0, "rejects writes of the data source (HTTP 403)"},
		{404, "", NotFound, false, 0, "--web.enable-remote-write-receiver"},
		{429, "7", RateLimited, false, 7 * time.Second, "Raise the tenant's limits. Response: too old sample. It requests a pause of 7s."},
		{500, "", UnexpectedStatus, false, 0, "HTTP 500 Internal Server Error from "},
		{503, "30", Unavailable, false, 30 * time.Second, "is not available (HTTP 503"},
		{302, "", Redirected, false, 0, "redirects"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			if c.header != "" {
				w.Header().Set("Retry-After", c.header)
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, "too old sample\n")
		}))
		w, err := NewWriter(t.Context(), backend.DataSourceInstanceSettings{URL: server.URL}, settings.RemoteWrite{Enabled: true})
		require.NoError(t, err)
		err = w.Write(t.Context(), oneSeries)
		server.Close()
		var e *Error
		require.ErrorAs(t, err, &e)
		require.ErrorContains(t, err, c.sentence)
		require.Equal(t, c.problem, e.Problem)
		require.Equal(t, c.pause, e.Pause())
		require.Equal(t, c.refused, isRefusal(err), c.status)
		require.Equal(t, c.status == 500, errors.Is(err, remotewrite.ErrUnanswered), c.status)
		require.True(t, backend.IsDownstreamError(err))
	}
}

func TestAWriterThatReachesNothingSaysSo(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	w, err := NewWriter(t.Context(), backend.DataSourceInstanceSettings{URL: server.URL}, settings.RemoteWrite{Enabled: true})
	require.NoError(t, err)
	err = w.Write(t.Context(), nil)
	require.ErrorContains(t, err, "refused the connection")
	require.False(t, isRefusal(err))
}

// Whether a server has samples is not known if it read them and did not answer.
func TestWritesWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}))
	w, err := NewWriter(t.Context(), backend.DataSourceInstanceSettings{URL: server.URL}, settings.RemoteWrite{Enabled: true})
	require.NoError(t, err)
	err = w.Write(t.Context(), oneSeries)
	require.ErrorIs(t, err, remotewrite.ErrUnanswered)
	require.ErrorContains(t, err, "closed the connection")
	require.True(t, backend.IsDownstreamError(err))
	server.Close()
	err = w.Write(t.Context(), oneSeries)
	require.ErrorContains(t, err, "refused the connection")
	require.NotErrorIs(t, err, remotewrite.ErrUnanswered, "nothing was sent")
}

func isRefusal(err error) bool { return errors.Is(err, remotewrite.ErrRefused) }
