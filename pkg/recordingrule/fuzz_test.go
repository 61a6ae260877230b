package recordingrule

import (
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/rulefile"
)

func FuzzOptions(f *testing.F) {
	for _, text := range []string{
		"", "signals=all", "signals=requests,response_time&window=2m&interval=30s&topInterval=10s&topN=100", "signals=requests,requests", "signals=,", "topN=0", "topN=1e3",
		"window=61s&interval=7s", "interval=0s", "window=1ms", "topInterval=4m&interval=1s", "signals=%00",
	} {
		f.Add(text)
	}
	all, err := profile.Embedded()
	require.NoError(f, err)
	set := profile.Set{all.Find("triton"), all.Find("recorder")}
	servers, catalogue := profile.EverythingOf(set), set.Catalogue()
	held, err := objective.NewSet(objective.Default(), nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		given, err := url.ParseQuery(text)
		if err != nil {
			return // net/http answers such a request
		}
		o := Defaults(catalogue, held, scrapeOfTests)
		if err := o.Read(given, catalogue, servers); err != nil {
			named := false
			for _, name := range Parameters() {
				named = named || strings.Contains(err.Error(), name)
			}
			require.True(t, named, "the parameter is named: %s", err)
			return
		}
		require.Zero(t, o.Window%o.Interval)
		require.Zero(t, o.Window%o.TopInterval)
		require.LessOrEqual(t, o.TopInterval, o.Interval)
		require.LessOrEqual(t, o.Interval, rulefile.MaxInterval)
		require.True(t, o.TopN >= 1 && o.TopN <= maxTopN)
		names := map[string]bool{}
		for _, s := range o.Signals {
			require.False(t, names[s.Name], "%s twice", s.Name)
			names[s.Name] = true
		}
		written, err := Write(o, servers)
		require.NoError(t, err)
		seen := map[string]bool{}
		for _, group := range parsed(t, written).Groups {
			for _, rule := range group.Rules {
				key := rule.Record + model.LabelSet(labelSet(rule.Labels)).String()
				require.False(t, seen[key], "%s is recorded twice", key)
				seen[key] = true
			}
		}
	})
}

func labelSet(labels map[string]string) model.LabelSet {
	out := model.LabelSet{}
	for name, value := range labels {
		out[model.LabelName(name)] = model.LabelValue(value)
	}
	return out
}
