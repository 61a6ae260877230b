package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// recentTime is how far back a check looks for model servers.
const recentTime = time.Hour

// checkRemote asks a Prometheus-compatible server what it is and which model servers' metrics it has.
func (d *Datasource) checkRemote(ctx context.Context) (*backend.CheckHealthResult, error) {
	server, err := d.server.Server(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	exists, err := d.Available(ctx, now.Add(-recentTime), now)
	if err != nil {
		return nil, err
	}
	present := d.Profiles.Detect(exists)
	models, err := d.LabelValues(ctx, signal.Model, nil, now.Add(-recentTime), now)
	if err != nil {
		return nil, err
	}
	lines := []string{"✓ " + server.String()}
	for _, p := range present {
		lines = append(lines, fmt.Sprintf("   %s, recognized by %s", p.Name, p.ShownBy(exists)))
		for _, m := range p.SwitchedOff(exists) {
			lines = append(lines, "   "+m)
		}
	}
	if d.Rules != nil {
		known, err := d.Rules.Coverage(ctx, d.Store)
		if err != nil {
			return nil, err
		}
		if line := known.Describe(); line != "" {
			lines = append(lines, "   "+line)
		}
	}
	wrong, err := d.checkProfiles(ctx, nil, false)
	if err != nil {
		return nil, err
	}
	lines = append(lines, slices.Concat(d.Mistakes, wrong)...)
	status, message := backend.HealthStatusOk, fmt.Sprintf("%s has %s of %s.", server, count(len(models), "model", "models"), serverNames(present))
	if len(present) == 0 {
		status = backend.HealthStatusError
		message = fmt.Sprintf("%s is reachable, but none of the %d profiles matches any metric of the last hour. Check that it scrapes your model servers, or add a custom profile.",
			server, len(d.Profiles))
	}
	if len(d.Mistakes) > 0 {
		status, message = backend.HealthStatusError, strings.Join(append(slices.Clone(d.Mistakes), message), " ")
	}
	message = strings.Join(append([]string{message}, firstOf(wrong)...), " ")
	details, err := json.Marshal(map[string]any{"verboseMessage": strings.Join(lines, "\n"), "server": server.String(), "models": len(models)})
	if err != nil {
		return nil, err
	}
	return &backend.CheckHealthResult{Status: status, Message: message, JSONDetails: details}, nil
}
