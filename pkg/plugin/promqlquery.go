package plugin

import (
	"context"
	"errors"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
)

// promqlQuery runs a user's own PromQL over the data source's own data.
func (d *Datasource) promqlQuery(ctx context.Context, r request) (data.Frames, error) {
	expr := strings.TrimSpace(r.Expr)
	if expr == "" {
		return nil, badQuery{errors.New("the PromQL expression is empty")}
	}
	var answer promql.Answer
	var err error
	if r.Instant {
		answer, err = d.store.Instant(ctx, expr, r.asked.To)
	} else {
		answer, err = d.store.Range(ctx, expr, r.grid.start, r.grid.end, r.grid.step)
	}
	if err != nil {
		return nil, ofExpression(ctx, err)
	}
	var notices []data.Notice
	for _, w := range answer.Warnings {
		notices = appendNotice(notices, data.NoticeSeverityWarning, w)
	}
	for _, hint := range answer.Infos {
		notices = appendNotice(notices, data.NoticeSeverityInfo, hint)
	}
	if len(answer.Histograms) > 0 {
		notices = appendNotice(notices, data.NoticeSeverityWarning,
			"Native histograms among the results are left out: reduce them with histogram_quantile() or histogram_avg().")
	}
	finite := analysis.Finite(answer.Series)
	if len(finite) == 0 {
		targets, err := d.store.Targets(ctx)
		if err != nil {
			return nil, err
		}
		notices = appendNotice(notices, data.NoticeSeverityInfo, d.collecting(targets))
	}
	return frames.Raw(finite, r.Legend, r.step(), expr, notices), nil
}
