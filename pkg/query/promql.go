package query

import (
	"context"
	"errors"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/expression"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// promqlQuery runs a user's own PromQL over the data source's own data.
func (e *Evaluator) promqlQuery(ctx context.Context, r Request) (data.Frames, error) {
	expr := strings.TrimSpace(r.Expr)
	if expr == "" {
		return nil, UserError{errors.New("the PromQL expression is empty")}
	}
	if err := expression.Check(expr); err != nil {
		return nil, UserError{err}
	}
	var answer series.Result
	var err error
	if r.Instant {
		answer, err = e.Store.InstantPromQL(ctx, expr, r.Range.To)
	} else {
		answer, err = e.Store.RangePromQL(ctx, expr, executor.Range{Start: r.Grid.Start, End: r.Grid.End, Step: r.Grid.Step, Span: r.span()})
	}
	if err != nil {
		return nil, expressionError(ctx, err)
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
			"Native histograms are not shown. Reduce them with histogram_quantile() or histogram_avg().")
	}
	if e.Collector != nil {
		for _, m := range e.Collector.NotStored(r.Range.From, r.Range.To) {
			notices = appendNotice(notices, data.NoticeSeverityWarning, m)
		}
	}
	finite := analysis.Finite(answer.Series)
	if len(finite) == 0 {
		status, err := e.status(ctx, r.Range)
		if err != nil {
			return nil, err
		}
		notices = appendNotice(notices, data.NoticeSeverityInfo, e.collecting(status))
	}
	if err := reserve(ctx, len(finite), func(i int) (series.Series, int) { return finite[i], frameTexts("", r.Legend, finite[i].Labels) }); err != nil {
		return nil, err
	}
	return frames.Raw(finite, r.Legend, r.step(), expr, notices), nil
}
