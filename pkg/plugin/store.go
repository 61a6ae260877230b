package plugin

import (
	"context"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/incremental"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/remote"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

// store is where a data source's numbers are.
type store interface {
	promql.Backend
	// Targets is what the plugin itself scrapes; none where somebody else does.
	Targets(ctx context.Context) ([]engine.TargetStatus, error)
	// Since is the time of the oldest data, zero if there is none or that is unknown.
	Since() time.Time
	// Warnings are sentences about how the store is set up.
	Warnings() []string
	// Release lets go of it.
	Release()
}

var (
	_ store = (*engine.Handle)(nil)
	_ store = (*remoteStore)(nil)
)

// remoteStore is a Prometheus-compatible server that scrapes and stores by itself.
type remoteStore struct {
	promql.Backend
	client *remote.Client
}

// newRemoteStore asks a server, and for what is new alone unless that is switched off. Nothing is kept where the server may
// answer each user differently.
func newRemoteStore(ctx context.Context, instance backend.DataSourceInstanceSettings, s settings.Prometheus) (*remoteStore, error) {
	client, err := remote.New(ctx, instance, s)
	if err != nil {
		return nil, err
	}
	if !s.IncrementalQuerying || client.PerUser() {
		return &remoteStore{client, client}, nil
	}
	kept := incremental.New(client, incremental.Options{
		Overlap: s.IncrementalQueryOverlapWindow, Bytes: s.QueryCacheBytes, IndependentSteps: client.IndependentSteps, Behind: client.Behind,
	})
	return &remoteStore{kept, client}, nil
}

func (r *remoteStore) Targets(context.Context) ([]engine.TargetStatus, error) { return nil, nil }

func (r *remoteStore) Since() time.Time { return time.Time{} }

func (r *remoteStore) Warnings() []string { return nil }

func (r *remoteStore) Release() { r.client.Close() }
