package stack

import (
	"encoding/json"
	"io"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
	"github.com/coldhit/modelserving-datasource/demo/gpuhost"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

func TestTheDataSourcesSettingsAreValid(t *testing.T) {
	s := &Stack{
		MetricsURL: "http://127.0.0.1:1/metrics", TritonURL: "http://127.0.0.1:2", trainingURL: "http://127.0.0.1:3/training/metrics",
		tail: &longTail{MetricsURL: "http://127.0.0.1:4/metrics", TritonURL: "http://127.0.0.1:5", RecorderMetricsURL: "http://127.0.0.1:6/metrics"},
		gpus: &gpuhost.Host{Metrics: "http://127.0.0.1:7/metrics"},
	}
	text, err := json.Marshal(s.dataSource().JSONData)
	require.NoError(t, err)
	decoded, err := settings.Decode(text, nil)
	require.NoError(t, err)
	require.Len(t, decoded.Embedded.Targets, 5)
	require.Len(t, decoded.Profiles, 1)
	_, err = profile.Parse([]byte(decoded.Profiles[0].Text))
	require.NoError(t, err)

	for model, p95 := range map[string]time.Duration{"summarizer": 2 * time.Second, "sentiment": 200 * time.Millisecond} {
		require.Equal(t, p95, decoded.Objectives.For(Environment, Deployment, model).P95, model)
	}
	withRatio := 0
	for _, model := range fleet.Tail() {
		held := decoded.Objectives.For(Environment, TailDeployment, model.Name)
		require.Equal(t, 5*time.Second, held.P95, model.Name)
		if held.CacheHitRatio > 0 {
			withRatio++
		}
	}
	require.Equal(t, len(fleet.Tail())-4, withRatio, "each override is for a model that there is")
	for _, o := range overrides {
		require.True(t, o.Model == "" || slices.ContainsFunc(append(fleet.Models(), fleet.Tail()...), func(m fleet.Model) bool { return m.Name == o.Model }), o.Model)
	}
}

func TestTheTrainingPageTellsWhenEachModelWasTrained(t *testing.T) {
	handler, err := trainingPage(append(fleet.Tail(), fleet.Model{Name: "nobody-says"}), time.Unix(2_000_000_000, 0))
	require.NoError(t, err)
	recorded := httptest.NewRecorder()
	handler.ServeHTTP(recorded, httptest.NewRequest("GET", "/", nil))
	page, err := io.ReadAll(recorded.Body)
	require.NoError(t, err)
	require.Contains(t, string(page), `training_finished_timestamp_seconds{model="demand-de"} 1.9999928e+09`)
	require.Contains(t, string(page), `training_finished_timestamp_seconds{model="demand-pt"} 1.999784e+09`)
	require.NotContains(t, string(page), "nobody-says")
}
