package ingest

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	stored "github.com/coldhit/modelserving-datasource/pkg/storage"
)

// refusalTime is how long pages that cannot be reduced are refused while they are read, before one is read to its end again.
const refusalTime = 10 * time.Minute

// checkSize is called for samples above the limit. An error refuses the page.
func (a *appender) checkSize() error {
	limit, t := a.limits.Samples, a.target
	switch {
	case t.refusal != "" && a.ingest.Now().Before(t.retry):
		return a.refusePage(t.refusal)
	case len(a.page) >= MaxPageFactor*limit:
		return a.refusePage(fmt.Sprintf("The page has more than %d samples, %d times the limit of %d, so it is not stored. Raise the limit or "+
			"let the server export less", MaxPageFactor*limit, MaxPageFactor, limit))
	case len(a.page) == limit && t.cut == nil:
		a.recognize()
		if a.server.Recognized && len(a.server.Fold.ModelLabels) == 0 {
			return a.refuseForGood()
		}
	}
	return nil
}

// recognize looks for the server by the names of the page, unless it is known.
func (a *appender) recognize() {
	if a.server.Recognized {
		return
	}
	names := map[string]struct{}{}
	for _, s := range a.page {
		names[s.set.Get(model.MetricNameLabel)] = struct{}{}
	}
	a.server = a.ingest.Server(a.scraped, a.target.set, func(metric string) bool {
		_, has := names[metric]
		return has
	})
}

// refuseForGood refuses this page, and the next ones while they are read.
func (a *appender) refuseForGood() error {
	limit := a.limits.Samples
	why := "its server was not recognized, so its models cannot be added up"
	if a.server.Recognized {
		why = "its models cannot be added up"
		if len(a.server.Fold.ModelLabels) > 0 {
			why = "even without its models it would be too large"
		}
	}
	a.target.refusal = fmt.Sprintf("The page has more than the limit of %d samples, and %s, so it is not stored. %s Raise the limit or let the "+
		"server export less", limit, why, biggestOf(a.page))
	a.target.retry = a.ingest.Now().Add(refusalTime)
	return a.refusePage(a.target.refusal)
}

func (a *appender) refusePage(text string) error {
	a.refuse(stored.PageLimit, len(a.page)+1, func() string { return text + "." })
	return &PageError{Text: text + "."}
}

// biggestOf is a sentence that names the metric of a page with most series, and its label with most values.
func biggestOf(page []sample) string {
	counts := map[string]int{}
	metric := ""
	for _, s := range page {
		name := s.set.Get(model.MetricNameLabel)
		counts[name]++
		if counts[name] > counts[metric] || metric == "" {
			metric = name
		}
	}
	values := map[string]map[string]struct{}{}
	label := ""
	for _, s := range page {
		if s.set.Get(model.MetricNameLabel) != metric {
			continue
		}
		s.set.Range(func(l labels.Label) {
			if values[l.Name] == nil {
				values[l.Name] = map[string]struct{}{}
			}
			values[l.Name][l.Value] = struct{}{}
			if len(values[l.Name]) > len(values[label]) {
				label = l.Name
			}
		})
	}
	if len(values[label]) < 2 {
		return fmt.Sprintf("Its biggest metric is %.100s with %d series.", metric, counts[metric])
	}
	return fmt.Sprintf("Its biggest metric is %.100s with %d series, and the label %.60s has most values (%d).", metric, counts[metric], label,
		len(values[label]))
}

// end decides about the page when all of it was read. An error refuses it as a whole: then nothing of it is in next.
func (a *appender) end(at int64) error {
	if a.ended {
		return nil
	}
	a.ended = true
	t := a.target
	if len(a.page) == 0 {
		a.endFolds(at)
		return nil
	}
	defer func() { t.lastPage, t.size = at, len(a.page) }()
	a.settleUnsure()
	switch {
	case !a.over && t.cut == nil:
		t.refusal = ""
		return nil
	case t.cut == nil:
		a.recognize()
		if len(a.server.Fold.ModelLabels) == 0 {
			a.restart()
			return a.refuseForGood()
		}
	}
	if err := a.reduce(at); err != nil {
		a.endFolds(at)
		t.cut = nil
		return err
	}
	t.refusal = ""
	return nil
}

// settleUnsure decides about samples with names that the engine may write itself.
func (a *appender) settleUnsure() {
	for i := range a.page {
		s := &a.page[i]
		if s.state != unsure {
			continue
		}
		a.recognize()
		if a.server.Polled {
			s.state = a.reserved(*s) // refuses it
			continue
		}
		s.state = passed
		if a.over {
			s.state = waiting
		} else if _, err := a.store(*s, noOptions); err != nil {
			s.state = refused
		}
	}
}

// restart takes back what the storage's appender has of the page.
func (a *appender) restart() {
	_ = a.next.Rollback()
	a.next = a.ingest.Next.AppenderV2(a.ctx)
}
