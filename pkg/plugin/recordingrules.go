package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/query"
	"github.com/coldhit/modelserving-datasource/pkg/recordingrule"
	"github.com/coldhit/modelserving-datasource/pkg/rulefile"
)

// exportRecordingRules writes recording rules for the servers of this data source as a file, for editors and administrators.
func (d *Datasource) exportRecordingRules(w http.ResponseWriter, r *http.Request) {
	config := backend.PluginConfigFromContext(r.Context())
	if config.User == nil || (config.User.Role != "Admin" && config.User.Role != "Editor") {
		d.refuse(w, r, http.StatusForbidden, "only editors and administrators can export recording rules")
		return
	}
	stored := config.DataSourceInstanceSettings
	if stored == nil {
		d.refuse(w, r, http.StatusBadRequest, "the request names no data source to export recording rules for")
		return
	}
	text, err := d.recordingRules(r)
	if err != nil {
		status := http.StatusInternalServerError
		if errors.Is(err, errNoServers) || errors.Is(err, recordingrule.ErrNothingToRecord) || errors.As(err, new(query.UserError)) {
			status = http.StatusBadRequest
		}
		d.refuse(w, r, status, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="modelserving-%s-recording-rules.yaml"`, stored.UID))
	if _, err := w.Write(text); err != nil {
		d.logger.FromContext(r.Context()).Debug("Failed to write a response", "error", err)
	}
}

func (d *Datasource) recordingRules(r *http.Request) ([]byte, error) {
	parameters := r.URL.Query()
	if unknown := rulefile.UnknownParameters(parameters, recordingrule.Parameters(), "profiles"); len(unknown) > 0 {
		return nil, userErrorf("unknown parameter %s: choose from profiles, %s", strings.Join(unknown, ", "), strings.Join(recordingrule.Parameters(), ", "))
	}
	servers, err := d.ruleServers(r.Context(), parameters.Get("profiles"))
	if err != nil {
		return nil, err
	}
	options := recordingrule.Defaults(d.Catalogue, d.Objectives, d.Store.Grid().Interval)
	if err := options.Read(parameters, d.Catalogue, servers); err != nil {
		return nil, query.NewUserError(err)
	}
	return recordingrule.Write(options, servers)
}

// ruleServers are those of the named profiles, or else those that were scraped lately.
func (d *Datasource) ruleServers(ctx context.Context, named string) (profile.Servers, error) {
	if named != "" {
		return d.namedServers(strings.Split(named, ","))
	}
	servers, err := d.Servers(ctx, serverLookback)
	if err == nil && len(servers.Profiles.Targets()) == 0 {
		return profile.Servers{}, errNoServers
	}
	return servers, err
}
