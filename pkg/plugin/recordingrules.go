package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/query"
	"github.com/coldhit/modelserving-datasource/pkg/rules"
)

// exportRecordingRules writes recording rules for the servers of this data source as a file, for editors and administrators.
func (d *Datasource) exportRecordingRules(w http.ResponseWriter, r *http.Request) {
	config := backend.PluginConfigFromContext(r.Context())
	if config.User == nil || (config.User.Role != "Admin" && config.User.Role != "Editor") {
		d.refuse(w, r, http.StatusForbidden, "recording rules are exported by editors and administrators")
		return
	}
	stored := config.DataSourceInstanceSettings
	if stored == nil {
		d.refuse(w, r, http.StatusBadRequest, "recording rules are exported for a data source, and this request names none")
		return
	}
	text, err := d.recordingRules(r)
	if err != nil {
		status := http.StatusInternalServerError
		if errors.Is(err, errNoServers) || errors.Is(err, rules.ErrNothingToRecord) || errors.As(err, new(query.UserError)) {
			status = http.StatusBadRequest
		}
		d.refuse(w, r, status, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="modelserving-%s-recording-rules.yaml"`, stored.UID))
	if _, err := w.Write(text); err != nil {
		d.logger.FromContext(r.Context()).Debug("A response could not be written", "error", err)
	}
}

func (d *Datasource) recordingRules(r *http.Request) ([]byte, error) {
	ask := r.URL.Query()
	if unknown := rules.UnknownOf(ask, rules.RecordingParameters(), "profiles"); len(unknown) > 0 {
		return nil, userErrorf("there is no parameter %s; choose of: profiles, %s", strings.Join(unknown, ", "), strings.Join(rules.RecordingParameters(), ", "))
	}
	servers, err := d.ruleServers(r.Context(), ask.Get("profiles"))
	if err != nil {
		return nil, err
	}
	options := rules.RecordingDefaults(d.Catalogue, d.held(), d.Store.Grid().Interval)
	if err := options.Read(ask, d.Catalogue, servers); err != nil {
		return nil, query.NewUserError(err)
	}
	return rules.Recordings(options, servers)
}

// ruleServers are those of the named profiles, or else those that were scraped lately.
func (d *Datasource) ruleServers(ctx context.Context, named string) (rules.Servers, error) {
	if named != "" {
		return d.serversNamed(strings.Split(named, ","))
	}
	servers, err := d.Servers(ctx, serversWithin)
	if err == nil && len(servers.Profiles.Targets()) == 0 {
		return rules.Servers{}, errNoServers
	}
	return servers, err
}
