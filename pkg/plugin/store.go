package plugin

import (
	"context"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/query"
	"github.com/coldhit/modelserving-datasource/pkg/querycache"
	"github.com/coldhit/modelserving-datasource/pkg/recordingrule"
	"github.com/coldhit/modelserving-datasource/pkg/remote"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/telemetry"
)

// remoteStore puts the query cache in front of a Prometheus-compatible server, unless it is switched off, or the server may answer
// each user differently. Forget takes the cache out of the metrics.
func remoteStore(client *remote.Client, s settings.Prometheus) (store query.Store, forget func()) {
	if !s.IncrementalQuerying || client.PerUser() {
		return client, func() {}
	}
	cache := querycache.New(client, querycache.Options{
		Overlap: s.IncrementalQueryOverlapWindow, Bytes: s.QueryCacheBytes, IndependentSteps: client.IndependentSteps, ClockLag: client.Behind,
	})
	forget = telemetry.AddCache(func() telemetry.CacheCounts {
		held := cache.Statistics()
		return telemetry.CacheCounts{Entries: int64(held.Entries), Bytes: held.Bytes, Hits: held.Hits, Misses: held.Misses}
	})
	return cache, forget
}

// remote sets up the data source over a server that scrapes by itself, and that may evaluate recording rules. If its answers are
// each user's own, nothing is kept of them, and so nothing known of rules.
func (d *Datasource) remote(ctx context.Context, stored backend.DataSourceInstanceSettings) error {
	client, err := remote.New(ctx, stored, d.settings.Prometheus)
	if err != nil {
		return err
	}
	d.server, d.secrets = client, client.Secrets()
	store, forget := remoteStore(client, d.settings.Prometheus)
	d.Store, d.forgetCache = telemetry.Observe(store, "prometheus"), forget
	if !client.PerUser() {
		d.Rules = recordingrule.NewInPlace(d.Profiles, d.Now)
	}
	return nil
}

// collector is the embedded engine as the evaluator sees it. Problems of targets, which name their URLs, are for editors.
type collector struct{ *engine.Handle }

func (c collector) Targets(ctx context.Context) ([]query.Target, error) {
	targets, err := c.Handle.Targets(ctx)
	out := make([]query.Target, len(targets))
	detailed := mayEdit(backend.PluginConfigFromContext(ctx).User)
	for i, t := range targets {
		out[i] = query.Target{Up: t.Up, Scraped: !t.LastScrape.IsZero()}
		if detailed {
			out[i].Problem = t.LastError
		}
	}
	return out, err
}

// targets are what the plugin itself scrapes; none if somebody else does.
func (d *Datasource) targets(ctx context.Context) ([]engine.TargetStatus, error) {
	if d.engine == nil {
		return nil, nil
	}
	return d.engine.Targets(ctx)
}
