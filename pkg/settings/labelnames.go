package settings

import (
	"fmt"

	"github.com/prometheus/common/model"
)

// LabelNames are the server's labels for environment, deployment and replica.
type LabelNames struct {
	Environment string `json:"environment"`
	Deployment  string `json:"deployment"`
	Replica     string `json:"replica"`
}

// DefaultLabelNames are the labels that Prometheus sets in Kubernetes, with ServiceMonitor, PodMonitor or its own service
// discovery: the namespace, the job, which is the service's name, and the address.
var DefaultLabelNames = LabelNames{Environment: "namespace", Deployment: "job", Replica: "instance"}

// decode fills in defaults and checks that the three names differ.
func (l LabelNames) decode() (LabelNames, error) {
	taken := map[string]string{}
	for _, n := range []struct {
		what        string
		name        *string
		unspecified string
	}{
		{"environment", &l.Environment, DefaultLabelNames.Environment}, {"deployment", &l.Deployment, DefaultLabelNames.Deployment}, {"replica", &l.Replica, DefaultLabelNames.Replica},
	} {
		if *n.name == "" {
			*n.name = n.unspecified
		}
		if !model.LegacyValidation.IsValidLabelName(*n.name) {
			return l, fmt.Errorf("the %s label %q is not a valid label name; use letters, digits and underscores, and no digit first", n.what, *n.name)
		}
		if other := taken[*n.name]; other != "" {
			return l, fmt.Errorf("the label %q is used for both the %s and the %s; choose a different label for each", *n.name, other, n.what)
		}
		taken[*n.name] = n.what
	}
	return l, nil
}
