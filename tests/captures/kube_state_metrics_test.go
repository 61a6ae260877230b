package captures

var kubeStateMetrics = []sequence{
	{"kube_state_metrics", "deployments", []string{"1-deployments", "1-deployments"}, []string{"kube_state_metrics"}},
	{"kube_state_metrics", "pods-only", []string{"2-pods-only", "2-pods-only"}, []string{"kube_state_metrics"}},
}
