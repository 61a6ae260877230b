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
func (d *Datasource) checkRemote(ctx context.Context) checkResult {
	begun := time.Now()
	result, err := d.examineServer(ctx)
	if err == nil {
		return result
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("%s did not answer in full within %s. Check that the server is reachable and not overloaded", d.server.Address(), time.Since(begun).Round(time.Second))
	}
	failed := failedCheck(fmt.Errorf("%s", withPeriod(err.Error())))
	failed.verdict = "The Prometheus-compatible server does not answer as expected. " + seeReasons
	return failed
}

func (d *Datasource) examineServer(ctx context.Context) (checkResult, error) {
	server, err := d.server.Server(ctx)
	if err != nil {
		return checkResult{}, err
	}
	now := time.Now()
	exists, err := d.Available(ctx, now.Add(-recentTime), now)
	if err != nil {
		return checkResult{}, err
	}
	present := d.Profiles.Detect(exists)
	models, err := d.LabelValues(ctx, signal.Model, nil, now.Add(-recentTime), now)
	if err != nil {
		return checkResult{}, err
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
			return checkResult{}, err
		}
		if line := known.Describe(); line != "" {
			lines = append(lines, "   "+line)
		}
	}
	wrong, err := d.checkProfiles(ctx, nil, false)
	if err != nil {
		return checkResult{}, err
	}
	lines = append(lines, slices.Concat(d.Mistakes, wrong)...)
	result := checkResult{
		status: backend.HealthStatusOk, message: fmt.Sprintf("%s has %s of %s.", server, count(len(models), "model", "models"), serverNames(present)),
		verdict: fmt.Sprintf("The server is up and has %s.", count(len(models), "model", "models")),
	}
	if len(present) == 0 {
		result.status = backend.HealthStatusError
		result.message = fmt.Sprintf("%s is reachable, but none of the %d profiles matches any metric of the last hour. Check that it scrapes your model servers, or add a custom profile.",
			server, len(d.Profiles))
		result.verdict = "The server is up, but has no metrics of a known model server. " + seeReasons
	}
	if len(d.Mistakes) > 0 {
		result.status, result.message = backend.HealthStatusError, strings.Join(append(slices.Clone(d.Mistakes), result.message), " ")
		result.verdict = "Some settings have a mistake. " + seeReasons
	}
	result.message = shorten(strings.Join(append([]string{result.message}, firstOf(wrong)...), " "), maxMessage)
	result.details, err = json.Marshal(map[string]any{"verboseMessage": strings.Join(lines, "\n"), "server": server.String(), "models": len(models)})
	return result, err
}
