package storage

import (
	"errors"
	"io"
	"log/slog"
	"strings"

	"github.com/prometheus/prometheus/tsdb/record"
	"github.com/prometheus/prometheus/tsdb/wlog"
)

// pageBytes is the size of a page of the log. A record begins where the one before ends, and the first one of a page at its start, so that
// records behind damage are found at the next page.
const pageBytes = 32 << 10

// reading is what was found in a segment.
type reading struct {
	// whole is where the first damage begins, and failure what it is; nil if there is none.
	whole   int64
	failure error
	// torn is set if the damage is a record that was not written to its end.
	torn bool
	// recordsAfter and samplesAfter say that there are any behind the damage.
	recordsAfter, samplesAfter bool
	// before and after are the times of the newest sample before the damage and of the first one behind it, in unix milliseconds; 0 if unknown.
	before, after int64
}

// read goes through a segment, page by page behind damage, and hands its records on.
func (r *logReader) read(folder string, index int, each func([]byte) error) (out reading, err error) {
	var size int64
	for from := int64(0); from == 0 || from < size; {
		whole, reached, length, failure, err := readSegment(folder, index, from, func(rec []byte) error {
			samples, first := r.note(rec)
			if out.failure != nil {
				out.recordsAfter, out.samplesAfter = true, out.samplesAfter || samples
				if out.after == 0 {
					out.after = first
				}
			}
			return each(rec)
		})
		if err != nil {
			return out, err
		}
		size = length
		if failure == nil {
			break
		}
		if out.failure == nil {
			out.whole, out.failure, out.before = whole, failure, r.last
			out.torn = reached > size || isTorn(failure)
		}
		from = max((whole/pageBytes+1)*pageBytes, from+pageBytes)
	}
	out.torn = out.torn && !out.samplesAfter
	return out, nil
}

// isTorn is whether a record ends where the next one begins, or the segment does.
func isTorn(failure error) bool {
	text := failure.Error()
	return strings.Contains(text, "last record is torn") || strings.Contains(text, "unexpected full record") || strings.Contains(text, "unexpected first record")
}

// readSegment reads records from an offset on. whole is the end of the last one, reached how far was read, size that of the file. The
// failure is damage, the error one of the file system or of each.
func readSegment(folder string, index int, from int64, each func([]byte) error) (whole, reached, size int64, failure, err error) {
	defer recovered(&failure)
	segment, err := wlog.OpenReadSegment(wlog.SegmentName(folder, index))
	if err != nil {
		return from, from, 0, nil, err
	}
	defer func() { _ = segment.Close() }()
	info, err := segment.Stat()
	if err != nil {
		return from, from, 0, nil, err
	}
	size, whole = info.Size(), from
	stream, err := wlog.NewSegmentBufReaderWithOffset(int(from), segment)
	if errors.Is(err, io.EOF) {
		return from, from, size, nil, nil
	}
	if err != nil {
		return from, from, size, nil, err
	}
	reader := wlog.NewReader(stream)
	for reader.Next() {
		if err := each(reader.Record()); err != nil {
			return whole, whole, size, nil, err
		}
		whole = from + reader.Offset()
	}
	return whole, from + reader.Offset(), size, reader.Err(), nil
}

// note keeps the time of the newest sample of a record. It answers whether there are any, and the time of the first, 0 if unknown.
func (r *logReader) note(rec []byte) (samples bool, first int64) {
	decoder := record.NewDecoder(nil, slog.New(slog.DiscardHandler))
	switch decoder.Type(rec) {
	case record.Series:
		series, err := decoder.Series(rec, nil)
		if err == nil {
			for _, one := range series {
				r.known = max(r.known, one.Ref)
			}
		}
		return false, 0
	case record.Samples, record.SamplesV2:
	case record.HistogramSamples, record.CustomBucketsHistogramSamples, record.FloatHistogramSamples, record.CustomBucketsFloatHistogramSamples:
		return true, 0
	default:
		return false, 0
	}
	found, err := decoder.Samples(rec, nil)
	if err != nil || len(found) == 0 {
		return false, 0
	}
	first = found[0].T
	for _, one := range found {
		first, r.last, r.used = min(first, one.T), max(r.last, one.T), max(r.used, one.Ref)
	}
	r.close(first)
	return true, first
}
