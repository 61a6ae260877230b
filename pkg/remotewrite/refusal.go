package remotewrite

import (
	"context"
	"errors"

	"github.com/prometheus/prometheus/prompb"
)

// A server that refuses one sample refuses the request that it came in. Its other samples are looked for by halves, in at most
// so many requests: with one faulty series of a thousand some twenty are needed.
const (
	searchRequests = 64
	// searchAgain is how many there are after a batch was refused to its last sample, as history is by servers that take none.
	searchAgain = 4
	// seriesParts is how many parts a series is divided into. A series with fewer samples is not divided.
	seriesParts = 4
)

// send sends a batch, and of one that is refused whatever is not.
func (s *Sender) send(ctx context.Context, w *window, b *batch) error {
	search := &search{to: s.to, left: searchRequests}
	if w.refuses() && !b.doubtful {
		search.left = searchAgain
	}
	if err := search.send(ctx, b.series); err != nil {
		if search.accepted > 0 || errors.Is(err, ErrUnanswered) {
			w.doubt(b)
		}
		return err
	}
	w.finish(b, search.accepted == 0)
	refused := b.samples - search.accepted
	s.update(func(status *Status) {
		status.Sent += search.accepted
		switch {
		case b.doubtful:
			status.Repeated += refused
		case search.refusal != nil:
			status.Refused += refused
			status.Refusal = search.refusal.Error()
		}
	})
	return nil
}

type search struct {
	to Destination
	// left is how many requests may still be made.
	left     int
	accepted int64
	refusal  error
}

// send answers errors that are no refusals.
func (s *search) send(ctx context.Context, all []prompb.TimeSeries) error {
	if len(all) == 0 || s.left == 0 {
		return nil
	}
	s.left--
	err := s.to.Write(ctx, all)
	switch {
	case err == nil:
		s.accepted += countAll(all)
		return nil
	case !errors.Is(err, ErrRefused):
		return err
	}
	s.refusal = err
	for _, part := range parts(all) {
		if err := s.send(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// parts divides by series. What is one series is divided once, by time and in its order: servers refuse what is old, and then
// take the rest.
func parts(all []prompb.TimeSeries) [][]prompb.TimeSeries {
	if len(all) > 1 {
		return [][]prompb.TimeSeries{all[:len(all)/2], all[len(all)/2:]}
	}
	whole := all[0]
	longest := max(len(whole.Samples), len(whole.Histograms))
	if longest < seriesParts {
		return nil
	}
	var out [][]prompb.TimeSeries
	for i := range seriesParts {
		out = append(out, []prompb.TimeSeries{{Labels: whole.Labels, Samples: part(whole.Samples, i), Histograms: part(whole.Histograms, i)}})
	}
	return out
}

func part[T any](all []T, i int) []T {
	return all[i*len(all)/seriesParts : (i+1)*len(all)/seriesParts]
}
