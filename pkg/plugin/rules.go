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

// serversWithin is how far back an export looks for the servers that its rules are written for.
const serversWithin = 6 * time.Hour

// errNoServers says that there is nothing to write rules for.
var errNoServers = errors.New("nothing was scraped in the last 6 hours that tells which servers the rules are for; " +
	"add targets and wait for two scrapes, or name the servers' profiles, such as profiles=triton,vllm")

// exportRules writes the alert rules for this data source as a file, for editors and administrators.
func (d *Datasource) exportRules(w http.ResponseWriter, r *http.Request) {
	config := backend.PluginConfigFromContext(r.Context())
	if config.User == nil || (config.User.Role != "Admin" && config.User.Role != "Editor") {
		d.refuse(w, r, http.StatusForbidden, "alert rules are exported by editors and administrators")
		return
	}
	ask := r.URL.Query()
	stored := config.DataSourceInstanceSettings
	if stored == nil {
		d.refuse(w, r, http.StatusBadRequest, "alert rules are exported for a data source, and this request names none")
		return
	}
	options := rules.Defaults(stored.UID, d.orgID)
	if unknown := rules.Unknown(ask, "format", "profiles"); len(unknown) > 0 {
		d.refuse(w, r, http.StatusBadRequest, fmt.Sprintf("there is no parameter %s; choose of: format, profiles, %s", strings.Join(unknown, ", "), strings.Join(rules.Parameters(), ", ")))
		return
	}
	if err := options.Read(ask); err != nil {
		d.refuse(w, r, http.StatusBadRequest, err.Error())
		return
	}
	var text []byte
	var err error
	format := ask.Get("format")
	switch format {
	case formatGrafana:
		text, err = rules.Grafana(options)
	case formatPrometheus:
		text, err = d.prometheusRules(r.Context(), options, ask.Get("profiles"))
	default:
		d.refuse(w, r, http.StatusBadRequest, fmt.Sprintf("the format is %q; choose one of: %s, %s", format, formatGrafana, formatPrometheus))
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
		d.logger.FromContext(r.Context()).Debug("A response could not be written", "error", err)
	}
}

// prometheusRules writes the rules for the servers of the named profiles, or else for those that were scraped lately.
func (d *Datasource) prometheusRules(ctx context.Context, options rules.Options, named string) ([]byte, error) {
	servers, err := d.ruleServers(ctx, named)
	if err != nil {
		return nil, err
	}
	return rules.Prometheus(options, servers, d.held())
}

// serversNamed are those of profiles, as if they reported everything that they can, histograms as classic ones.
func (d *Datasource) serversNamed(ids []string) (rules.Servers, error) {
	var set profile.Set
	for _, id := range ids {
		found := d.Profiles.Find(strings.TrimSpace(id))
		if found == nil {
			return rules.Servers{}, userErrorf("there is no profile %q", id)
		}
		set = append(set, found)
	}
	servers := rules.Reporting(set)
	servers.ScrapeInterval = d.Store.Grid().Interval
	return servers, nil
}

// held is what models are held to, one override at a time: for a rule file each becomes an expression.
func (d *Datasource) held() rules.Held {
	return rules.Held{Default: d.settings.Objectives.Unmatched(), Overrides: d.settings.Objectives.Overrides()}
}
