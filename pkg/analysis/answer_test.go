package analysis

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// tritonNames is how a server's labels are called here.
var tritonNames = map[string]signal.Label{
	"model": signal.Model, "version": signal.Version, "instance": signal.Replica, "environment": signal.Environment, "gpu_uuid": signal.GPU,
}

// at makes a series with a sample at each time, whose value is the time.
func at(labels map[string]string, times ...int64) series.Series {
	s := series.Series{Labels: labels, Times: times}
	for _, t := range times {
		s.Values = append(s.Values, float64(t))
	}
	return s
}

type set = map[string]string

func TestFinite(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	in := []series.Series{
		{Labels: set{"model": "mixed"}, Times: []int64{1, 2, 3, 4}, Values: []float64{nan, 1, inf, -2}},
		{Labels: set{"model": "idle"}, Times: []int64{1, 2}, Values: []float64{nan, -inf}},
		{Labels: set{"model": "empty"}},
		{Labels: set{"model": "whole"}, Times: []int64{1, 2}, Values: []float64{0, math.MaxFloat64}},
	}
	require.Equal(t, []series.Series{
		{Labels: set{"model": "mixed"}, Times: []int64{2, 4}, Values: []float64{1, -2}},
		{Labels: set{"model": "whole"}, Times: []int64{1, 2}, Values: []float64{0, math.MaxFloat64}},
	}, Finite(in))
	require.Len(t, in[0].Values, 4, "what was given stays as it was")
	require.Empty(t, Finite(nil))
}

func TestSeparate(t *testing.T) {
	t.Parallel()
	byModel := []signal.Label{signal.Model}
	for name, c := range map[string]struct {
		in      []series.Series
		groupBy []signal.Label
		out     []series.Series
		added   []signal.Label
	}{
		"nothing": {},
		"one series a group needs no more labels": {
			in:      []series.Series{at(set{"model": "a", "version": "1", "instance": "x", "job": "j"}, 1, 2), at(set{"model": "b", "version": "2", "instance": "x"}, 1, 2)},
			groupBy: byModel,
			out:     []series.Series{at(set{"model": "a"}, 1, 2), at(set{"model": "b"}, 1, 2)},
		},
		"labels get the project's names": {
			in:      []series.Series{at(set{"gpu_uuid": "GPU-1", "instance": "x"}, 1)},
			groupBy: []signal.Label{signal.GPU, signal.Replica},
			out:     []series.Series{at(set{"gpu": "GPU-1", "replica": "x"}, 1)},
		},
		"versions at the same time are told apart": {
			in:      []series.Series{at(set{"model": "a", "version": "1"}, 1, 2), at(set{"model": "a", "version": "2"}, 2, 3)},
			groupBy: byModel,
			out:     []series.Series{at(set{"model": "a", "version": "1"}, 1, 2), at(set{"model": "a", "version": "2"}, 2, 3)},
			added:   []signal.Label{signal.Version},
		},
		"a replica and its successor are one": {
			in:      []series.Series{at(set{"model": "a", "instance": "new"}, 3, 4), at(set{"model": "a", "instance": "old"}, 1, 2)},
			groupBy: byModel,
			out:     []series.Series{at(set{"model": "a"}, 1, 2, 3, 4)},
		},
		"a shared moment is an overlap": {
			in:      []series.Series{at(set{"model": "a", "instance": "old"}, 1, 2), at(set{"model": "a", "instance": "new"}, 2, 3)},
			groupBy: byModel,
			out:     []series.Series{at(set{"model": "a", "replica": "old"}, 1, 2), at(set{"model": "a", "replica": "new"}, 2, 3)},
			added:   []signal.Label{signal.Replica},
		},
		"a long series overlaps with all that begin within it": {
			in:      []series.Series{at(set{"instance": "long"}, 1, 9), at(set{"instance": "x"}, 2, 3), at(set{"instance": "y"}, 4, 5)},
			groupBy: nil,
			out:     []series.Series{at(set{"replica": "long"}, 1, 9), at(set{"replica": "x"}, 2, 3), at(set{"replica": "y"}, 4, 5)},
			added:   []signal.Label{signal.Replica},
		},
		"a label that another group needs does not split successors": {
			in: []series.Series{
				at(set{"model": "a", "instance": "old"}, 1, 2), at(set{"model": "a", "instance": "new"}, 3, 4),
				at(set{"model": "b", "instance": "old"}, 1, 4), at(set{"model": "b", "instance": "new"}, 3, 4),
			},
			groupBy: byModel,
			out: []series.Series{
				at(set{"model": "a"}, 1, 2, 3, 4),
				at(set{"model": "b", "replica": "old"}, 1, 4), at(set{"model": "b", "replica": "new"}, 3, 4),
			},
			added: []signal.Label{signal.Replica},
		},
		"successors within an added label are still one": {
			in: []series.Series{
				at(set{"model": "a", "version": "1", "instance": "old"}, 1, 2), at(set{"model": "a", "version": "1", "instance": "new"}, 3, 4),
				at(set{"model": "b", "version": "1", "instance": "old"}, 1, 2), at(set{"model": "b", "version": "1", "instance": "new"}, 3, 4),
				at(set{"model": "b", "version": "2", "instance": "old"}, 1, 4),
			},
			groupBy: byModel,
			out: []series.Series{
				at(set{"model": "a"}, 1, 2, 3, 4), at(set{"model": "b", "version": "1"}, 1, 2, 3, 4), at(set{"model": "b", "version": "2"}, 1, 4),
			},
			added: []signal.Label{signal.Version},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, added := Separate(c.in, tritonNames, c.groupBy)
			require.Equal(t, c.out, out)
			require.Equal(t, c.added, added)
		})
	}
}

func TestKeyTellsGroupsApart(t *testing.T) {
	t.Parallel()
	by := []signal.Label{signal.Model, signal.Version}
	require.NotEqual(t, Key(set{"model": "a", "version": "b"}, by), Key(set{"model": "ab"}, by))
	require.NotEqual(t, Key(set{"model": "a"}, by), Key(set{"version": "a"}, by))
	require.Equal(t, Key(set{"model": "a", "replica": "x"}, by), Key(set{"model": "a", "replica": "y"}, by))
}

func TestMissing(t *testing.T) {
	t.Parallel()
	by := []signal.Label{signal.Model}
	of := func(model string, others bool) Series {
		return Series{Series: series.Series{Labels: set{"model": model, "version": "1"}}, Others: others}
	}
	rest := Series{Series: series.Series{Labels: set{}}, Others: true}
	fallback := []Series{of("a", false), of("b", false), rest}
	require.Equal(t, []Series{of("b", false), rest}, Missing([]Series{of("a", false)}, fallback, by))
	require.Equal(t, fallback, Missing(nil, fallback, by))
	require.Empty(t, Missing(fallback, fallback, by))
	require.Equal(t, []Series{rest}, Missing([]Series{{Series: series.Series{Labels: set{}}}}, []Series{rest}, by), "a group without a model is not the others")
	require.Equal(t, "a", fallback[0].Labels["model"], "what was given stays as it was")
	require.Len(t, fallback, 3)
}

func TestSteps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		times  []int64
		values []float64
		steps  []Step
	}{
		"no samples":                    {},
		"a flat counter":                {[]int64{10, 20, 30}, []float64{5, 5, 5}, nil},
		"what was before counts":        {[]int64{10, 20, 30}, []float64{5, 7, 8}, []Step{{20, 2}, {30, 1}}},
		"a counter that begins later":   {[]int64{20, 30}, []float64{1, 3}, []Step{{20, 1}, {30, 2}}},
		"one that came with its server": {[]int64{5, 30}, []float64{24, 25}, []Step{{30, 1}}},
		"it may begin at zero":          {[]int64{20, 30}, []float64{0, 3}, []Step{{30, 3}}},
		"a reset":                       {[]int64{10, 20, 30, 40}, []float64{5, 0, 2, 1}, []Step{{30, 2}, {40, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.steps, Steps(series.Series{Times: c.times, Values: c.values}, 10))
		})
	}
}
