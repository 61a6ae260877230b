package plugin

import (
	"context"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

// modelCounts are how many models each scraped replica serves at present.
type modelCounts map[string]int

func (s modelCounts) countOf(t engine.TargetStatus, p *profile.Profile) int {
	if p == nil {
		return 0
	}
	return s[replicaKey(p, t.Labels)]
}

func replicaKey(p *profile.Profile, labels map[string]string) string {
	parts := []string{p.ID}
	for _, l := range p.Replica {
		parts = append(parts, labels[l])
	}
	return strings.Join(parts, "\x00")
}

func (d *Datasource) modelsServed(ctx context.Context) (modelCounts, error) {
	out := modelCounts{}
	now := time.Now()
	for _, p := range d.Profiles.Targets() {
		counted := p.ModelsServed()
		if counted == nil {
			continue
		}
		answer, err := d.Store.Instant(ctx, counted, executor.Instant{At: now})
		if err != nil {
			return nil, err
		}
		for _, s := range answer.Series {
			out[replicaKey(p, s.Labels)] = int(s.Values[0])
		}
	}
	return out, nil
}
