package rules

import (
	"fmt"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// refusedSamples counts the samples that the embedded engine scraped and did not store.
const refusedSamples = "modelserving_storage_refused_samples_total"

func collection(o Options) []Rule {
	return []Rule{{
		Name: "scraped-data-not-stored", Title: "Scraped data not stored", Group: Collection, Severity: Critical, For: time.Minute,
		By: byReason, Queries: []Query{{Ref: "refused", NotStored: true, Window: o.Window}},
		When:    []Comparison{{Ref: "refused", Is: ">", Than: 0}},
		Summary: "{refused:number} scraped samples were not stored in " + durationText(o.Window) + " ({reason}): panels and other rules lack them.",
		Means: "The embedded engine scraped samples and did not store them. Panels have gaps, and the other rules do not fire for what is missing. The rule works while " +
			"nothing can be stored at all. In the Prometheus format, it needs remote write of the embedded engine.",
		Causes: []string{
			"disk_full or write_failed: the file system of the plugin's data_path is full or fails.",
			"out_of_order, too_old or too_new: a clock was ahead or is wrong.",
			"duplicate: two targets have the same job and instance.",
			"series_limit or page_limit: a target has more series than the limits of the data source.",
			"reserved_name: a target exports a metric that only the plugin writes.",
		},
		Actions: []string{
			"Run Save & test in your data source settings: it says which targets and what to do.",
			"Make room on a full file system. Storing goes on within seconds, without a restart.",
		},
		Panels: []string{"replicas", "requests"},
	}}
}

// notStored is how many samples were refused in the window.
func notStored(by []signal.Label, window time.Duration) string {
	return fmt.Sprintf("sum by (%s) (increase(%s[%s]))", strings.Join(words(by), ", "), refusedSamples, durationText(window))
}
