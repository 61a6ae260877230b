package remote

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
)

// fingerprint selects every series that the profiles know, as the plugin does.
func fingerprint(t *testing.T) (names []string, of []plan.Select) {
	t.Helper()
	all, err := profile.Embedded()
	require.NoError(t, err)
	names = all.SeriesNames()
	for some := range slices.Chunk(names, 100) {
		of = append(of, named(strings.Join(some, "|")))
	}
	return names, append(of, named("modelserving:.+"))
}

// Which of hundreds of metrics a server has is found in two requests, one of them once for all, and without a look at a series that does
// not belong.
func TestModelServersAreFoundInTwoRequests(t *testing.T) {
	t.Parallel()
	names, of := fingerprint(t)
	server := prometheustest.New(t)
	var (
		mu    sync.Mutex
		asked []string
	)
	server.Intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.URL.Path)
		require.Less(t, len(r.RequestURI), 8<<10, "common servers and proxies read no longer address")
		return false
	}
	var samples []prometheustest.Sample
	at := time.Now()
	add := func(name string, i int) {
		samples = append(samples, prometheustest.Sample{Labels: labels.FromStrings("__name__", name, "i", fmt.Sprint(i)), At: at, Value: 1})
	}
	for _, name := range names {
		add(name, 0)
		// What begins as known metrics do is not taken for one.
		add(name+"_of_others", 0)
	}
	add("modelserving:requests:rate5m", 0)
	for i := range 20_000 {
		add("somebody_elses_metric", i)
	}
	server.Append(t, samples...)
	client := newClient(t, server.Instance())
	want := append(slices.Clone(names), "modelserving:requests:rate5m")
	slices.Sort(want)
	before := server.Bytes.Load()
	got, err := client.LabelValues(t.Context(), metricName, of, at.Add(-time.Hour), at.Add(time.Hour), 0)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, []string{"GET /api/v1/status/buildinfo", "GET /api/v1/label/__name__/values"}, asked)
	require.Less(t, server.Bytes.Load()-before, int64(100_000))
	_, err = client.LabelValues(t.Context(), metricName, of, at.Add(-time.Hour), at.Add(time.Hour), 0)
	require.NoError(t, err)
	require.Len(t, asked, 3)
}

func selectorsOf(selections []plan.Select) (out []string) {
	for _, s := range selections {
		out = append(out, promql.Selector(s))
	}
	return out
}

func TestNamesAreAskedForByTheirBeginningsOnlyWhereTheyAreMany(t *testing.T) {
	t.Parallel()
	few := []plan.Select{named("a|b"), {Metric: "c"}}
	got, err := inOneRequest(few, selectorsOf(few))
	require.NoError(t, err)
	require.Equal(t, []string{`{__name__=~"a|b"}`, "c"}, got)
	_, many := fingerprint(t)
	got, err = inOneRequest(many, selectorsOf(many))
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Len(t, packed(got), 1)
	withLabel := named(strings.Repeat("x", 4000))
	withLabel.Matchers = append(withLabel.Matchers, plan.Matcher{Label: "model", Compare: plan.Equal, Value: "m"})
	withLabels := slices.Repeat([]plan.Select{withLabel}, 3)
	got, err = inOneRequest(withLabels, selectorsOf(withLabels))
	require.NoError(t, err)
	require.Equal(t, selectorsOf(withLabels), got, "what cannot be shortened stays")
	invalid := slices.Repeat([]plan.Select{named(strings.Repeat("(", 4000))}, 2)
	_, err = inOneRequest(invalid, selectorsOf(invalid))
	require.Error(t, err)
}
