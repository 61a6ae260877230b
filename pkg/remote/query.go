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
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/passes"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

var (
	_ executor.Executor = (*Client)(nil)
	_ executor.PromQL   = (*Client)(nil)
)

// Range evaluates a plan at every step of r, which is at least a millisecond. A range that is longer than the server answers in one
// request is split into parts, which are queried concurrently. If one fails, all fail.
func (c *Client) Range(ctx context.Context, n plan.Node, r executor.Range) (series.Result, error) {
	if err := checkRange(r); err != nil {
		return series.Result{}, err
	}
	parts := split(r.Start, r.End, r.Step, c.settings.MaxQueryRange)
	if len(parts) == 1 {
		return c.rangeAtOnce(ctx, promql.Text(n, r.Span), parts[0], r.Step, newBudget(ctx, c.settings.ResponseLimits))
	}
	return c.rangeInParts(ctx, promql.Text(passes.Pin(n, r.End), r.Span), parts, r.Step)
}

// RangePromQL evaluates what a user typed at every step of r, as Range does. Text that is not PromQL is not split, as it may depend on
// the range in unknown ways.
func (c *Client) RangePromQL(ctx context.Context, expr string, r executor.Range) (series.Result, error) {
	if err := checkRange(r); err != nil {
		return series.Result{}, err
	}
	parts := split(r.Start, r.End, r.Step, c.settings.MaxQueryRange)
	whole := span{r.Start, r.End}
	if len(parts) == 1 {
		return c.rangeAtOnce(ctx, expr, whole, r.Step, newBudget(ctx, c.settings.ResponseLimits))
	}
	pinned, divisible := pin(expr, whole)
	if !divisible {
		return c.rangeAtOnce(ctx, expr, whole, r.Step, newBudget(ctx, c.settings.ResponseLimits))
	}
	return c.rangeInParts(ctx, pinned, parts, r.Step)
}

func checkRange(r executor.Range) error {
	if r.Step < time.Millisecond {
		return fmt.Errorf("the step %s is shorter than the shortest possible, one millisecond", r.Step)
	}
	if r.End.Before(r.Start) {
		return errors.New("the range is empty: it ends before it starts")
	}
	return nil
}

func (c *Client) rangeAtOnce(ctx context.Context, expr string, r span, step time.Duration, left *budget) (series.Result, error) {
	return c.query(ctx, c.endpoint("query_range"), url.Values{
		"query": {expr}, "start": {seconds(r.start)}, "end": {seconds(r.end)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	}, left)
}

// Instant evaluates a plan at one time.
func (c *Client) Instant(ctx context.Context, n plan.Node, at executor.Instant) (series.Result, error) {
	return c.InstantPromQL(ctx, promql.Text(n, at.Span), at.At)
}

// InstantPromQL evaluates what a user typed at one time.
func (c *Client) InstantPromQL(ctx context.Context, expr string, at time.Time) (series.Result, error) {
	return c.query(ctx, c.endpoint("query"), url.Values{"query": {expr}, "time": {seconds(at)}}, newBudget(ctx, c.settings.ResponseLimits))
}

func (c *Client) query(ctx context.Context, u *url.URL, parameters url.Values, left *budget) (answer series.Result, err error) {
	// The server gives up when nobody waits any more.
	parameters.Set("timeout", strconv.FormatFloat(c.timeout.Seconds(), 'f', -1, 64)+"s")
	maps.Copy(parameters, c.settings.CustomQueryParameters)
	err = c.post(ctx, u, parameters, func(body io.Reader) error {
		answer, err = decodeQuery(body, left)
		return err
	})
	if err != nil {
		return series.Result{}, err
	}
	return answer, nil
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
		return &apiError{answer.ErrorType, answer.Error}
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
