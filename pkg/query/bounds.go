package query

import (
	"context"
	"fmt"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

const (
	// maxListed bounds lists of words: statistics, labels, types. There are fewer of each.
	maxListed = 64
	// maxNameBytes bounds names and words, maxLegendBytes a legend.
	maxNameBytes, maxLegendBytes = 256, 4096

	// frameSampleBytes is what a sample takes in a frame and in its encoding, and frameBytes a frame beside its samples.
	frameSampleBytes, frameBytes = 72, 4096
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
	return signal.CheckFilters(r.Filters)
}

// reserve books the memory of a result's frames before they are made.
func reserve(ctx context.Context, all int, sizes func(i int) series.Series) error {
	samples := 0
	for i := range all {
		samples += len(sizes(i).Values)
	}
	return admission.FromContext(ctx).Take(ctx, int64(samples)*frameSampleBytes+int64(all)*frameBytes)
}
