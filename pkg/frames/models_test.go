package frames

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func TestModelsTableJoinsByModel(t *testing.T) {
	t.Parallel()
	m := NewModelsTable([]signal.Label{signal.Deployment, signal.Model})
	at := func(deployment, model string) labels { return labels{"deployment": deployment, "model": model} }
	counted := series.Provenance{Origin: "measured", Server: "Triton", Layer: "server", Metrics: []string{"a", "b"}}
	guessed := series.Provenance{Origin: "derived", Server: "Triton", Layer: "server", Metrics: []string{"a", "b"}}
	from := func(s analysis.Series, all ...series.Provenance) analysis.Series { s.Provenance = all; return s }
	m.Add(find(t, "requests"), signal.Rate, []analysis.Series{
		from(one(signal.Rate, at("b", "x"), 1), counted), from(one(signal.Rate, at("a", "x"), 2), counted, guessed), one(signal.Rate, labels{}, 9),
	})
	m.Add(find(t, "error_rate"), signal.Mean, []analysis.Series{one(signal.Mean, at("a", "y"), 0.5), one(signal.Mean, at("a", "y"), 0.25)})
	m.Add(find(t, "kv_cache_usage"), signal.Last, nil)
	require.True(t, m.Merged())
	require.Equal(t, 3, m.Rows())
	f := m.Frames("", nil)[0]
	require.Len(t, f.Fields, 4, "no column without a value")
	var got []string
	for i := range f.Rows() {
		row := ""
		for _, field := range f.Fields {
			v, ok := field.ConcreteAt(i)
			row += fmt.Sprintf("%v %v ", v, ok)
		}
		got = append(got, row)
	}
	custom, ok := f.Meta.Custom.(ModelsCustom)
	require.True(t, ok)
	require.Equal(t, map[string][]series.Provenance{"requests_rate": {counted, guessed}, "error_rate_mean": nil}, custom.Provenance)
	require.Equal(t, []string{"a true x true 2 true 0 false ", "a true y true 0 false 0.5 true ", "b true x true 1 true 0 false "}, got)
}

// Servers that name no model (TGI, llama.cpp) have one: their deployment is a row. What has no model beside models that have names,
// or tells only of what servers run on, is no model's.
func TestModelsWithoutANameAreTheirDeployment(t *testing.T) {
	t.Parallel()
	m := NewModelsTable([]signal.Label{signal.Deployment, signal.Model})
	unnamed := func(deployment string) labels { return labels{"deployment": deployment} }
	server := series.Provenance{Origin: "measured", Server: "TGI"}
	host := series.Provenance{Origin: "measured", Server: "kube-state-metrics"}
	from := func(s analysis.Series, p series.Provenance) analysis.Series {
		s.Provenance = []series.Provenance{p}
		return s
	}
	m.Add(find(t, "requests"), signal.Rate, []analysis.Series{
		from(one(signal.Rate, unnamed("tgi"), 3), server), one(signal.Rate, labels{"deployment": "mixed", "model": "x"}, 1), one(signal.Rate, unnamed("mixed"), 7),
	})
	m.Add(find(t, "response_time"), signal.P95, []analysis.Series{one(signal.P95, unnamed("mixed"), 1), one(signal.P95, unnamed("mixed"), 2)})
	m.Add(find(t, "replicas"), signal.Last, []analysis.Series{from(one(signal.Last, unnamed("hosts"), 9), host), from(one(signal.Last, unnamed("tgi"), 2), server)})
	m.Add(find(t, "models_resident"), signal.Last, []analysis.Series{one(signal.Last, unnamed("llamacpp"), 1)})
	f := m.Frames("", nil)[0]
	require.Equal(t, 3, m.Rows())
	require.False(t, m.Merged(), "of what is shown")
	var got []string
	for i := range f.Rows() {
		row := ""
		for _, field := range f.Fields {
			v, _ := field.ConcreteAt(i)
			row += fmt.Sprintf("%v|", v)
		}
		got = append(got, row)
	}
	require.Equal(t, []string{"llamacpp||0|0|1|", "mixed|x|1|0|0|", "tgi||3|2|0|"}, got, "columns of what is not shown are left out")
	require.Equal(t, []series.Provenance{server}, f.Meta.Custom.(ModelsCustom).Provenance["replicas_last"])
}

func BenchmarkModelsTable(b *testing.B) {
	const models = 2000
	answer := make([]analysis.Series, models)
	for i := range answer {
		answer[i] = one(signal.Rate, labels{"deployment": "d", "model": fmt.Sprint("model-", i)}, 1)
	}
	requests, _ := signal.Find("requests")
	for b.Loop() {
		m := NewModelsTable([]signal.Label{signal.Deployment, signal.Model})
		for range 17 {
			m.Add(requests, signal.Rate, answer)
		}
		m.Frames("", nil)
	}
}
