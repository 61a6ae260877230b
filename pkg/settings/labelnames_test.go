package settings

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLabelNames(t *testing.T) {
	t.Parallel()
	s, err := Decode([]byte(`{"mode": "prometheus"}`), nil)
	require.NoError(t, err)
	require.Equal(t, DefaultLabelNames, s.Prometheus.Labels)
	s, err = Decode([]byte(`{"mode": "prometheus","prometheus":{"labels":{"deployment":"service","replica":"pod"}}}`), nil)
	require.NoError(t, err)
	require.Equal(t, LabelNames{Environment: "namespace", Deployment: "service", Replica: "pod"}, s.Prometheus.Labels)
	for text, message := range map[string]string{
		`{"deployment":"a-b"}`:       `the deployment label "a-b" is not a valid label name`,
		`{"deployment":"namespace"}`: `the label "namespace" is used for both the environment and the deployment`,
	} {
		_, err = Decode([]byte(`{"mode": "prometheus","prometheus":{"labels":`+text+`}}`), nil)
		require.ErrorContains(t, err, message)
	}
}
