package blackbox

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// cell is a number in the table of models; nil where the model has none.
func cell(t *testing.T, r backend.DataResponse, model, column string) *float64 {
	t.Helper()
	names, _ := r.Frames[0].FieldByName("model")
	require.NotNil(t, names, driver.Describe(r))
	values, _ := r.Frames[0].FieldByName(column)
	require.NotNil(t, values, "no column %s in %s", column, driver.Describe(r))
	for i := range names.Len() {
		if names.At(i) == model {
			v, ok := values.At(i).(*float64)
			require.True(t, ok)
			return v
		}
	}
	require.Fail(t, "no row "+model)
	return nil
}

// provenanceOfColumn is what the table says about how a column's values came about.
func provenanceOfColumn(t *testing.T, r backend.DataResponse, column string) []series.Provenance {
	t.Helper()
	text, err := json.Marshal(r.Frames[0].Meta.Custom)
	require.NoError(t, err)
	var custom frames.ModelsCustom
	require.NoError(t, json.Unmarshal(text, &custom))
	return custom.Provenance[column]
}

func TestModelsTable(t *testing.T) {
	t.Parallel()
	server := newReplay(t, "1-metrics-all-idle", "3-repository-index")
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("models", server.target("one"))
	p.Check(s)
	requireScraped(t, server, "1-metrics-all-idle", 2)
	server.show("2-metrics-all-loaded", "")
	requireScraped(t, server, "2-metrics-all-loaded", 3)
	models := map[string]any{"queryType": "models"}
	answers := p.Ask(s, time.Minute, models, map[string]any{"queryType": "models", "filters": map[string]any{"model": []string{"pipe"}}},
		map[string]any{"queryType": "models", "filters": map[string]any{"model": []string{"nobody"}}})
	all := answers["A"]
	require.NoError(t, all.Error, driver.Describe(all))
	require.Equal(t, data.FrameTypeTable, all.Frames[0].Meta.Type)
	require.Equal(t, 6, all.Frames[0].Rows())
	require.InDelta(t, 0.4, *cell(t, all, "pipe", "error_rate_mean"), 1e-9)
	require.InDelta(t, 0.020319, *cell(t, all, "pipe", "response_time_p95"), 1e-9)
	require.InDelta(t, 0.010153, *cell(t, all, "fast", "response_time_p95"), 1e-9, "the higher of two versions")
	require.Contains(t, driver.Notices(all), "slowest version or replica")
	require.InDelta(t, 69.0/79, *cell(t, all, "cached", "response_cache_hit_ratio_mean"), 1e-9)
	require.Nil(t, cell(t, all, "pipe", "response_cache_hit_ratio_mean"), "a model without a cache has no ratio, not 0")
	require.InDelta(t, 2, *cell(t, all, "fast", "models_resident_last"), 1e-9)
	from := provenanceOfColumn(t, all, "response_time_p95")
	require.Len(t, from, 1)
	require.Equal(t, series.Provenance{Origin: "measured", Server: "NVIDIA Triton Inference Server", Layer: "server", Metrics: []string{"nv_inference_request_summary_us"}}, from[0])
	missing, _ := all.Frames[0].FieldByName("kv_cache_usage_last")
	require.Nil(t, missing, "a column that nothing there reports is left out")
	require.Equal(t, 1, answers["B"].Frames[0].Rows())
	require.Zero(t, answers["C"].Frames[0].Rows())
	require.NotEmpty(t, driver.Notices(answers["C"]))
}
