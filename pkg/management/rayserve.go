package management

import (
	"context"
	"maps"
	"slices"
)

// rayServe is the REST API of Ray Serve on Ray's dashboard. A model is an application, as it is in Ray's metrics; the
// deployments that it is made of are told apart by the label deployment.
type rayServe struct{}

func (rayServe) Title() string { return "Ray Serve's REST API" }

func (rayServe) Advice() string {
	return "Set the target's management URL to Ray's dashboard, on the head node usually at port 8265, and on loopback alone unless Ray was " +
		"started with --dashboard-host. With token authentication, the API key is the cluster's token."
}

func (rayServe) Signals() []string { return slices.Concat(residency, []string{replicas}) }

func (rayServe) Version(ctx context.Context, c *Client) (string, error) {
	return c.versionAt(ctx, c.base.JoinPath("api", "version"), func(a versionResponse) string { return a.RayVersion })
}

type application struct {
	Message     string                   `json:"message"`
	Deployments map[string]rayDeployment `json:"deployments"`
}

type rayDeployment struct {
	Message string `json:"message"`
	Config  struct {
		// Replicas is "auto" where they scale.
		Replicas    any `json:"num_replicas"`
		Autoscaling *struct {
			Min int `json:"min_replicas"`
			Max int `json:"max_replicas"`
		} `json:"autoscaling_config"`
	} `json:"deployment_config"`
	// Desired is missing in old versions; the configured number is what it would be.
	Desired  *int `json:"target_num_replicas"`
	Replicas []struct {
		ID    string `json:"replica_id"`
		State string `json:"state"`
	} `json:"replicas"`
}

func (rayServe) List(ctx context.Context, c *Client) (Listing, error) {
	// Without the slash at the end Ray does not know the path.
	u := c.base.JoinPath("api", "serve", "applications", "/")
	var answer struct {
		Applications map[string]application `json:"applications"`
	}
	if err := c.get(ctx, u, &answer); err != nil {
		return Listing{}, err
	}
	if answer.Applications == nil {
		return Listing{}, c.otherAPI(u)
	}
	var listing Listing
	for _, name := range slices.Sorted(maps.Keys(answer.Applications)) {
		a := answer.Applications[name]
		if len(a.Deployments) == 0 {
			listing.Models = append(listing.Models, Model{Name: name, Reason: a.Message})
		}
		for _, d := range slices.Sorted(maps.Keys(a.Deployments)) {
			listing.Models = append(listing.Models, a.Deployments[d].model(name, d))
		}
		if err := c.checkCount(u, len(listing.Models)); err != nil {
			return Listing{}, err
		}
	}
	return listing, nil
}

func (d rayDeployment) model(application, name string) Model {
	m := Model{Name: application, Deployment: name, Reason: d.Message, Replicas: &Replicas{}}
	for _, r := range d.Replicas {
		switch r.State {
		case "RUNNING", "PENDING_MIGRATION":
			m.Copies = append(m.Copies, Copy{ID: r.ID, Loaded: true})
		case "STARTING", "UPDATING", "RECOVERING":
			m.Copies = append(m.Copies, Copy{ID: r.ID})
		}
	}
	m.countCopies()
	m.Replicas.Desired = len(d.Replicas)
	if configured, fixed := d.Config.Replicas.(float64); fixed {
		m.Replicas.Desired = replicaCount(configured)
	}
	if d.Desired != nil {
		m.Replicas.Desired = replicaCount(*d.Desired)
	}
	m.Replicas.Min, m.Replicas.Max = m.Replicas.Desired, m.Replicas.Desired
	if scaled := d.Config.Autoscaling; scaled != nil {
		m.Replicas.Min, m.Replicas.Max = replicaCount(scaled.Min), replicaCount(scaled.Max)
	}
	return m
}
