package dashboards

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryDashboardLeadsToTheOthers(t *testing.T) {
	uids := map[string]string{}
	for name := range Files() {
		dashboard, _ := shipped(t, name)
		uids[dashboard.UID] = name
	}
	require.Len(t, uids, len(Files()))
	for name := range Files() {
		dashboard, _ := shipped(t, name)
		var led []string
		for _, l := range dashboard.Links {
			require.Equal(t, "link", l.Type)
			require.True(t, l.KeepTime)
			to, parameters, _ := strings.Cut(strings.TrimPrefix(l.URL, "/d/"), "?")
			require.Contains(t, uids, to)
			led = append(led, to)
			if to == ModelUID {
				require.False(t, l.IncludeVars, "all models are no choice for a dashboard of one")
				require.Equal(t, "${datasource:queryparam}&${environment:queryparam}&${deployment:queryparam}", parameters)
			} else {
				require.True(t, l.IncludeVars)
			}
		}
		require.NotContains(t, led, dashboard.UID)
		require.Len(t, led, len(Files())-1)
	}
}

// labelInLink is a label of a series or a row in a link.
var labelInLink = regexp.MustCompile(`\$\{__(field\.labels|data\.fields)\.(\w+)\}`)

func TestSeriesAndRowsLeadToTheirModel(t *testing.T) {
	var tables int
	for name := range Files() {
		dashboard, _ := shipped(t, name)
		for _, p := range dashboard.all() {
			links := p.FieldConfig.Defaults.Links
			if p.Type == "table" {
				tables++
				var q targetQuery
				strict(t, p.Targets[0], &q)
				to := ModelUID
				if q.QueryType == "diagnosis" {
					to = MetricsUID // a finding is about a deployment
				}
				require.Contains(t, text(t, p, "links"), "/d/"+to)
				continue
			}
			if p.Type != "timeseries" && p.Type != "status-history" {
				require.Empty(t, links)
				continue
			}
			var q targetQuery
			strict(t, p.Targets[0], &q)
			byDeploymentAndModel := slices.Contains(q.GroupBy, "model") && slices.Contains(q.GroupBy, "deployment")
			require.Equal(t, byDeploymentAndModel, len(links) == 1, "%s: %s", name, p.Title)
			for _, l := range links {
				for _, used := range labelInLink.FindAllStringSubmatch(l.URL, -1) {
					require.Contains(t, q.GroupBy, used[2], "a label that the series does not have")
				}
				parsed, err := url.Parse(labelInLink.ReplaceAllString(l.URL, "x"))
				require.NoError(t, err)
				require.Equal(t, "/d/"+ModelUID, parsed.Path)
				require.Contains(t, l.URL, "${__url_time_range}")
			}
		}
	}
	require.Equal(t, 2, tables)
}

// text is the value of a property in the panel's overrides, as JSON.
func text(t *testing.T, p shippedPanel, property string) string {
	t.Helper()
	for _, o := range p.FieldConfig.Overrides {
		for _, v := range o.Properties {
			if v.ID == property {
				return string(v.Value)
			}
		}
	}
	require.Fail(t, "no override of "+property)
	return ""
}
