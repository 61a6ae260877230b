package plugin

import (
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// storageFinding is what a check finds of the embedded engine's storage.
type storageFinding struct {
	// problems say what is not stored now, warnings what is damaged.
	problems, warnings []string
}

// checkStorage says what is not stored now and what is damaged; nothing in a data source that stores nothing.
func (d *Datasource) checkStorage() storageFinding {
	if d.engine == nil {
		return storageFinding{}
	}
	status := d.engine.Storage()
	return storageFinding{problems: status.Current(d.Now()), warnings: status.Warnings()}
}

func (f storageFinding) lines() []string {
	return append(f.problems[:len(f.problems):len(f.problems)], f.warnings...)
}

// judge makes a check fail whose data is not stored: what the targets answer is of no use then.
func (f storageFinding) judge(status backend.HealthStatus, message string) (backend.HealthStatus, string) {
	if len(f.problems) == 0 {
		return status, message
	}
	return backend.HealthStatusError, strings.Join(append(f.problems[:len(f.problems):len(f.problems)], message), " ")
}
