package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

const (
	// maxListed bounds lists of words: statistics, labels, types. There are fewer of each.
	maxListed = 64
	// maxNameBytes bounds names and words, maxLegendBytes a legend.
	maxNameBytes, maxLegendBytes = 256, 4096
	// maxFilterBytes has room for the names of some thousands of models. A plan repeats its filters in each of its selectors, in the worst
	// case hundreds of times.
	maxFilterBytes = 128 << 10

	// frameSampleBytes is what a sample takes in a frame and in its encoding, and frameBytes a frame beside its samples.
	frameSampleBytes, frameBytes = 72, 4096
	// textCopies is how often a text of a frame is held until it is sent: in the frame, in its encoding and in the response.
	textCopies = 3
)

// check returns an error for a request that holds more than any panel needs.
func (r Request) check() error {
	for _, list := range []struct {
		name   string
		values []string
	}{{"statistics", r.Statistics}, {"groupBy", r.GroupBy}, {"eventTypes", r.EventTypes}} {
		if len(list.values) > maxListed {
			return fmt.Errorf("the query has %d %s and %d are allowed", len(list.values), list.name, maxListed)
		}
		for _, value := range list.values {
			if len(value) > maxNameBytes {
				return fmt.Errorf("one of the query's %s has %d bytes and %d are allowed", list.name, len(value), maxNameBytes)
			}
		}
	}
	if len(r.Signal) > maxNameBytes || len(r.Type) > maxNameBytes {
		return fmt.Errorf("the name of the signal or query type is longer than %d bytes", maxNameBytes)
	}
	if len(r.Legend) > maxLegendBytes {
		return fmt.Errorf("the legend has %d bytes and %d are allowed", len(r.Legend), maxLegendBytes)
	}
	bytes := 0
	for _, values := range r.Filters {
		for _, value := range values {
			bytes += len(value)
		}
	}
	if bytes > maxFilterBytes {
		return fmt.Errorf("the values of the filters have %d bytes and %d are allowed: choose fewer, or none for all", bytes, maxFilterBytes)
	}
	return signal.CheckFilters(r.Filters)
}

// reserve books the memory of a result's frames before they are made, and of the texts that each has beside its samples.
func reserve(ctx context.Context, all int, of func(i int) (s series.Series, texts int)) error {
	bytes := 0
	for i := range all {
		s, texts := of(i)
		bytes += len(s.Values)*frameSampleBytes + frameBytes + texts*textCopies
	}
	return admission.FromContext(ctx).Take(ctx, int64(bytes))
}

// frameTexts is how many bytes the executed query, the legend and the labels of a frame have.
func frameTexts(executed, legend string, labels map[string]string) int {
	longest := 0
	for _, value := range labels {
		longest = max(longest, len(value))
	}
	return min(len(executed), frames.MaxSeriesExecuted) + len(legend) + strings.Count(legend, "{{")*longest
}
