package plugin

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

const (
	// probeConcurrency is how many targets a check probes at the same time: silent ones cost a connection each.
	probeConcurrency = 200
	// largePages is how many pages of more than a mebibyte are read at the same time.
	largePages = 4
	// pagesShare and managementShare are the parts of a check's time after which the pages, and the management endpoints, are done.
	pagesShare, managementShare = 0.6, 0.85
)

// probeTargets reads the metrics page of every configured target, then asks the management endpoints of those that have one. Each
// target has a deadline of its own that leaves time for all others, so that silent ones take nothing from the rest.
func (d *Datasource) probeTargets(ctx context.Context) []finding {
	targets := d.settings.Embedded.Targets
	findings := make([]finding, len(targets))
	begun, total := time.Now(), healthTime
	if deadline, set := ctx.Deadline(); set {
		total = time.Until(deadline)
	}
	until := func(share float64) time.Duration { return time.Until(begun.Add(time.Duration(share * float64(total)))) }
	large := make(chan struct{}, largePages)

	all := make([]int, len(targets))
	for i := range all {
		all[i] = i
	}
	d.round(ctx, all, until(pagesShare), func(ctx context.Context, i int, timeout settings.Embedded) {
		findings[i] = d.examine(ctx, targets[i], timeout, large)
	}, func(i int) { findings[i] = unreached(targets[i]) })

	var managed []int
	for i, f := range findings {
		if f.management != nil {
			managed = append(managed, i)
		}
	}
	d.round(ctx, managed, until(managementShare), func(ctx context.Context, i int, timeout settings.Embedded) {
		findings[i].probeManagement(ctx, *findings[i].management, targets[i], timeout)
	}, func(i int) {
		findings[i].Missing = append(findings[i].Missing, "The management endpoint was not reached in the time of this check. Run Save & test again.")
	})
	return findings
}

// round runs do for each item, many at the same time, with settings whose timeout lets all have their turn within the time that is left.
// Items whose turn does not come before ctx ends go to missed.
func (d *Datasource) round(ctx context.Context, items []int, left time.Duration, do func(context.Context, int, settings.Embedded), missed func(int)) {
	if len(items) == 0 {
		return
	}
	turns := (len(items) + probeConcurrency - 1) / probeConcurrency
	limited := d.settings.Embedded
	limited.ScrapeTimeout = max(min(limited.ScrapeTimeout, left/time.Duration(turns)).Round(100*time.Millisecond), 100*time.Millisecond)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(len(items), probeConcurrency) {
		workers.Go(func() {
			for i := range next {
				if ctx.Err() != nil {
					missed(i)
					continue
				}
				// A body that trickles in has the same time as a silent server.
				one, cancel := context.WithTimeout(ctx, limited.ScrapeTimeout)
				do(one, i, limited)
				cancel()
			}
		})
	}
	for _, i := range items {
		next <- i
	}
	close(next)
	workers.Wait()
}

// unreached is the finding of a target whose turn did not come.
func unreached(t settings.Target) finding {
	f := finding{Name: identityOf(t), reason: "were not reached in the time of this check"}
	if u, err := target.ParseURL(t.URL); err == nil {
		f.URL = redact.URL(u)
	}
	f.Problem = fmt.Sprintf("%s was not reached in the time of this check. Run Save & test again.", f.place())
	return f
}

// managementOf is the management endpoint of a finding's server; nil if it has none.
func (d *Datasource) managementOf(profile string) *engine.Management {
	if endpoint, has := EngineProfiles(d.Profiles).Management(profile); has {
		return &endpoint
	}
	return nil
}
