package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/state"
)

const (
	// recordKey is the record of a data source in its engine's state.
	recordKey = "datasource"
	// usePeriod is how often the time of the last use is written, retryPeriod how soon a record that could not be written is tried again.
	usePeriod   = time.Hour
	retryPeriod = time.Minute
)

// record is what an engine needs to scrape before Grafana has sent the settings. Nothing in it is a secret.
type record struct {
	OrgID int64  `json:"org"`
	UID   string `json:"uid"`
	// Used is when a request last used the engine, in unix milliseconds.
	Used int64 `json:"used"`
	// Settings is JSON of a data source's settings, without what needs a secret.
	Settings json.RawMessage `json:"settings"`
}

// readRecord returns the record of a key, nil if there is none. Beside an error the record may be an older one, or nil.
func readRecord(s *state.Store, key Key) (*record, error) {
	text, damage := s.Get(recordKey)
	if len(text) == 0 {
		return nil, damage
	}
	var found record
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, errors.Join(damage, fmt.Errorf("the record of the data source is not JSON: %w", err))
	}
	if found.OrgID != key.OrgID || found.UID != key.UID {
		return nil, errors.Join(damage, fmt.Errorf("the record is that of the data source %q of organisation %d", found.UID, found.OrgID))
	}
	return &found, damage
}

// decode returns the settings to scrape with.
func (r *record) decode() (settings.Embedded, error) {
	s, err := settings.Decode(r.Settings, nil)
	return s.Embedded, err
}

// recorder writes the record of an engine: at once if the settings have changed, and rarely for the time of the last use.
type recorder struct {
	key       Key
	state     *state.Store
	usePeriod time.Duration
	changed   chan struct{}

	mu sync.Mutex
	// newest is what to write, nil until Grafana has sent settings; written is what was.
	newest, written *record
	// missing is what newest lacks.
	missing settings.SecretNeeds
	// problem is why newest is not written; empty if it is, or was not tried.
	problem string
}

// newRecorder makes a recorder. The last use is written often enough for the idle period, 0 for the default.
func newRecorder(key Key, s *state.Store, idlePeriod time.Duration) *recorder {
	r := &recorder{key: key, state: s, usePeriod: usePeriod, changed: make(chan struct{}, 1)}
	if idlePeriod > 0 {
		r.usePeriod = max(time.Millisecond, min(r.usePeriod, idlePeriod/4))
	}
	return r
}

// use notes that a request uses the engine.
func (r *recorder) use() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.newest != nil {
		r.newest.Used = time.Now().UnixMilli()
	}
}

// remember takes the settings that Grafana has sent.
func (r *recorder) remember(s settings.Embedded) {
	text, missing, err := s.WithoutSecrets()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.problem = err.Error()
		return
	}
	r.newest, r.missing = &record{OrgID: r.key.OrgID, UID: r.key.UID, Used: time.Now().UnixMilli(), Settings: text}, missing
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// run writes until ctx ends, and once more then.
func (r *recorder) run(ctx context.Context, failed func(error)) {
	for {
		wait := r.usePeriod
		if err := r.write(); err != nil {
			failed(err)
			wait = min(wait, retryPeriod)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			if err := r.write(); err != nil {
				failed(err)
			}
			return
		case <-r.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// write writes the newest record unless it is written already.
func (r *recorder) write() error {
	r.mu.Lock()
	if r.newest == nil || r.newest.same(r.written) {
		r.mu.Unlock()
		return nil
	}
	next := *r.newest
	r.mu.Unlock()
	text, err := json.Marshal(next)
	if err == nil {
		err = r.state.Put(recordKey, text)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.problem = err.Error()
		return err
	}
	r.written, r.problem = &next, ""
	return nil
}

func (r *record) same(other *record) bool {
	return other != nil && r.Used == other.Used && bytes.Equal(r.Settings, other.Settings)
}

// notes are sentences about what is not scraped after a restart of the plugin until the first request.
func (r *recorder) notes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	if r.problem != "" {
		out = append(out, fmt.Sprintf("After a restart of the plugin, scraping starts with the first request, because the settings cannot be recorded: %s.", r.problem))
	}
	var missing []string
	switch n := len(r.missing.Targets); {
	case n == 1:
		missing = append(missing, "1 target")
	case n > 1:
		missing = append(missing, fmt.Sprintf("%d targets", n))
	}
	if r.missing.FileDiscovery {
		missing = append(missing, "discovered targets")
	}
	if len(missing) == 0 {
		return out
	}
	return append(out, fmt.Sprintf("After a restart of the plugin, scraping of %s with an API key or another secret starts with the first request, because no secret is "+
		"stored on disk. An alert rule on the data source makes requests.", strings.Join(missing, " and ")))
}
