package management

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
)

// triton is the Open Inference Protocol with Triton's statistics extension, which tells memory and the last use.
type triton struct{}

func (triton) Title() string { return "Triton's HTTP API" }

func (triton) Advice() string {
	return "Set the target's management URL to where Triton's HTTP API listens, usually at port 8000."
}

func (triton) Signals() []string { return slices.Concat(residency, fromStatistics) }

// fromStatistics are the signals that need the statistics extension.
var fromStatistics = []string{modelMemory, ageAtEviction}

func (triton) Version(ctx context.Context, c *Client) (string, error) { return c.serverVersion(ctx) }

func (triton) List(ctx context.Context, c *Client) (Listing, error) {
	models, err := c.repositoryIndex(ctx)
	if err != nil {
		return Listing{}, err
	}
	listing := Listing{Models: models}
	if err := c.addStatistics(ctx, listing.Models); err != nil {
		if ctx.Err() != nil {
			return Listing{}, err
		}
		listing.Incomplete = &Problem{Signals: fromStatistics, Reason: err}
	}
	return listing, nil
}

// statistics are those of one model since it was loaded. LastInference is in milliseconds since 1970, 0 if there was none.
type statistics struct {
	Name          string `json:"name"`
	Version       string `json:"version"`
	LastInference int64  `json:"last_inference"`
	Inference     struct {
		Success requestCount `json:"success"`
		Fail    requestCount `json:"fail"`
	} `json:"inference_stats"`
	// Memory has an entry for each device on which the backend accounts for the model's memory; most account for none.
	Memory []struct {
		Bytes int64 `json:"byte_size"`
	} `json:"memory_usage"`
}

type requestCount struct {
	Count int64 `json:"count"`
}

// addStatistics adds to the models in memory what Triton counts for them.
func (c *Client) addStatistics(ctx context.Context, models []Model) error {
	u := c.base.JoinPath("v2", "models", "stats")
	var answer struct {
		Models []statistics `json:"model_stats"`
	}
	err := c.get(ctx, u, &answer)
	if errors.Is(err, errNotFound) {
		return fmt.Errorf("%s does not exist (HTTP 404): this server, or a proxy in front of it, has no statistics extension", redact.URL(u))
	}
	if err != nil {
		return err
	}
	if answer.Models == nil {
		return c.otherAPI(u)
	}
	type key struct{ name, version string }
	known := make(map[key]statistics, len(answer.Models))
	for _, s := range answer.Models {
		known[key{s.Name, s.Version}] = s
	}
	for i := range models {
		if s, has := known[key{models[i].Name, models[i].Version}]; has && models[i].Residency == Resident {
			models[i].add(s)
		}
	}
	return nil
}

func (m *Model) add(s statistics) {
	m.Usage = &Usage{Requests: addCounts(s.Inference.Success.Count, s.Inference.Fail.Count)}
	if s.LastInference > 0 {
		m.Usage.Last = time.UnixMilli(s.LastInference)
	}
	for _, device := range s.Memory {
		m.MemoryBytes = addCounts(m.MemoryBytes, device.Bytes)
	}
}
