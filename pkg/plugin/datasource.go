// Package plugin is what Grafana talks to: it decodes and validates requests and answers them in data frames.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/management"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/query"
	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/remote"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/telemetry"
)

// ID is the plugin's id, as in plugin.json.
const ID = "coldhit-modelserving-datasource"

// Datasource answers for one configured data source, until its settings change.
type Datasource struct {
	backend.CallResourceHandler

	*query.Evaluator
	orgID    int64
	settings settings.Settings
	// admission shares the process with other data sources; tenant is this one.
	admission *admission.Controller
	tenant    admission.Tenant
	// engine scrapes and stores; nil in a data source over a server that does so itself, which server is then.
	engine *engine.Handle
	server *remote.Client
	// writer is nil unless the embedded engine's samples are sent to another server, too.
	writer *remote.Writer
	logger log.Logger
	// secrets are redacted in everything that leaves the data source.
	secrets *redact.Redactor
	health  sharedCheck
	// forgetCache takes the query cache out of the metrics; nil in a data source that cannot have one.
	forgetCache func()
}

var (
	_ backend.QueryDataHandler      = (*Datasource)(nil)
	_ backend.CheckHealthHandler    = (*Datasource)(nil)
	_ backend.CallResourceHandler   = (*Datasource)(nil)
	_ instancemgmt.InstanceDisposer = (*Datasource)(nil)
)

// Factory makes instances over a registry of engines, which outlive them.
func Factory(registry *engine.Registry, profiles profile.Set) datasource.InstanceFactoryFunc {
	return func(ctx context.Context, stored backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
		secrets := redact.OfDataSource(stored)
		s, err := settings.Decode(stored.JSONData, stored.DecryptedSecureJSONData)
		if err != nil {
			return nil, backend.DownstreamError(secrets.Error(err))
		}
		key := engine.Key{OrgID: backend.PluginConfigFromContext(ctx).OrgID, UID: stored.UID}
		d := &Datasource{orgID: key.OrgID, admission: registry.Admission(), tenant: admission.Tenant{OrgID: key.OrgID, DataSource: key.UID}, settings: s, secrets: secrets, Evaluator: &query.Evaluator{Objectives: s.Objectives, Now: time.Now}}
		d.logger = redact.Logger(log.DefaultLogger, func() *redact.Redactor { return d.secrets })
		d.use(profiles)
		if s.Mode == settings.ModePrometheus {
			registry.Forget(key)
			err = d.remote(ctx, stored)
		} else {
			err = d.embedded(ctx, registry, key, stored)
		}
		if err != nil {
			return nil, secrets.Error(err)
		}
		d.CallResourceHandler = d.redactedResources(httpadapter.New(d.admitted(d.bounded(d.routes()))))
		return d, nil
	}
}

func (d *Datasource) embedded(ctx context.Context, registry *engine.Registry, key engine.Key, stored backend.DataSourceInstanceSettings) error {
	handle, err := registry.Acquire(ctx, key, d.settings.Embedded, stored.Updated)
	if err != nil {
		return fmt.Errorf("start the embedded engine: %w", err)
	}
	handle.UseProfiles(EngineProfiles(d.Profiles))
	d.engine, d.Store, d.Collector = handle, telemetry.Observe(handle, "embedded"), collector{handle}
	d.writeTo(ctx, handle, stored)
	return nil
}

// use takes the profiles that come with the plugin, and the user's own.
func (d *Datasource) use(profiles profile.Set) {
	var texts []profile.File
	for _, p := range d.settings.Profiles {
		texts = append(texts, profile.File(p))
	}
	all, problems := profiles.With(texts)
	d.Profiles, d.Catalogue = withLabelNames(all, d.settings), all.Catalogue()
	for _, p := range problems {
		d.Mistakes = append(d.Mistakes, "Custom profile ignored: "+withPeriod(p.Error()))
	}
}

// withPeriod ends a text as a sentence ends, unless it ends with a question.
func withPeriod(text string) string {
	if strings.HasSuffix(text, "?") || strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// errOrganisation should never be seen: Grafana would have to give two organisations' data sources the same id and uid.
var errOrganisation = errors.New("this instance belongs to a data source of another organisation: save the data source again")

// admit lets only the organisation in whose data source this is. The SDK keeps instances by id and uid alone.
func (d *Datasource) admit(ctx context.Context) error {
	if backend.PluginConfigFromContext(ctx).OrgID != d.orgID {
		return errOrganisation
	}
	return nil
}

func (d *Datasource) admitted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := d.admit(r.Context()); err != nil {
			d.refuse(w, r, http.StatusForbidden, err.Error())
			return
		}
		next.ServeHTTP(w, r)
	})
}

// EngineProfiles is what the engine needs to know of profiles.
func EngineProfiles(profiles profile.Set) engine.Profiles { return engineProfiles{profiles} }

type engineProfiles struct{ set profile.Set }

func (p engineProfiles) Management(id string) (engine.Management, bool) {
	found := p.set.Find(id)
	if found == nil || found.Management == nil {
		return engine.Management{}, false
	}
	protocol, known := management.Find(found.Management.Protocol)
	return engine.Management{Protocol: protocol, Port: found.Management.Port}, known
}

func (p engineProfiles) Detect(has func(metric string) bool) []string {
	var ids []string
	for _, found := range p.set.Targets().Detect(has) {
		ids = append(ids, found.ID)
	}
	return ids
}

// Dispose releases the engine, which goes on scraping, or closes idle connections to the server.
func (d *Datasource) Dispose() {
	if d.engine != nil {
		d.engine.Release()
	}
	if d.server != nil {
		d.forgetCache()
		d.server.Close()
	}
}
