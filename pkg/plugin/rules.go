package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/query"
	"github.com/coldhit/modelserving-datasource/pkg/rules"
)

// The formats in which alert rules are exported.
const (
	formatGrafana    = "grafana"
	formatPrometheus = "prometheus"
)

// serverLookback is how far back an export looks for the servers that its rules are written for.
const serverLookback = 6 * time.Hour

// errNoServers says that there is nothing to write rules for.
var errNoServers = errors.New("no known model server was scraped in the last 6 hours, so the rules have nothing to cover: " +
	"add targets and wait for two scrapes, or name profiles, for example profiles=triton,vllm")

// exportRules writes the alert rules for this data source as a file, for editors and administrators.
func (d *Datasource) exportRules(w http.ResponseWriter, r *http.Request) {
	config := backend.PluginConfigFromContext(r.Context())
	if config.User == nil || (config.User.Role != "Admin" && config.User.Role != "Editor") {
		d.refuse(w, r, http.StatusForbidden, "only editors and administrators can export alert rules")
		return
	}
	parameters := r.URL.Query()
	stored := config.DataSourceInstanceSettings
	if stored == nil {
		d.refuse(w, r, http.StatusBadRequest, "the request names no data source to export alert rules for")
		return
	}
	options := rules.Defaults(stored.UID, d.orgID)
	if unknown := rules.Unknown(parameters, "format", "profiles"); len(unknown) > 0 {
		d.refuse(w, r, http.StatusBadRequest, fmt.Sprintf("unknown parameter %s: choose from format, profiles, %s", strings.Join(unknown, ", "), strings.Join(rules.Parameters(), ", ")))
		return
	}
	if err := options.Read(parameters); err != nil {
		d.refuse(w, r, http.StatusBadRequest, err.Error())
		return
	}
	var text []byte
	var err error
	format := parameters.Get("format")
	switch format {
	case formatGrafana:
		text, err = rules.Grafana(options)
	case formatPrometheus:
		text, err = d.prometheusRules(r.Context(), options, parameters.Get("profiles"))
	default:
		d.refuse(w, r, http.StatusBadRequest, fmt.Sprintf("unknown format %q: choose %s or %s", format, formatGrafana, formatPrometheus))
		return
	}
	if err != nil {
		status := http.StatusInternalServerError
		if errors.Is(err, errNoServers) || errors.As(err, new(query.UserError)) {
			status = http.StatusBadRequest
		}
		d.refuse(w, r, status, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="modelserving-%s-%s.yaml"`, stored.UID, format))
	if _, err := w.Write(text); err != nil {
		d.logger.FromContext(r.Context()).Debug("Failed to write a response", "error", err)
	}
}

// prometheusRules writes the rules for the servers of the named profiles, or else for those that were scraped lately.
func (d *Datasource) prometheusRules(ctx context.Context, options rules.Options, named string) ([]byte, error) {
	servers, err := d.ruleServers(ctx, named)
	if err != nil {
		return nil, err
	}
	return rules.Prometheus(options, servers, d.Objectives)
}

// namedServers are those of profiles, as if they reported everything that they can, histograms as classic ones.
func (d *Datasource) namedServers(ids []string) (profile.Servers, error) {
	var set profile.Set
	for _, id := range ids {
		found := d.Profiles.Find(strings.TrimSpace(id))
		if found == nil {
			return profile.Servers{}, userErrorf("there is no profile %q", id)
		}
		set = append(set, found)
	}
	servers := profile.EverythingOf(set)
	servers.ScrapeInterval = d.Store.Grid().Interval
	return servers, nil
}
