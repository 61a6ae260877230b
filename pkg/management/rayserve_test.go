package management_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/management"
)

func listRay(t *testing.T, answer string) management.Listing {
	t.Helper()
	listing, err := client(t, "ray_serve", answers{"GET /api/serve/applications/": answer}).List(t.Context())
	require.NoError(t, err)
	return listing
}

// byName finds a deployment of an application.
func byName(t *testing.T, listing management.Listing, application, deployment string) management.Model {
	t.Helper()
	for _, m := range listing.Models {
		if m.Name == application && m.Deployment == deployment {
			return m
		}
	}
	t.Fatalf("there is no %s of %s", deployment, application)
	return management.Model{}
}

func TestRealRayServe(t *testing.T) {
	listing := listRay(t, capture(t, "ray_serve/2-serve-applications.txt"))
	require.Len(t, listing.Models, 7)
	require.Equal(t, 6, listing.Loaded())
	require.Equal(t, management.Model{
		Name: "fast", Deployment: "Fast", Residency: management.Resident,
		Copies:   []management.Copy{{ID: "leao66sc", Loaded: true}, {ID: "z8oxxvze", Loaded: true}, {ID: "chokzw5w", Loaded: true}},
		Replicas: &management.Replicas{Active: 3, Desired: 3, Min: 1, Max: 3},
	}, byName(t, listing, "fast", "Fast"))
	require.Equal(t, &management.Replicas{Active: 2, Desired: 2, Min: 2, Max: 2}, byName(t, listing, "mux", "Mux").Replicas)
	byName(t, listing, "graph", "Inner")
	byName(t, listing, "graph", "Ingress")
}

func TestRealRayServeThatStarts(t *testing.T) {
	require.Empty(t, listRay(t, capture(t, "ray_serve/0-no-applications.txt")).Models)
	listing := listRay(t, capture(t, "ray_serve/1-applications-starting.txt"))
	inner := byName(t, listing, "graph", "Inner")
	require.Equal(t, management.Loading, inner.Residency)
	require.Equal(t, &management.Replicas{Starting: 1, Desired: 1, Min: 1, Max: 1}, inner.Replicas)
	require.Equal(t, &management.Replicas{Active: 1, Desired: 1, Min: 1, Max: 3}, byName(t, listing, "fast", "Fast").Replicas)
	version, err := client(t, "ray_serve", answers{"GET /api/version": capture(t, "ray_serve/0-version.txt")}).Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, "2.60.0", version)
}

func TestRayServeStates(t *testing.T) {
	listing := listRay(t, `{"applications":{
		"zero": {"status":"RUNNING","deployments":{"D":{"target_num_replicas":0,"deployment_config":{"autoscaling_config":{"min_replicas":0,"max_replicas":2}},"replicas":[]}}},
		"mixed": {"status":"DEPLOYING","deployments":{"D":{"target_num_replicas":3,"deployment_config":{"num_replicas":"auto"},"replicas":[
			{"replica_id":"a","state":"RUNNING"},{"replica_id":"b","state":"PENDING_MIGRATION"},{"replica_id":"c","state":"STARTING"},
			{"replica_id":"d","state":"UPDATING"},{"replica_id":"e","state":"RECOVERING"},{"replica_id":"f","state":"STOPPING"}]}}},
		"old": {"deployments":{"D":{"deployment_config":{"num_replicas":2},"replicas":[{"replica_id":"a","state":"RUNNING"}]}}},
		"failed": {"status":"DEPLOY_FAILED","message":"no module named x","deployments":{}}}}`)
	require.Equal(t, management.Model{Name: "zero", Deployment: "D", Replicas: &management.Replicas{Max: 2}}, byName(t, listing, "zero", "D"))
	require.Equal(t, &management.Replicas{Active: 2, Starting: 3, Desired: 3, Min: 3, Max: 3}, byName(t, listing, "mixed", "D").Replicas)
	require.Equal(t, &management.Replicas{Active: 1, Desired: 2, Min: 2, Max: 2}, byName(t, listing, "old", "D").Replicas)
	require.Equal(t, management.Model{Name: "failed", Reason: "no module named x"}, byName(t, listing, "failed", ""))
}
