package remote

import (
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

func TestResponsesCountAgainstTheirRequest(t *testing.T) {
	const samples = 50_000
	body := `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"]` + strings.Repeat(`,[2,"1"]`, samples) + `]}]}}`
	client := answering(t, saying(200, "application/json", body))
	for name, c := range map[string]struct {
		limits admission.Limits
		bound  admission.Bound
	}{
		"one request":  {admission.Limits{RequestMemory: samples * sampleBytes / 2}, admission.RequestMemory},
		"the process":  {admission.Limits{Memory: samples * sampleBytes / 2, RequestMemory: 1 << 30, OrganizationMemory: 1 << 30, MemoryWait: time.Millisecond}, admission.ProcessMemory},
		"organization": {admission.Limits{OrganizationMemory: samples * sampleBytes / 2, RequestMemory: 1 << 30, MemoryWait: time.Millisecond}, admission.OrganizationMemory},
	} {
		controller := admission.New(c.limits)
		request := controller.Begin(admission.Tenant{OrgID: 1, DataSource: "x"}, admission.Panel)
		_, err := client.InstantPromQL(admission.WithRequest(t.Context(), request), "up", time.Now())
		var limit *admission.LimitError
		require.ErrorAs(t, err, &limit, name)
		require.Equal(t, c.bound, limit.Bound, name)
		request.End()
	}
	request := admission.New(admission.Limits{}).Begin(admission.Tenant{OrgID: 1, DataSource: "x"}, admission.Panel)
	defer request.End()
	_, err := client.InstantPromQL(admission.WithRequest(t.Context(), request), "up", time.Now())
	require.NotErrorAs(t, err, new(*admission.LimitError))
}

func TestAlertRulesComeFirst(t *testing.T) {
	client := newClient(t, backend.DataSourceInstanceSettings{URL: "http://127.0.0.1:1"}, func(s *settings.Prometheus) { s.MaxConcurrentQueries = 1 })
	require.Equal(t, 1, client.slots.Limits().Slots)
	tenant := admission.Tenant{OrgID: 1, DataSource: "x"}
	other := admission.New(admission.Limits{})
	leave, err := other.Begin(tenant, admission.Panel).On(client.slots).Enter(t.Context(), 0)
	require.NoError(t, err)
	first := make(chan admission.Class, 2)
	for _, class := range []admission.Class{admission.Panel, admission.Alert} {
		go func() {
			left, err := other.Begin(tenant, class).On(client.slots).Enter(t.Context(), 0)
			if err == nil {
				first <- class
				left()
			}
		}()
		require.Eventually(t, func() bool { return client.slots.Waiting() == 1+int(class) }, time.Second, time.Millisecond)
	}
	leave()
	require.Equal(t, admission.Alert, <-first)
}
