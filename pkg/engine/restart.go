package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/state"
)

// restoreConcurrency is how many storages are opened at once: reading their logs again takes a processor each.
const restoreConcurrency = 2

// stateFolder is where the key's state lies under path.
func (k Key) stateFolder(path string) string { return filepath.Join(k.dataFolder(path), "state") }

// Restore starts scraping for the data sources that were in use before the process was restarted, in the background, with their recorded
// settings. Those that Grafana sends replace them. A data source that cannot be restored is logged, and costs no other. Call it at most
// once.
func (r *Registry) Restore() {
	r.restoring.Go(func() {
		keys, err := r.index.list()
		if err != nil {
			r.options.Logger.Warn("The list of data sources is not complete. The missing ones are scraped from their first query on", "error", err)
		}
		group, ctx := errgroup.WithContext(r.restoreContext)
		group.SetLimit(restoreConcurrency)
		for _, key := range keys {
			group.Go(func() error {
				if err := r.restore(ctx, key); err != nil && ctx.Err() == nil {
					r.options.Logger.Warn("A data source is not scraped until its first query", "org", key.OrgID, "datasource", key.UID, "error", err)
				}
				return nil
			})
		}
		_ = group.Wait() // errors are logged
	})
}

// restore starts one data source unless it has been unused for the idle period, or has been started meanwhile.
func (r *Registry) restore(ctx context.Context, key Key) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	found, damage := readRecord(state.Open(key.stateFolder(r.options.DataPath)), key)
	if found == nil {
		if damage != nil {
			return damage
		}
		return r.index.remove(key) // its folder was deleted
	}
	if damage != nil {
		r.options.Logger.Warn("The record of a data source is damaged. An older version is used", "org", key.OrgID, "datasource", key.UID, "error", damage)
	}
	left := r.options.IdlePeriod - max(0, time.Since(time.UnixMilli(found.Used)))
	if left <= 0 {
		r.options.Logger.Debug("A data source that nobody uses is no longer scraped", "org", key.OrgID, "datasource", key.UID)
		return r.index.remove(key)
	}
	s, err := found.decode()
	if err != nil {
		return fmt.Errorf("its recorded settings cannot be used: %w", err)
	}
	if len(s.Targets) == 0 && !s.FileDiscovery {
		return nil // everything waits
	}
	return r.start(ctx, key, s, left)
}

// start opens the engine of a key, if it is not open, for as long as nobody uses it.
func (r *Registry) start(ctx context.Context, key Key, s settings.Embedded, unused time.Duration) error {
	place, err := r.slot(key)
	if err != nil {
		return err
	}
	if err := place.lock(ctx); err != nil {
		return err
	}
	defer place.unlock()
	if place.engine != nil || r.isClosed() {
		return nil
	}
	// Without a time, so that whatever Grafana sends is newer.
	if _, _, err := r.bringUp(place, s, time.Time{}); err != nil {
		return err
	}
	place.idle = time.AfterFunc(unused, func() { r.closeIdle(place) })
	return nil
}

// remember records settings that Grafana has sent, and that the data source is in use.
func (r *Registry) remember(place *slot, s settings.Embedded) {
	place.engine.record.remember(s)
	if err := r.index.add(place.key); err != nil {
		r.options.Logger.Warn("A data source is not scraped after a restart until its first query", "org", place.key.OrgID, "datasource", place.key.UID, "error", err)
	}
}

func (e *engine) recordFailed(err error) {
	e.logger.Warn("The settings are not recorded, so a restart of the plugin uses older ones", "error", err)
}

// Forget has a data source that is no embedded one any more not be scraped after a restart.
func (r *Registry) Forget(key Key) {
	if err := r.index.remove(key); err != nil {
		r.options.Logger.Warn("A data source may be scraped once more after a restart", "org", key.OrgID, "datasource", key.UID, "error", err)
	}
}

// RestartNotes are sentences about what a restart of the plugin would leave unscraped until the first request.
func (h *Handle) RestartNotes() []string {
	return slices.Concat(h.registry.index.notes(), h.engine.record.notes())
}
