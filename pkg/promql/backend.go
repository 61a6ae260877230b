// Package promql answers plans with PromQL: it writes a plan as text and has a backend run it.
package promql

import (
	"context"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// Backend runs PromQL: the embedded engine in process, or a remote server.
type Backend interface {
	// Range evaluates expr at every step of [start, end].
	Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Answer, error)
	// Instant evaluates expr at one time; every series has one sample.
	Instant(ctx context.Context, expr string, at time.Time) (Answer, error)
	// LabelValues lists the values of a label over the series that match any selector (all series if none), sorted,
	// at most limit of them.
	LabelValues(ctx context.Context, label string, selectors []string, start, end time.Time, limit int) ([]string, error)
	// ScrapeInterval is the longest interval between samples of a series, as far as is known.
	ScrapeInterval() time.Duration
}

// Answer is what a backend said. Warnings are sentences for the user: the answer may not be right. Infos are hints for who
// wrote the PromQL.
type Answer struct {
	Series []series.Series
	// Histograms are the native histograms among the results.
	Histograms []series.Histograms
	Warnings   []string
	Infos      []string
}
