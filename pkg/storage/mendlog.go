package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/fileutil"
	"github.com/prometheus/prometheus/tsdb/record"
	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"
)

// logReader goes through the log in order, and mends what it finds.
type logReader struct {
	store *Store
	// last is the time of the newest sample read so far, in unix milliseconds; 0 if there was none.
	last int64
	// known is the highest reference of a series whose labels were read, used the highest that has samples or chunks.
	known, used chunks.HeadSeriesRef
	// open are the damaged parts whose end is not known yet.
	open []*pendingPart
	done []*pendingPart
}

// pendingPart is a damaged segment that is to be set aside, or one that is missing, which has no path.
type pendingPart struct {
	path, name string
	from, to   int64
	mended     string
}

// mendLog makes the log readable: gaps are filled with empty segments, and damaged segments replaced by what can be read of them. A record
// that was cut by a failed write or a kill is cut off: its commit did not succeed. A checkpoint is written whole or not at all. The TSDB itself
// would delete all that follows damage. used is the highest reference of a series in chunks_head.
func (s *Store) mendLog(used chunks.HeadSeriesRef) (missing []Part, err error) {
	if err := s.finishMending(); err != nil {
		return nil, err
	}
	folder := filepath.Join(s.options.Dir, logFolder)
	r := &logReader{store: s, used: used}
	first := 0
	if checkpoint, index, err := wlog.LastCheckpoint(folder); err == nil {
		segments, err := segmentsIn(checkpoint)
		if err != nil {
			return nil, err
		}
		if len(segments) == 0 {
			err = r.fill(checkpoint, 0)
		} else {
			err = r.mendAll(checkpoint, segments, 0)
		}
		if err != nil {
			return nil, err
		}
		first = index + 1
	} else if !errors.Is(err, record.ErrNotFound) {
		return nil, err
	}
	segments, err := segmentsIn(folder)
	if err != nil {
		return nil, err
	}
	var kept []int
	for _, index := range segments {
		if index >= first {
			kept = append(kept, index)
		}
	}
	if err := r.mendAll(folder, kept, first); err != nil {
		return nil, err
	}
	missing, err = r.finish()
	return missing, errors.Join(err, r.reserve(folder))
}

// reserve keeps the references of series whose labels are lost from being given to new series, which would get their samples.
func (r *logReader) reserve(folder string) (err error) {
	if r.used <= r.known {
		return nil
	}
	log, err := wlog.NewSize(slog.New(slog.DiscardHandler), nil, folder, segmentBytes, compression.Snappy)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	lost := record.RefSeries{Ref: r.used, Labels: labels.FromStrings(model.MetricNameLabel, lostSeries)}
	encoder := record.Encoder{}
	return log.Log(encoder.Series([]record.RefSeries{lost}, nil))
}

// lostSeries is the name of a series without samples that holds the place of those whose labels are lost.
const lostSeries = "modelserving_storage_lost"

// segmentsIn lists the segments of a folder in order.
func segmentsIn(folder string) ([]int, error) {
	found, err := names(folder)
	var out []int
	for _, name := range found {
		if index, err := strconv.Atoi(name); err == nil {
			out = append(out, index)
		}
	}
	return out, err
}

// mendAll goes through segments, of which the first has to have a number.
func (r *logReader) mendAll(folder string, segments []int, next int) error {
	last := -1
	for _, index := range segments {
		if size, err := sizeOf(folder, index); err != nil {
			return err
		} else if size > 0 {
			last = index
		}
	}
	for _, index := range segments {
		for ; next < index; next++ {
			if err := r.fill(folder, next); err != nil {
				return err
			}
		}
		if err := r.mend(folder, index, index >= last); err != nil {
			return err
		}
		next = index + 1
	}
	if len(segments) == 0 && next > 0 {
		// The TSDB reads on behind the checkpoint, and would begin to write before it.
		return r.fill(folder, next)
	}
	return nil
}

func sizeOf(folder string, index int) (int64, error) {
	segment, err := wlog.OpenReadSegment(wlog.SegmentName(folder, index))
	if err != nil {
		return 0, err
	}
	defer func() { _ = segment.Close() }()
	info, err := segment.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// fill puts an empty segment where one is missing.
func (r *logReader) fill(folder string, index int) error {
	segment, err := wlog.CreateSegment(folder, index)
	if err != nil {
		return err
	}
	r.open = append(r.open, &pendingPart{name: segmentName(folder, index), from: r.last})
	return errors.Join(segment.Sync(), segment.Close())
}

// segmentName is that of a segment in reports: 00000003, or checkpoint.00000002-00000000.
func segmentName(folder string, index int) string {
	name := filepath.Base(wlog.SegmentName("", index))
	if base := filepath.Base(folder); base != logFolder {
		name = base + "-" + name
	}
	return name
}

// close ends the missing segments with the first sample behind them.
func (r *logReader) close(at int64) {
	for _, part := range r.open {
		part.to = at
	}
	r.done = append(r.done, r.open...)
	r.open = nil
}

// mend makes one segment readable. last is whether nothing was written to a later one.
func (r *logReader) mend(folder string, index int, last bool) error {
	begin := r.last
	found, err := r.read(folder, index, func([]byte) error { return nil })
	switch {
	case err != nil || found.failure == nil:
		return err
	case found.torn && (last || !found.recordsAfter) && filepath.Base(folder) == logFolder:
		r.store.options.Logger.Info("A record of the log that was not written to its end is cut off", "segment", index, "err", found.failure)
		segment, err := wlog.CreateSegment(folder, index)
		if err != nil {
			return err
		}
		return errors.Join(truncate(segment, found.whole), segment.Close())
	}
	r.store.options.Logger.Error("The log is damaged", "segment", index, "err", found.failure)
	r.last = begin
	mended, err := r.rewrite(folder, index)
	if err != nil {
		return fmt.Errorf("write segment %d of the log anew: %w", index, err)
	}
	part := &pendingPart{path: wlog.SegmentName(folder, index), name: segmentName(folder, index), from: found.before, to: found.after, mended: mended}
	if part.to != 0 {
		r.done = append(r.done, part)
	} else {
		r.open = append(r.open, part)
	}
	return nil
}

// rewrite writes what can be read of a segment to a new file.
func (r *logReader) rewrite(folder string, index int) (path string, err error) {
	to := filepath.Join(r.store.options.Dir, mendingFolder, segmentName(folder, index))
	log, err := wlog.NewSize(slog.New(slog.DiscardHandler), nil, to, 1<<30, compression.Snappy)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	_, last, err := wlog.Segments(to)
	if err != nil {
		return "", err
	}
	if err := log.Truncate(last); err != nil {
		return "", err
	}
	_, err = r.read(folder, index, func(rec []byte) error { return log.Log(rec) })
	return wlog.SegmentName(to, last), err
}

// finish puts the mended segments in the place of the damaged ones, and answers what is missing without a file to set aside.
func (r *logReader) finish() (missing []Part, err error) {
	r.done = append(r.done, r.open...)
	for _, part := range r.done {
		from, to := unixTime(part.from), unixTime(part.to)
		if part.path == "" {
			missing = append(missing, Part{Kind: LogPart, Name: part.name, From: from, To: to, At: time.Now()})
			continue
		}
		if _, err := r.store.move(part.path, entryName(LogPart, part.name, from, to)); err != nil {
			return missing, err
		}
		if err := fileutil.Rename(part.mended, part.path); err != nil {
			return missing, err
		}
	}
	return missing, nil
}

func unixTime(milliseconds int64) time.Time {
	if milliseconds == 0 {
		return time.Time{}
	}
	return time.UnixMilli(milliseconds)
}

// finishMending puts a mended segment in its place where a kill came between that and setting the damaged one aside. Before that, the
// damaged one is still there and is mended again.
func (s *Store) finishMending() error {
	folder := filepath.Join(s.options.Dir, mendingFolder)
	found, err := names(folder)
	if err != nil {
		return err
	}
	for _, name := range found {
		into := filepath.Join(s.options.Dir, logFolder)
		segment := name
		if base, rest, nested := strings.Cut(name, "-"); nested {
			into, segment = filepath.Join(into, base), rest
		}
		present, err := contains(into, segment)
		if err != nil {
			return err
		}
		files, err := segmentsIn(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		if present || len(files) == 0 {
			continue
		}
		if err := fileutil.Rename(wlog.SegmentName(filepath.Join(folder, name), files[len(files)-1]), filepath.Join(into, segment)); err != nil {
			return err
		}
	}
	return nil
}
