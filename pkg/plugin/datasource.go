// Package plugin is what Grafana talks to: it decodes and validates requests and answers them in data frames.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/management"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/remote"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// ID is the plugin's id, as in plugin.json.
const ID = "coldhit-modelserving-datasource"

// Datasource answers for one configured data source, until its settings change.
type Datasource struct {
	backend.CallResourceHandler

	orgID     int64
	settings  settings.Settings
	profiles  profile.Set
	catalogue signal.Catalogue
	// known selects every series that a profile knows, by several selectors that are short enough for an address.
	known []string
	// recordings are read in place of metrics; nil where nothing is kept about the store, or nobody records in it.
	recordings *recordings
	// mistakes are what is wrong with the user's own profiles, or keeps remote write from starting.
	mistakes []string
	store    store
	// writer is nil unless the embedded engine's samples are sent to another server, too.
	writer *remote.Writer
	logger log.Logger
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
		s, err := settings.Decode(stored.JSONData, stored.DecryptedSecureJSONData)
		if err != nil {
			return nil, backend.DownstreamError(err)
		}
		key := engine.Key{OrgID: backend.PluginConfigFromContext(ctx).OrgID, UID: stored.UID}
		d := &Datasource{orgID: key.OrgID, settings: s, logger: log.DefaultLogger}
		d.use(profiles)
		if s.Mode == settings.ModePrometheus {
			d.store, err = d.remote(ctx, stored)
		} else {
			d.store, err = d.embedded(ctx, registry, key, stored)
		}
		if err != nil {
			return nil, err
		}
		d.CallResourceHandler = httpadapter.New(d.admitted(d.routes()))
		return d, nil
	}
}

func (d *Datasource) embedded(ctx context.Context, registry *engine.Registry, key engine.Key, stored backend.DataSourceInstanceSettings) (store, error) {
	handle, err := registry.Acquire(ctx, key, d.settings.Embedded, stored.Updated)
	if err != nil {
		return nil, fmt.Errorf("the embedded engine did not start: %w", err)
	}
	handle.UseProfiles(EngineProfiles(d.profiles))
	d.writeTo(ctx, handle, stored)
	return handle, nil
}

// namesInSelector keeps a selector at some 4 kB.
const namesInSelector = 100

// use takes the profiles that come with the plugin, and the user's own.
func (d *Datasource) use(profiles profile.Set) {
	var texts []profile.Text
	for _, p := range d.settings.Profiles {
		texts = append(texts, profile.Text(p))
	}
	all, problems := profiles.With(texts)
	d.profiles, d.catalogue = named(all, d.settings), all.Catalogue()
	for names := range slices.Chunk(all.SeriesNames(), namesInSelector) {
		d.known = append(d.known, fmt.Sprintf(`{__name__=~"%s"}`, strings.Join(names, "|")))
	}
	for _, p := range problems {
		d.mistakes = append(d.mistakes, "A profile of your own is left out. "+p.Error())
	}
}

// errOrganisation should never be seen: Grafana would have to give two organisations' data sources the same id and uid.
var errOrganisation = errors.New("this instance belongs to a data source of another organisation; save the data source again")

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

// Dispose lets go of the engine, which goes on scraping.
func (d *Datasource) Dispose() { d.store.Release() }
