package plugin

import "context"

// checkStorage says what is not stored now, which fails the check whatever the targets answer, and what of the storage is damaged.
func (d *Datasource) checkStorage(context.Context) healthPart {
	status := d.engine.Storage()
	part := healthPart{problems: status.Current(d.Now()), lines: status.Warnings()}
	if len(part.problems) > 0 {
		part.verdict = "Samples are not stored."
	}
	return part
}
