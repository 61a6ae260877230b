package query

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// TestTextsOfFramesAreBooked has a thousand series of one value with the largest texts that a request can give each.
func TestTextsOfFramesAreBooked(t *testing.T) {
	labels := map[string]string{"model": strings.Repeat("m", 200)}
	texts := frameTexts(strings.Repeat("x", 1<<20), strings.Repeat("{{model}}", maxLegendBytes/len("{{model}}")), labels)
	require.Greater(t, texts, frames.MaxSeriesExecuted+maxLegendBytes/len("{{model}}")*200)
	controller := admission.New(admission.Limits{})
	request := controller.Begin(admission.Tenant{OrgID: 1, DataSource: "x"}, admission.Panel)
	defer request.End()
	ctx := admission.WithRequest(t.Context(), request)
	one := series.Series{Labels: labels, Values: []float64{1}, Times: []int64{1}}
	require.NoError(t, reserve(ctx, 1000, func(int) (series.Series, int) { return one, frameTexts("sum(x)", "{{model}}", labels) }))
	err := reserve(ctx, 1000, func(int) (series.Series, int) { return one, texts })
	var limit *admission.LimitError
	require.ErrorAs(t, err, &limit)
	require.Equal(t, admission.RequestMemory, limit.Bound)
}

func TestBytesOfFilters(t *testing.T) {
	usual := slices.Repeat([]string{"a-model-with-a-usual-name"}, 5000)
	require.NoError(t, Request{Filters: map[string][]string{"model": usual}}.check())
	long := slices.Repeat([]string{strings.Repeat("m", 1000)}, 132)
	require.ErrorContains(t, Request{Filters: map[string][]string{"model": long}}.check(), "have 132000 bytes and 131072 are allowed")
}

func TestEventTypesAreReadOnce(t *testing.T) {
	kinds, err := validEventTypes(slices.Repeat([]string{kindScaling, kindLoads}, 32))
	require.NoError(t, err)
	require.Equal(t, []string{kindLoads, kindScaling}, kinds)
}
