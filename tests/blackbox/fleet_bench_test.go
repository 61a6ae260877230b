package blackbox

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

const fleetSize = 2000

// BenchmarkFleetOf2000Models asks the built plugin for what a dashboard over 2,000 models asks, after a minute's worth of scrapes
// at a second each: the table of models, the busiest 50 with others, and the objectives.
func BenchmarkFleetOf2000Models(b *testing.B) {
	var page strings.Builder
	for i := range fleetSize {
		fmt.Fprintf(&page, `nv_inference_request_success{model="model-%[1]d",version="1"} +%[2]d
nv_inference_request_failure{model="model-%[1]d",version="1",reason="OTHER"} +1
nv_inference_request_duration_us{model="model-%[1]d",version="1"} +%[2]d000
nv_inference_compute_infer_duration_us{model="model-%[1]d",version="1"} +%[2]d00
nv_inference_queue_duration_us{model="model-%[1]d",version="1"} +%[2]d0
nv_inference_pending_request_count{model="model-%[1]d",version="1"} 1
nv_inference_request_summary_us{model="model-%[1]d",version="1",quantile="0.95"} %[2]d
`, i, i+1)
	}
	p := driver.Start(b, binary, b.TempDir())
	s := driver.Embedded("fleet", unmanaged(b, "one", growing(b, page.String()).URL+"/metrics"))
	table := map[string]any{"queryType": "models"}
	top := within("10s", query("requests", nil, "model"))
	require.Eventually(b, func() bool {
		answer := p.Ask(s, 30*time.Second, table)["A"]
		return answer.Error == nil && len(answer.Frames) == 1 && answer.Frames[0].Rows() == fleetSize
	}, time.Minute, time.Second)
	for name, q := range map[string]map[string]any{"models": table, "top50": top, "objectives": {"queryType": "objectives"}, "violation": within("10s", query("slo_violation", nil, "model"))} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, p.Ask(s, 30*time.Second, q)["A"].Error)
			}
		})
	}
}
