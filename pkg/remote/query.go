package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// Range evaluates expr at every step of [start, end]: at least a millisecond a step. A range that is longer than the server
// answers at once is asked for in parts, side by side; where one fails, all do.
func (c *Client) Range(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promql.Answer, error) {
	if step < time.Millisecond {
		return promql.Answer{}, fmt.Errorf("the step %s is shorter than a millisecond, which is the finest there is", step)
	}
	if end.Before(start) {
		return promql.Answer{}, errors.New("the range is empty: it ends before it starts")
	}
	parts := split(start, end, step, c.settings.MaxQueryRange)
	if len(parts) == 1 {
		return c.rangeAtOnce(ctx, expr, parts[0], step, newBudget(c.settings.ResponseLimits))
	}
	return c.rangeInParts(ctx, expr, parts, step)
}

func (c *Client) rangeAtOnce(ctx context.Context, expr string, r span, step time.Duration, left *budget) (promql.Answer, error) {
	return c.query(ctx, c.endpoint("query_range"), url.Values{
		"query": {expr}, "start": {seconds(r.start)}, "end": {seconds(r.end)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	}, left)
}

// Instant evaluates expr at one time.
func (c *Client) Instant(ctx context.Context, expr string, at time.Time) (promql.Answer, error) {
	return c.query(ctx, c.endpoint("query"), url.Values{"query": {expr}, "time": {seconds(at)}}, newBudget(c.settings.ResponseLimits))
}

func (c *Client) query(ctx context.Context, u *url.URL, parameters url.Values, left *budget) (answer promql.Answer, err error) {
	// The server gives up when nobody waits any more.
	parameters.Set("timeout", strconv.FormatFloat(c.timeout.Seconds(), 'f', -1, 64)+"s")
	maps.Copy(parameters, c.settings.CustomQueryParameters)
	err = c.post(ctx, u, parameters, func(body io.Reader) error {
		answer, err = decodeQuery(body, left)
		return err
	})
	if err != nil {
		return promql.Answer{}, err
	}
	return answer, nil
}

// budget is what the answers to the parts of one query may have together.
type budget struct {
	limits  settings.ResponseLimits
	samples atomic.Int64
}

func newBudget(limits settings.ResponseLimits) *budget { return &budget{limits: limits} }

func (b *budget) takeSamples(n int) error {
	if b.samples.Add(int64(n)) > int64(b.limits.Samples) {
		return &tooMuch{b.limits.Samples, "samples"}
	}
	return nil
}

func (b *budget) checkSeries(n int) error {
	if n > b.limits.Series {
		return &tooMuch{b.limits.Series, "series"}
	}
	return nil
}

// seconds writes a time as the API reads it, to the millisecond.
func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
}

// decodeData reads the data of a small answer.
func decodeData(body io.Reader, to any) error {
	var answer struct {
		Status    string          `json:"status"`
		Data      json.RawMessage `json:"data"`
		ErrorType string          `json:"errorType"`
		Error     string          `json:"error"`
	}
	if err := decodeJSON(body, &answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return &said{answer.ErrorType, answer.Error}
	}
	return decodeJSON(bytes.NewReader(answer.Data), to)
}

// decodeJSON reads a small answer. Reading errors stay what they are; others are *syntaxError.
func decodeJSON(body io.Reader, to any) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, to); err != nil {
		return &syntaxError{what: err.Error()}
	}
	return nil
}
