package remote

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// apiError is an error that the server reported.
type apiError struct{ kind, message string }

func (s *apiError) Error() string { return s.kind + ": " + s.message }

// limitError is a response that exceeds a limit.
type limitError struct {
	limit int
	of    string
}

func (t *limitError) Error() string { return fmt.Sprintf("more than %d %s", t.limit, t.of) }

// duplicateSeriesError is a response that contains a series more than once.
type duplicateSeriesError struct{ labels map[string]string }

func (t *duplicateSeriesError) Error() string {
	return "the series " + describeLabels(t.labels) + " occurs twice"
}

// Envelope words of the HTTP API that say a server answered from a part of its data.
const partialWarning = "The server returned partial data (isPartial): some of its storage did not respond. Values may be too low."

const garbledWarning = "Some labels are not UTF-8; what cannot be read is shown as \uFFFD."

// decoder reads one answer. Each is used once.
type decoder struct {
	*lexer
	left    *budget
	answer  series.Result
	strings map[string]string
	garbled bool

	// What the series that is being read has so far.
	labels     []labelPair
	times      []int64
	values     []float64
	histogramT []int64
	histograms [][]series.Bucket

	uncounted int
	slab      []float64
	seen      map[uint64][]map[string]string
	seed      maphash.Seed
}

type labelPair struct{ name, value string }

// decodeQuery reads the answer of a query, as it comes, into columns. Errors are *syntaxError, *apiError, *limitError, *duplicateSeriesError or the
// reader's.
func decodeQuery(body io.Reader, left *budget) (series.Result, error) {
	d := &decoder{lexer: newLexer(body), left: left, strings: map[string]string{}, seen: map[uint64][]map[string]string{}, seed: maphash.MakeSeed()}
	err := d.envelope(func() error {
		return d.object(func(name []byte) error {
			switch string(name) {
			case "result":
				return d.result()
			case "resultType":
				return d.resultType()
			}
			return d.skip()
		})
	})
	if err == nil {
		err = d.settle()
	}
	if err != nil {
		return series.Result{}, err
	}
	if d.garbled {
		d.answer.Warnings = append(d.answer.Warnings, garbledWarning)
	}
	return d.answer, nil
}

// envelope reads what is around the data of every answer.
func (d *decoder) envelope(data func() error) error {
	var failure apiError
	status := ""
	err := d.object(func(name []byte) error {
		switch string(name) {
		case "status":
			return d.stringTo(&status)
		case "data":
			if c, err := d.peek(); err != nil || c == 'n' {
				return errors.Join(err, d.skip())
			}
			return data()
		case "errorType":
			return d.stringTo(&failure.kind)
		case "error":
			return d.stringTo(&failure.message)
		case "warnings":
			return d.sentences(&d.answer.Warnings)
		case "infos":
			return d.sentences(&d.answer.Infos)
		case "isPartial":
			c, err := d.peek()
			if c == 't' {
				d.answer.Warnings = append(d.answer.Warnings, partialWarning)
			}
			return errors.Join(err, d.skip())
		}
		return d.skip()
	})
	switch {
	case err != nil:
		return err
	case failure != (apiError{}):
		return &failure
	case status == "error":
		return &apiError{"", "it reported an error without a message"}
	case status != "success":
		return d.wrong("the response has no status success")
	}
	return d.close()
}

func (d *decoder) string() (string, error) {
	raw, err := d.text()
	return string(raw), err
}

func (d *decoder) stringTo(to *string) (err error) {
	*to, err = d.string()
	return err
}

func (d *decoder) sentences(to *[]string) error {
	const most = 20
	if c, err := d.peek(); err != nil || c == 'n' {
		return errors.Join(err, d.skip())
	}
	return d.list(func() error {
		sentence, err := d.string()
		if len(*to) < most {
			*to = append(*to, strings.ToValidUTF8(sentence, "\uFFFD"))
		}
		return err
	})
}

func (d *decoder) resultType() error {
	kind, err := d.string()
	if err == nil && kind == "string" {
		return &apiError{"bad_data", "the query returns a string, but only numbers over time can be shown"}
	}
	return err
}

// result reads a matrix, a vector or a scalar: they are told apart by their shapes, so that the order of members is free.
func (d *decoder) result() error {
	if c, err := d.peek(); err != nil || c == 'n' {
		return errors.Join(err, d.skip())
	}
	if err := d.expect('['); err != nil {
		return err
	}
	c, err := d.peek()
	switch {
	case err != nil:
		return err
	case c == ']':
		d.at++
		return nil
	case c != '{':
		return d.scalar()
	}
	for {
		if err := d.one(); err != nil {
			return err
		}
		if closed, err := d.next(']'); err != nil || closed {
			return err
		}
	}
}

// scalar reads a time and a value after their opening bracket.
func (d *decoder) scalar() error {
	d.begin()
	if err := d.restOfPoint(); err != nil {
		return err
	}
	return d.finish()
}

func (d *decoder) begin() {
	d.labels, d.times, d.values = d.labels[:0], d.times[:0], d.values[:0]
	d.histogramT, d.histograms = nil, nil
}

// one reads a series.
func (d *decoder) one() error {
	d.begin()
	err := d.object(func(name []byte) error {
		switch string(name) {
		case "metric":
			return d.metric()
		case "values":
			return d.points()
		case "value":
			return d.point()
		case "histograms":
			return d.list(d.histogramPoint)
		case "histogram":
			return d.histogramPoint()
		}
		return d.skip()
	})
	if err != nil {
		return err
	}
	return d.finish()
}

func (d *decoder) metric() error {
	return d.object(func(name []byte) error {
		key, err := d.intern(name)
		if err != nil {
			return err
		}
		raw, err := d.text()
		if err != nil {
			return err
		}
		value, err := d.intern(raw)
		d.labels = append(d.labels, labelPair{key, value})
		return err
	})
}

// intern keeps one copy of each label's name and value, which recur in many series.
func (d *decoder) intern(raw []byte) (string, error) {
	if known, ok := d.strings[string(raw)]; ok {
		return known, nil
	}
	fresh := string(raw)
	kept := fresh
	if !utf8.ValidString(fresh) {
		d.garbled = true
		kept = strings.ToValidUTF8(fresh, "\uFFFD")
	}
	d.strings[fresh] = kept
	return kept, nil
}

// finish makes the series that was read a part of the answer.
func (d *decoder) finish() error {
	if err := d.left.checkSeries(len(d.answer.Series) + len(d.answer.Histograms) + 1); err != nil {
		return err
	}
	if !ascending(d.times) || !ascending(d.histogramT) {
		return d.wrong("the times of a series do not ascend")
	}
	labels := make(map[string]string, len(d.labels))
	for _, l := range d.labels {
		labels[l.name] = l.value
	}
	if hash := d.hash(); slices.ContainsFunc(d.seen[hash], func(m map[string]string) bool { return maps.Equal(m, labels) }) {
		return &duplicateSeriesError{labels}
	} else {
		d.seen[hash] = append(d.seen[hash], labels)
	}
	if len(d.values) > 0 {
		d.answer.Series = append(d.answer.Series, series.Series{Labels: labels, Times: d.sharedTimes(), Values: d.keepValues()})
	}
	if len(d.histograms) > 0 {
		d.answer.Histograms = append(d.answer.Histograms, series.Histograms{Labels: labels, Times: d.histogramT, Histograms: d.histograms})
	}
	return nil
}

func ascending(times []int64) bool {
	for i := 1; i < len(times); i++ {
		if times[i] <= times[i-1] {
			return false
		}
	}
	return true
}

// hash is the same in whatever order the labels stand.
func (d *decoder) hash() uint64 {
	var sum uint64
	for _, l := range d.labels {
		sum += maphash.String(d.seed, l.name)*31 + maphash.String(d.seed, l.value)
	}
	return sum
}

// sharedTimes are those of the series before, where they are equal, as they are for most series of a range. Nobody may change
// them in place.
func (d *decoder) sharedTimes() []int64 {
	if n := len(d.answer.Series); n > 0 && slices.Equal(d.answer.Series[n-1].Times, d.times) {
		return d.answer.Series[n-1].Times
	}
	return slices.Clip(slices.Clone(d.times))
}

// keepValues copies the values, small ones together into one piece of memory.
func (d *decoder) keepValues() []float64 {
	const slabSize = 2048
	n := len(d.values)
	if n > slabSize/8 {
		return slices.Clip(slices.Clone(d.values))
	}
	if len(d.slab) < n {
		d.slab = make([]float64, slabSize)
	}
	kept := d.slab[:n:n]
	d.slab = d.slab[n:]
	copy(kept, d.values)
	return kept
}

func describeLabels(labels map[string]string) string {
	parts := make([]string, 0, len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, name+"="+strconv.Quote(labels[name]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
