package management

import (
	"context"
	"net/url"
	"slices"
)

// openInference is the Open Inference Protocol v2 with its model repository extension, as MLServer and Triton speak it.
type openInference struct{}

func (openInference) Title() string { return "the Open Inference Protocol's API" }

func (openInference) Advice() string {
	return "Set the target's management URL to where the server's REST API listens."
}

func (openInference) Signals() []string { return slices.Clone(residency) }

// repositoryEntry is one version of a model in the server's repository. Version and state are empty for a model that was
// never loaded; MLServer gives no version to models that have none.
type repositoryEntry struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
}

func (openInference) List(ctx context.Context, c *Client) (Listing, error) {
	models, err := c.repositoryIndex(ctx)
	return Listing{Models: models}, err
}

func (openInference) Version(ctx context.Context, c *Client) (string, error) {
	return c.serverVersion(ctx)
}

// repositoryIndex lists every model of the server's repository.
func (c *Client) repositoryIndex(ctx context.Context) ([]Model, error) {
	u := c.base.JoinPath("v2", "repository", "index")
	var entries []repositoryEntry
	if err := c.post(ctx, u, &entries); err != nil {
		return nil, err
	}
	if entries == nil {
		return nil, c.otherAPI(u)
	}
	if err := c.checkCount(u, len(entries)); err != nil {
		return nil, err
	}
	models := make([]Model, 0, len(entries))
	for _, e := range entries {
		if e.Name == "" {
			return nil, c.otherAPI(u)
		}
		models = append(models, Model{Name: e.Name, Version: e.Version, Residency: e.residency(), Reason: e.Reason})
	}
	return models, nil
}

func (e repositoryEntry) residency() Residency {
	switch e.State {
	case "READY":
		return Resident
	case "LOADING":
		return Loading
	}
	return Absent
}

func (c *Client) serverVersion(ctx context.Context) (string, error) {
	return c.versionAt(ctx, c.base.JoinPath("v2"), func(a versionResponse) string {
		if a.Name == "" {
			return ""
		}
		return a.Version
	})
}

// versionResponse has the places in which servers say their version.
type versionResponse struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Info    struct {
		Version string `json:"version"`
	} `json:"info"`
	RayVersion string `json:"ray_version"`
}

func (c *Client) versionAt(ctx context.Context, u *url.URL, of func(versionResponse) string) (string, error) {
	var answer versionResponse
	if err := c.get(ctx, u, &answer); err != nil {
		return "", err
	}
	version := of(answer)
	if version == "" {
		return "", c.otherAPI(u)
	}
	return version, nil
}
