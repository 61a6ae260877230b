package management

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

// torchServe is TorchServe's management API. It lists the models' names in pages, and tells the rest one model at a time.
type torchServe struct{}

const (
	// torchServePage is TorchServe's own limit; of a larger one it makes this.
	torchServePage = 100
	// maxDescribed bounds the models, each of which takes a request.
	maxDescribed = 2000
)

func (torchServe) Title() string { return "TorchServe's management API" }

func (torchServe) Advice() string {
	return "Set the target's management URL to where the management API listens, usually at port 8081, and on loopback alone unless " +
		"management_address in config.properties says otherwise. With token authorization, the API key is the management key of key_file.json."
}

func (torchServe) Signals() []string {
	return slices.Concat(residency, []string{replicas, modelMemory})
}

func (torchServe) Version(ctx context.Context, c *Client) (string, error) {
	return c.versionAt(ctx, c.base.JoinPath("api-description"), func(a versionResponse) string { return a.Info.Version })
}

func (torchServe) List(ctx context.Context, c *Client) (Listing, error) {
	names, err := c.torchServeNames(ctx)
	if err != nil {
		return Listing{}, err
	}
	described := make([][]Model, len(names))
	var done atomic.Int64
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(target.MaxConcurrent)
	for i, name := range names {
		group.Go(func() error {
			if err := groupCtx.Err(); err != nil {
				return err
			}
			models, err := c.describeTorchServe(groupCtx, name)
			described[i] = models
			if err == nil {
				done.Add(1)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("%s described %d of %d models in the time between two polls, one request each. Ask less often.",
				c.Address(), done.Load(), len(names))
		}
		return Listing{}, err
	}
	return Listing{Models: slices.Concat(described...)}, nil
}

// torchServeNames reads all pages.
func (c *Client) torchServeNames(ctx context.Context) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	for token := ""; ; {
		u := c.base.JoinPath("models")
		u.RawQuery = url.Values{"limit": {strconv.Itoa(torchServePage)}}.Encode()
		if token != "" {
			u.RawQuery += "&next_page_token=" + url.QueryEscape(token)
		}
		var page struct {
			Next   string `json:"nextPageToken"`
			Models []struct {
				Name string `json:"modelName"`
			} `json:"models"`
		}
		if err := c.get(ctx, u, &page); err != nil {
			return nil, err
		}
		if page.Models == nil {
			return nil, c.otherAPI(u)
		}
		for _, m := range page.Models {
			if m.Name == "" {
				return nil, c.otherAPI(u)
			}
			names = append(names, m.Name)
		}
		switch {
		case len(names) > maxDescribed:
			return nil, fmt.Errorf("%s lists more than %d models; each takes a request, and more are not asked for.", redact.URL(u), maxDescribed)
		case page.Next == "":
			return names, nil
		case seen[page.Next], len(page.Models) == 0:
			return nil, fmt.Errorf("%s lists its models in pages that never end. See the server's log, and any proxy between.", redact.URL(u))
		}
		seen[page.Next] = true
		token = page.Next
	}
}

// description is one version of a model.
type description struct {
	Name       string   `json:"modelName"`
	Version    string   `json:"modelVersion"`
	MinWorkers int      `json:"minWorkers"`
	MaxWorkers int      `json:"maxWorkers"`
	Workers    []worker `json:"workers"`
}

// worker is a process with a copy of the model. Its status is UNLOADING as long as the model is not loaded, be it the first
// time or after the process ended; old versions say READY from the beginning.
type worker struct {
	ID          string `json:"id"`
	StartTime   string `json:"startTime"`
	Status      string `json:"status"`
	MemoryBytes int64  `json:"memoryUsage"`
	// PID is -1 until the process runs, and nil in versions that do not tell it.
	PID *int `json:"pid"`
}

func (w worker) loaded() bool { return w.Status == "READY" && (w.PID == nil || *w.PID > 0) }

// id changes with the start time, which is a new worker's, and with the process, which is a worker's after a crash.
func (w worker) id() string {
	id := w.ID + " " + w.StartTime
	if w.PID != nil {
		id += " " + strconv.Itoa(*w.PID)
	}
	return id
}

// describeTorchServe asks for all versions of a model; none if the model is gone by now.
func (c *Client) describeTorchServe(ctx context.Context, name string) ([]Model, error) {
	u := c.base.JoinPath("models", url.PathEscape(name), "all")
	var versions []description
	err := c.get(ctx, u, &versions)
	if errors.Is(err, errNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	models := make([]Model, 0, len(versions))
	for _, v := range versions {
		if v.Name != name {
			return nil, c.otherAPI(u)
		}
		models = append(models, v.model())
	}
	return models, nil
}

func (d description) model() Model {
	m := Model{Name: d.Name, Version: d.Version, Replicas: &Replicas{Min: replicaCount(d.MinWorkers), Max: replicaCount(d.MaxWorkers)}}
	for _, w := range d.Workers {
		m.Copies = append(m.Copies, Copy{ID: w.id(), Loaded: w.loaded()})
		m.MemoryBytes = addCounts(m.MemoryBytes, w.MemoryBytes)
	}
	m.countCopies()
	// TorchServe starts and ends workers only to be within the bounds.
	m.Replicas.Desired = min(max(len(d.Workers), m.Replicas.Min), max(m.Replicas.Max, m.Replicas.Min))
	return m
}

// countCopies fills in what follows from the copies.
func (m *Model) countCopies() {
	for _, c := range m.Copies {
		if c.Loaded {
			m.Replicas.Active++
		} else {
			m.Replicas.Starting++
		}
	}
	switch {
	case m.Replicas.Active > 0:
		m.Residency = Resident
	case m.Replicas.Starting > 0:
		m.Residency = Loading
	}
}
