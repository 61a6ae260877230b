package settings

import (
	"fmt"

	"github.com/prometheus/common/model"
)

// LabelNames say what somebody else's Prometheus calls what the project calls environment, deployment and replica.
type LabelNames struct {
	Environment string `json:"environment"`
	Deployment  string `json:"deployment"`
	Replica     string `json:"replica"`
}

// DefaultLabelNames are those that Prometheus gives what it discovers in Kubernetes, by ServiceMonitor, PodMonitor or its own
// discovery: the namespace, the job, which is the service's name, and the address.
var DefaultLabelNames = LabelNames{Environment: "namespace", Deployment: "job", Replica: "instance"}

// decode fills defaults in. Two labels cannot have one name.
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
			return l, fmt.Errorf("the label for the %s is %q, which cannot name a label: letters, digits and underscores can", n.what, *n.name)
		}
		if other := taken[*n.name]; other != "" {
			return l, fmt.Errorf("the label %q is named for the %s and for the %s; each needs one of its own", *n.name, other, n.what)
		}
		taken[*n.name] = n.what
	}
	return l, nil
}
