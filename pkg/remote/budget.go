package remote

import (
	"context"
	"sync"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

const (
	// sampleBytes is what a sample of a response takes, with the copy that is made of it on its way to a frame.
	sampleBytes = 40
	// batch is how many samples are booked at once.
	batch = 1 << 14
)

// budget is what the responses to the parts of one query may have together: the settings' limits, and memory of the request.
type budget struct {
	limits settings.ResponseLimits
	book   func(bytes int64) error

	mu              sync.Mutex
	samples, booked int
}

func newBudget(ctx context.Context, limits settings.ResponseLimits) *budget {
	request := admission.FromContext(ctx)
	return &budget{limits: limits, book: func(bytes int64) error { return request.Take(ctx, bytes) }}
}

// takeSamples is called before the samples are kept.
func (b *budget) takeSamples(n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.samples += n; b.samples > b.limits.Samples {
		return &limitError{b.limits.Samples, "samples"}
	}
	if b.samples <= b.booked {
		return nil
	}
	more := max(b.samples-b.booked, batch)
	b.booked += more
	return b.book(int64(more) * sampleBytes)
}

func (b *budget) checkSeries(n int) error {
	if n > b.limits.Series {
		return &limitError{b.limits.Series, "series"}
	}
	return nil
}
