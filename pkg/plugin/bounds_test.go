package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/expression"
)

func TestRequestsThatAreTooLarge(t *testing.T) {
	d, _ := triton(t, `{"mode": "prometheus"}`)
	send := func(queries ...backend.DataQuery) backend.Responses {
		for i := range queries {
			queries[i].RefID = fmt.Sprint(i)
		}
		r, err := d.QueryData(backend.WithPluginContext(t.Context(), backend.PluginContext{OrgID: 1}), &backend.QueryDataRequest{Queries: queries})
		require.NoError(t, err)
		return r.Responses
	}
	small := lately("signal", `{"signal": "requests"}`)
	for name, c := range map[string]struct {
		queries []backend.DataQuery
		says    string
	}{
		"queries": {slices.Repeat([]backend.DataQuery{small}, maxQueries+1), "the request has 101 queries and 100 are allowed"},
		"bytes":   {[]backend.DataQuery{lately("signal", `{"signal": "requests", "legend": "`+strings.Repeat("x", maxQueryBytes)+`"}`), small}, "bytes and 524288 are allowed"},
	} {
		responses := send(c.queries...)
		require.NotEmpty(t, responses, name)
		for _, response := range responses {
			require.ErrorContains(t, response.Error, c.says, name)
			require.Equal(t, backend.StatusBadRequest, response.Status, name)
		}
	}
	for _, response := range send(slices.Repeat([]backend.DataQuery{small}, maxQueries)...) {
		require.NoError(t, response.Error)
	}
}

func TestResourcesThatAreTooLarge(t *testing.T) {
	d, _ := triton(t, `{"mode": "prometheus"}`)
	values := make([]string, 5001)
	filters, err := json.Marshal(map[string][]string{"model": values})
	require.NoError(t, err)
	for parameters, want := range map[string]int{
		"label=model": http.StatusOK, "label=" + strings.Repeat("x", maxParameterBytes): http.StatusRequestURITooLong, "label=model&filters=" + string(filters): http.StatusBadRequest,
	} {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodGet, "/values", nil)
		request.URL.RawQuery = parameters
		ctx := backend.WithPluginContext(t.Context(), backend.PluginContext{OrgID: 1})
		d.admitted(d.bounded(d.routes())).ServeHTTP(recorder, request.WithContext(ctx))
		require.Equal(t, want, recorder.Code, "%.80s: %s", parameters, recorder.Body)
	}
}

func TestMemoryIsGivenBackWhenTheResponseIsSent(t *testing.T) {
	controller := admission.New(admission.Limits{Memory: 1 << 20})
	d := &Datasource{admission: controller, tenant: admission.Tenant{OrgID: 1, DataSource: "x"}}
	take := func(ctx context.Context) error { return admission.FromContext(ctx).Take(ctx, 500<<10) }
	for range 3 {
		ctx, sent := context.WithCancel(t.Context())
		within, end := d.begin(ctx, admission.Panel)
		require.NoError(t, take(within))
		end() // the response is still to be encoded
		other, endOther := d.begin(context.Background(), admission.Panel)
		short, cancel := context.WithCancel(other)
		cancel()
		require.Error(t, take(short))
		sent()
		require.Eventually(t, func() bool { return take(other) == nil }, time.Second, time.Millisecond)
		endOther()
	}
}

func TestAlertRulesAreRecognized(t *testing.T) {
	require.Equal(t, admission.Alert, classOf(map[string]string{"FromAlert": "true"}))
	require.Equal(t, admission.Panel, classOf(map[string]string{"FromAlert": "false"}))
	require.Equal(t, admission.Panel, classOf(nil))
}

func TestLimitsAreNobodysBug(t *testing.T) {
	for bound, want := range map[admission.Bound]backend.Status{
		admission.Slots: backend.StatusTooManyRequests, admission.ProcessMemory: backend.StatusTooManyRequests, admission.RequestMemory: backend.StatusBadRequest,
	} {
		got := failure(t.Context(), fmt.Errorf("wrapped: %w", backend.DownstreamError(&admission.LimitError{Bound: bound})))
		require.Equal(t, want, got.Status, bound)
		require.Equal(t, backend.ErrorSourceDownstream, got.ErrorSource, bound)
		require.EqualValues(t, want, statusOfError(&admission.LimitError{Bound: bound}))
	}
	_, err := decode(queryOf(`{"filters": {"model": ["`+strings.Repeat("x", 1025)+`"]}}`), executor.Scraped(1))
	require.NoError(t, err, "the evaluator checks it")
}

// TestTheDocumentedLimits reads the page for administrators.
func TestTheDocumentedLimits(t *testing.T) {
	page, err := os.ReadFile("../../docs/security.md")
	require.NoError(t, err)
	l := admission.New(admission.Limits{}).Limits()
	for row, value := range map[string]string{
		"Queries of one request":                   strconv.Itoa(maxQueries),
		"Size of one query, and of the parameters": fmt.Sprintf("%d KiB", maxQueryBytes>>10),
		"Size of a PromQL expression":              fmt.Sprintf("%d KiB", expression.MaxBytes>>10),
		"Query slots":                              fmt.Sprintf("%d, and %d for alert rules", l.Slots, l.AlertSlots),
		"Memory of all queries":                    fmt.Sprintf("%d MiB", l.Memory>>20),
		"Part of it that only alert rules use":     fmt.Sprintf("%d MiB", l.AlertMemory>>20),
		"Memory of one organization":               fmt.Sprintf("%d MiB", l.OrganizationMemory>>20),
		"Results of one request":                   fmt.Sprintf("%d MiB", l.RequestMemory>>20),
		"Wait for a slot and memory":               fmt.Sprintf("%.0f s", l.Wait.Seconds()),
		"Queries of one organization that wait":    strconv.Itoa(l.Waiting),
	} {
		require.Regexp(t, `(?m)^\| `+regexp.QuoteMeta(row)+`.* \| `+regexp.QuoteMeta(value)+`[ ,]`, string(page))
	}
	require.Equal(t, maxQueryBytes, maxParameterBytes)
}
