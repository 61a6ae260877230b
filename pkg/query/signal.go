package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"golang.org/x/sync/errgroup"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/recordingrule"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// defaultLimit is how many models a query shows that says no number.
const defaultLimit = 50

// planConcurrency bounds how many plans of one query run at once.
const planConcurrency = 4

// signalRun is one signal query while it is answered.
type signalRun struct {
	*Evaluator
	Request
	query     signal.Query
	available func(metric string) bool
	present   profile.Set
	environ   profile.Environment
	// rewrite reads recorded series; nil if none are read.
	rewrite  *recordingrule.Rewrite
	executed []string
	notices  []data.Notice
}

func (e *Evaluator) signalQuery(ctx context.Context, r Request) (data.Frames, error) {
	limit := r.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	q, err := e.Catalogue.NewQuery(r.Signal, r.Statistics, r.GroupBy, r.Filters, limit, r.IncludeOthers, r.Window)
	if err != nil {
		return nil, UserError{err}
	}
	run := &signalRun{Evaluator: e, Request: r, query: q}
	if err := run.prepare(ctx); err != nil {
		return nil, err
	}
	answer, err := run.answer(ctx)
	if err != nil {
		return nil, err
	}
	if err := run.explain(ctx, len(answer) > 0); err != nil {
		return nil, err
	}
	if err := reserve(ctx, len(answer), func(i int) (series.Series, int) {
		return answer[i].Series, frameTexts(answer[i].Executed, r.Legend, answer[i].Labels)
	}); err != nil {
		return nil, err
	}
	return frames.Of(frames.Result{
		Signal: q.Signal, Series: answer, Legend: r.Legend, Step: run.step(), Rows: r.EmptyAsRow,
		Notices: run.notices, Executed: strings.Join(run.executed, "\n\n"),
	}), nil
}

// prepare finds out which servers are there and whether there are more groups than the limit.
func (r *signalRun) prepare(ctx context.Context) (err error) {
	names, err := r.names(ctx, r.Range.From, r.Range.To)
	if err != nil {
		return err
	}
	r.available = inSorted(names)
	r.present = r.Profiles.Detect(r.available)
	r.environ = profile.Environment{Window: r.rateInterval(), Exists: r.available}
	if r.environ.Together, err = r.together(ctx); err != nil {
		return err
	}
	if err = r.readRecordedSeries(ctx, names); err != nil {
		return err
	}
	groups := r.present.Groups(r.query, r.environ)
	if groups == nil {
		return nil
	}
	counted, err := r.Store.Instant(ctx, groups, executor.Instant{At: r.Grid.End, Span: r.span()})
	if err != nil {
		return err
	}
	r.environ.Limited = len(counted.Series) > 0 && counted.Series[0].Values[0] > float64(r.query.Limit)
	return nil
}

// rateInterval is what rates are taken over: long enough for several scrapes, and for steps to miss nothing.
func (r *signalRun) rateInterval() time.Duration {
	window := r.Store.Grid().RateWindow
	if r.Instant {
		return window
	}
	return max(window, r.Grid.Step)
}

// answer runs the plans of the query, and where quantiles are missing for a group in a panel, those of the mean.
func (r *signalRun) answer(ctx context.Context) ([]analysis.Series, error) {
	answer, err := r.compute(ctx)
	if err == nil && r.query.Signal.Group != signal.Objectives { // those have seen to it for each objective
		answer, err = r.withMinimumRequests(ctx, answer, r.query.GroupBy)
	}
	if err != nil || r.query.Signal.Derivation != nil {
		return answer, err
	}
	for _, st := range r.query.Statistics {
		computed := len(answer) > 0 && len(r.query.Signal.Otherwise) > 0
		if len(r.present) > 0 && !computed && !r.present.Answers(r.query.Signal, st, r.available) {
			r.warn(r.present.Explain(r.query.Signal, st, r.available))
		}
	}
	if !r.wantsFallback() {
		return answer, nil
	}
	means := r.query
	means.Statistics = []signal.Statistic{signal.Mean}
	meanParts := r.compile(means)
	if len(meanParts) == 0 {
		return answer, nil
	}
	fallback, err := r.run(ctx, meanParts)
	if err != nil {
		return nil, err
	}
	missing := analysis.Missing(answer, fallback, r.query.GroupBy)
	if len(missing) > 0 {
		r.warn(fmt.Sprintf("Mean shown instead of percentiles for %s: the server exports only sum and count. %s",
			describeGroups(missing, r.query.GroupBy), r.present.Explain(r.query.Signal, r.query.Statistics[0], func(string) bool { return false })))
	}
	return append(answer, missing...), nil
}

// wantsFallback: panels that ask for quantiles alone show the mean where there is none. A number that something is
// computed from, an alert's above all, never silently becomes another one.
func (r *signalRun) wantsFallback() bool {
	if r.Instant || r.query.Signal.Shape != signal.Distribution {
		return false
	}
	return !slices.Contains(r.query.Statistics, signal.Mean)
}

// run executes parts side by side and keeps their order.
func (r *signalRun) run(ctx context.Context, parts []profile.Part) ([]analysis.Series, error) {
	results := make([]partResult, len(parts))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(planConcurrency)
	for i, p := range parts {
		group.Go(func() (err error) {
			results[i], err = r.executePart(groupCtx, p)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var answer []analysis.Series
	for i, p := range parts {
		if results[i].notRecorded {
			p.Recorded = nil
		}
		r.executed = append(r.executed, fmt.Sprintf("# %s: %s\n%s", p.Statistic, p.Describe(), results[i].text))
		for _, w := range results[i].Warnings { // not the hints: profiles know better what a metric is than its name does
			r.warn(w)
		}
		answered, err := r.interpret(ctx, p, results[i])
		if err != nil {
			return nil, err
		}
		r.warnOfSaturation(p, answered)
		answer = append(answer, answered...)
	}
	answer, contested := analysis.Combine(answer)
	if len(contested) > 0 {
		r.warn(fmt.Sprintf("Results of different servers cannot be merged here (%s): only %s is shown. Group by deployment or model to see all.",
			describeGroups(contested, r.query.GroupBy), contested[0].Provenance[0].Server))
	}
	return answer, nil
}

func (r *signalRun) execute(ctx context.Context, n plan.Node) (series.Result, error) {
	if r.Instant {
		return r.Store.Instant(ctx, n, executor.Instant{At: r.Range.To, Span: r.span()})
	}
	return r.Store.Range(ctx, n, r.points())
}

// points are the times of the query's grid.
func (r *signalRun) points() executor.Range {
	return executor.Range{Start: r.Grid.Start, End: r.Grid.End, Step: r.Grid.Step, Span: r.span()}
}

// JoinLabels names labels in a sentence.
func JoinLabels(labels []signal.Label) string {
	words := make([]string, len(labels))
	for i, l := range labels {
		words[i] = string(l)
	}
	return strings.Join(words, ", ")
}

// describeGroups names the groups of series, the first few of them.
func describeGroups(all []analysis.Series, by []signal.Label) string {
	const shown = 3
	found := map[string]bool{}
	for _, s := range all {
		name := strings.TrimSpace(strings.ReplaceAll(analysis.Key(s.Labels, by), "\x00", " "))
		if s.Others {
			name = frames.OthersValue
		}
		found[name] = true
	}
	names := slices.Sorted(maps.Keys(found))
	if len(by) == 0 || len(names) == 0 {
		return "all"
	}
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}
