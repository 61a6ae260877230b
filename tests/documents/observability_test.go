package documents

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/telemetry"
)

var (
	inTable = regexp.MustCompile("(?m)^\\| `(modelserving_plugin_[a-z_]+)`")
	inDesc  = regexp.MustCompile(`fqName: "([a-z_]+)"`)
)

// The table of metrics has those of the code, and no others.
func TestMetricsOfThePluginAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/observability.md")
	require.NoError(t, err)
	var documented, inCode []string
	for _, found := range inTable.FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, found[1])
	}
	descriptions := make(chan *prometheus.Desc, 100)
	engine.NewRegistry(engine.Options{DataPath: t.TempDir()}).Describe(descriptions)
	telemetry.Describe(descriptions)
	admission.New(admission.Limits{}).Describe(descriptions)
	close(descriptions)
	for d := range descriptions {
		inCode = append(inCode, inDesc.FindStringSubmatch(d.String())[1])
	}
	require.ElementsMatch(t, slices.Compact(slices.Sorted(slices.Values(inCode))), documented)
}
