package attribution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

// Ensembles is where a Triton tells how its models are configured. An ensemble computes nothing itself, but its metrics count
// what its steps compute; the page says neither which models are ensembles nor which GPUs a model has instances on.
type Ensembles struct {
	Port    []Source `yaml:"port"`
	Address []Source `yaml:"address"`
}

const (
	// maxConfigurationBytes bounds the configuration of one model.
	maxConfigurationBytes = 4 << 20
	ensemblePlatform      = "ensemble"
	// askAgain is how long a model is taken to be configured as it was.
	askAgain = 10 * time.Minute
)

// newModels are the models of a reading of which it is not known how they are configured, or not lately. What is known of others is let go of.
func (ps *pages) newModels(key pageKey, read reading) []string {
	ps.mutex.Lock()
	defer ps.mutex.Unlock()
	p := ps.known[key]
	if p == nil {
		return nil
	}
	listed := read.names()
	names := p.unconfigured(key, &read)
	for name, c := range p.configurations {
		switch {
		case !listed[name]:
			delete(p.configurations, name)
		case time.Since(c.read) > askAgain:
			names = append(names, name)
		}
	}
	return names
}

// unconfigured are the models of a reading that the server does not report. The only model is no ensemble: that has steps beside it.
func (p *page) unconfigured(key pageKey, read *reading) []string {
	listed := read.names()
	if key.models == "" || len(listed) < 2 {
		return nil
	}
	var names []string
	for name := range listed {
		if _, known := p.configurations[name]; !known {
			names = append(names, name)
		}
	}
	return names
}

func (r *reading) names() map[string]bool {
	out := map[string]bool{}
	for key := range r.models {
		out[key.model] = true
	}
	return out
}

// configure asks the server about those models of a reading that are new, for as long as one answer may take. The rest is
// asked about the next time.
func (ps *pages) configure(ctx context.Context, key pageKey, read reading) {
	names := ps.newModels(key, read)
	if len(names) == 0 {
		return
	}
	asked, cancel := context.WithTimeout(ctx, ps.settings.Timeout)
	defer cancel()
	found := map[string]configuration{}
	var failure error
	for _, name := range names {
		c, err := configurationOf(asked, ps.client, ps.settings.Timeout, key.models, name)
		if err != nil && len(found) > 0 && errors.Is(asked.Err(), context.DeadlineExceeded) {
			break // it answers; there are just many
		}
		if failure = err; err != nil {
			break
		}
		c.read = time.Now()
		found[name] = c
	}
	ps.mutex.Lock()
	defer ps.mutex.Unlock()
	p := ps.known[key]
	if p == nil || ctx.Err() != nil {
		return
	}
	p.configurationsErr = failure
	maps.Copy(p.configurations, found)
}

// configurationOf asks a server for the configuration of a model. One that has just been unloaded has none. Errors are sentences
// without a full stop.
func configurationOf(ctx context.Context, client *http.Client, timeout time.Duration, server, model string) (configuration, error) {
	u, err := url.Parse(server + "/v2/models/" + url.PathEscape(model) + "/config")
	if err != nil {
		return configuration{}, err
	}
	subject := target.Subject{URL: u, Timeout: timeout}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return configuration{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return configuration{}, subject.Explain(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxConfigurationBytes+1))
	switch {
	case err != nil:
		return configuration{}, subject.Explain(err)
	case len(body) > maxConfigurationBytes:
		return configuration{}, subject.TooLarge(maxConfigurationBytes)
	case isUnknownModel(response.StatusCode, body):
		return configuration{}, nil
	case response.StatusCode != http.StatusOK:
		return configuration{}, subject.ExplainStatus(response.StatusCode)
	}
	var config struct {
		Name     string          `json:"name"`
		Platform string          `json:"platform"`
		Backend  string          `json:"backend"`
		Groups   []instanceGroup `json:"instance_group"`
	}
	if err := json.Unmarshal(body, &config); err != nil || config.Name != model {
		return configuration{}, fmt.Errorf("invalid model configuration from %s", redact.URL(u))
	}
	return configuration{ensemble: config.Platform == ensemblePlatform, backend: config.Backend, groups: config.Groups}, nil
}

// isUnknownModel recognises Triton's answer for a model that it does not have, by its error in JSON: nobody else's.
func isUnknownModel(status int, body []byte) bool {
	var answer struct {
		Error string `json:"error"`
	}
	return (status == http.StatusNotFound || status == http.StatusBadRequest) && json.Unmarshal(body, &answer) == nil && answer.Error != ""
}
