package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	jsoniter "github.com/json-iterator/go"
	stock "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/frames"
)

// answerOf500 is p95 of 500 models over an hour: 120,500 numbers.
func answerOf500() []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var out bytes.Buffer
	out.WriteString(`{"status":"success","data":{"resultType":"matrix","result":[`)
	for m := range 500 {
		if m > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, `{"metric":{"deployment":"d%d","environment":"production","model":"model-%03d"},"values":[`, m%7, m)
		for i := range 241 {
			if i > 0 {
				out.WriteByte(',')
			}
			fmt.Fprintf(&out, `[%d,"%s"]`, 1_700_000_000+15*i, strconv.FormatFloat(random.ExpFloat64()/10, 'f', -1, 64))
		}
		out.WriteString("]}")
	}
	out.WriteString("]}}\n")
	return out.Bytes()
}

// stockDecode does what client_golang's API does with an answer's body: it reads all of it, then the envelope, then the value.
func stockDecode(body io.Reader) (model.Matrix, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	var envelope struct {
		Status string          `json:"status"`
		Data   json.RawMessage `json:"data"`
	}
	if err := jsoniter.ConfigCompatibleWithStandardLibrary.Unmarshal(text, &envelope); err != nil {
		return nil, err
	}
	var result struct {
		Type   model.ValueType `json:"resultType"`
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(envelope.Data, &result); err != nil {
		return nil, err
	}
	var matrix model.Matrix
	return matrix, jsoniter.Unmarshal(result.Result, &matrix)
}

// stockFrames are made of what the stock decoder answers, a frame a series.
func stockFrames(of model.Matrix) (out data.Frames) {
	for _, s := range of {
		labels := make(data.Labels, len(s.Metric))
		for name, value := range s.Metric {
			labels[string(name)] = string(value)
		}
		times, values := make([]time.Time, len(s.Values)), make([]float64, len(s.Values))
		for i, v := range s.Values {
			times[i], values[i] = v.Timestamp.Time().UTC(), float64(v.Value)
		}
		out = append(out, data.NewFrame("", data.NewField("Time", nil, times), data.NewField("Value", labels, values)))
	}
	return out
}

var _ stock.API // its package registers the reading of samples with json-iterator

// The target: decoding to frames takes at most half of what the stock decoder takes.
func TestDecodingToFramesIsFasterThanTheStockDecoder(t *testing.T) {
	text := answerOf500()
	ours := func() {
		got, err := decodeQuery(bytes.NewReader(text), newBudget(context.Background(), plain().ResponseLimits))
		require.NoError(t, err)
		require.Len(t, frames.Raw(got.Series, "", time.Second, "", nil), 500)
	}
	theirs := func() {
		got, err := stockDecode(bytes.NewReader(text))
		require.NoError(t, err)
		require.Len(t, stockFrames(got), 500)
	}
	mine, stocks := medians(ours, theirs)
	ratio := float64(mine) / float64(stocks)
	t.Logf("120,500 numbers to 500 frames: %s, the stock decoder (client_golang) %s: %.2f of it", mine, stocks, ratio)
	require.Less(t, ratio, 0.5)
}

// medians takes turns, so that both meet the same machine.
func medians(a, b func()) (ofA, ofB time.Duration) {
	var as, bs []time.Duration
	for range 9 {
		for _, one := range []struct {
			run func()
			to  *[]time.Duration
		}{{a, &as}, {b, &bs}} {
			began := time.Now()
			one.run()
			*one.to = append(*one.to, time.Since(began))
		}
	}
	slices.Sort(as)
	slices.Sort(bs)
	return as[len(as)/2], bs[len(bs)/2]
}

// BenchmarkDecode goes from an answer's bytes to frames.
func BenchmarkDecode(b *testing.B) {
	text := answerOf500()
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			got, err := decodeQuery(bytes.NewReader(text), newBudget(context.Background(), plain().ResponseLimits))
			if err != nil {
				b.Fatal(err)
			}
			frames.Raw(got.Series, "", time.Second, "", nil)
		}
	})
	b.Run("client_golang", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			got, err := stockDecode(bytes.NewReader(text))
			if err != nil {
				b.Fatal(err)
			}
			stockFrames(got)
		}
	})
}
