package analysis

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// each is a series with one value a second; a negative number is a gap.
func each(values ...float64) series.Series {
	var s series.Series
	for i, v := range values {
		if v >= 0 {
			s.Times, s.Values = append(s.Times, int64(i)*1000), append(s.Values, v)
		}
	}
	return s
}

func TestChanges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values []float64
		want   []Change
	}{
		"none":                     {[]float64{2, 2, 2}, nil},
		"up and down":              {[]float64{2, 3, 3, 0, 0}, []Change{{0, 1000, 2, 3}, {2000, 3000, 3, 0}}},
		"begins while it is asked": {[]float64{-1, 1, 2, 3, 3, 4}, []Change{{4000, 5000, 3, 4}}},
		"a lost scrape":            {[]float64{2, -1, 3}, []Change{{0, 2000, 2, 3}}},
		"comes back as it was":     {[]float64{3, 3, -1, -1, -1, 1, 2, 3, 3}, nil},
		"comes back as another":    {[]float64{3, 3, -1, -1, -1, 1, 2, 4, 4}, []Change{{1000, 7000, 3, 4}}},
		"nothing":                  {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, Changes(each(c.values...), time.Second, 2*time.Second, 0))
		})
	}
}

func TestFalls(t *testing.T) {
	t.Parallel()
	require.Equal(t, []Change{{2000, 3000, 9, 1}, {3000, 7000, 1, 0}}, Falls(each(5, 5, 9, 1, -1, -1, -1, 0)))
	require.Empty(t, Falls(each(0, 1, 2)))
}

func TestBeganAgain(t *testing.T) {
	t.Parallel()
	of := func(model string, value float64) series.Series {
		return series.Series{Labels: map[string]string{"model": model}, Times: []int64{0}, Values: []float64{value}}
	}
	for name, c := range map[string]struct {
		before, after []series.Series
		loaded        string
		want          bool
	}{
		"all fell":                     {[]series.Series{of("a", 9), of("b", 5)}, []series.Series{of("a", 0), of("b", 1)}, "", true},
		"one was unloaded":             {[]series.Series{of("a", 9), of("b", 5)}, []series.Series{of("b", 5)}, "", false},
		"one was loaded anew":          {[]series.Series{of("a", 9), of("b", 5)}, []series.Series{of("a", 0), of("b", 6)}, "", false},
		"one had no requests":          {[]series.Series{of("a", 9), of("b", 0)}, []series.Series{of("a", 0), of("b", 0)}, "", true},
		"others came":                  {[]series.Series{of("a", 9)}, []series.Series{of("b", 1)}, "", false},
		"one did not come back as yet": {[]series.Series{of("a", 9), of("b", 5)}, []series.Series{of("a", 0)}, "", true},
		"one took another's place":     {[]series.Series{of("a", 9), of("b", 5)}, []series.Series{of("a", 0), of("c", 1)}, "a", false},
		"two took another's place":     {[]series.Series{of("a", 9), of("b", 5), of("c", 3)}, []series.Series{of("a", 0), of("b", 1)}, "ab", false},
		"the only one was loaded anew": {[]series.Series{of("a", 9)}, []series.Series{of("a", 0)}, "a", false},
		"all were loaded anew":         {[]series.Series{of("a", 9), of("b", 5)}, []series.Series{of("a", 0), of("b", 1)}, "ab", true},
		"both were loaded, one is out": {[]series.Series{of("a", 9), of("b", 5)}, []series.Series{of("a", 0)}, "ab", false},
		"one load is not seen as yet":  {[]series.Series{of("a", 9), of("b", 5)}, []series.Series{of("a", 0), of("b", 1)}, "a", false},
		"one of many that are swapped": {[]series.Series{of("a", 9), of("b", 5), of("c", 3)}, []series.Series{of("a", 0)}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			loaded := func(labels map[string]string) bool { return strings.Contains(c.loaded, labels["model"]) }
			require.Equal(t, c.want, BeganAgain(c.before, c.after, loaded))
		})
	}
}
