package remote

import (
	"errors"
	"math"
	"strconv"

	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// countedAtOnce is how many samples are read before they are taken from what is left.
const countedAtOnce = 1024

func (d *decoder) add(t int64, v float64) error {
	d.times, d.values = append(d.times, t), append(d.values, v)
	return d.count(1)
}

func (d *decoder) count(n int) error {
	if d.uncounted += n; d.uncounted < countedAtOnce {
		return nil
	}
	return d.settle()
}

func (d *decoder) settle() error {
	n := d.uncounted
	d.uncounted = 0
	return d.left.takeSamples(n)
}

// points reads the times and values of a matrix's series: nearly all of an answer, so it goes over the window directly where
// it can.
func (d *decoder) points() error {
	if err := d.expect('['); err != nil {
		return err
	}
	if c, err := d.peek(); err != nil || c == ']' {
		d.at++
		return err
	}
	for {
		if d.end-d.at < maxPointBytes {
			d.more()
		}
		if t, v, n := scanPoint(d.window[d.at:d.end]); n > 0 {
			d.at += n
			if err := d.add(t, v); err != nil {
				return err
			}
		} else if err := d.point(); err != nil {
			return err
		}
		if closed, err := d.next(']'); err != nil || closed {
			return err
		}
	}
}

// point reads one time and value in whatever form.
func (d *decoder) point() error {
	if err := d.expect('['); err != nil {
		return err
	}
	return d.restOfPoint()
}

func (d *decoder) restOfPoint() error {
	t, err := d.time()
	if err != nil {
		return err
	}
	v, err := d.quoted()
	if err != nil {
		return err
	}
	if err := d.expect(']'); err != nil {
		return err
	}
	return d.add(t, v)
}

// time reads a time in seconds and the comma behind it; it answers milliseconds.
func (d *decoder) time() (int64, error) {
	raw, err := d.number()
	if err != nil {
		return 0, err
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.Abs(seconds) > math.MaxInt64/2000 {
		return 0, d.wrong("%.40q is not a time", raw)
	}
	return int64(math.Round(seconds * 1000)), d.expect(',')
}

// quoted reads a value, which stands in quotes, because JSON has no infinities.
func (d *decoder) quoted() (float64, error) {
	raw, err := d.text()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, d.wrong("%.40q is not a number", raw)
	}
	return v, nil
}

// histogramPoint reads the time and the buckets of a native histogram.
func (d *decoder) histogramPoint() error {
	if err := d.expect('['); err != nil {
		return err
	}
	t, err := d.time()
	if err != nil {
		return err
	}
	var buckets []series.Bucket
	err = d.object(func(name []byte) error {
		if string(name) != "buckets" {
			return d.skip()
		}
		return d.list(func() error {
			b, err := d.bucket()
			if b.Weight > 0 {
				buckets = append(buckets, b)
			}
			return errors.Join(err, d.count(1))
		})
	})
	if err != nil {
		return err
	}
	if err := d.count(1); err != nil {
		return err
	}
	d.histogramT, d.histograms = append(d.histogramT, t), append(d.histograms, buckets)
	return d.expect(']')
}

// bucket reads which of a bucket's bounds belong to it (this is not kept), its bounds and its weight.
func (d *decoder) bucket() (b series.Bucket, err error) {
	if err := d.expect('['); err != nil {
		return b, err
	}
	if _, err := d.number(); err != nil {
		return b, err
	}
	for _, to := range []*float64{&b.Lower, &b.Upper, &b.Weight} {
		if err := d.expect(','); err != nil {
			return b, err
		}
		if *to, err = d.quoted(); err != nil {
			return b, err
		}
	}
	return b, d.expect(']')
}
