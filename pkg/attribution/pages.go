package attribution

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// maxPages bounds how many servers of a host are asked.
	maxPages = 200
	// maxConcurrentReads is how many pages are read at the same time.
	maxConcurrentReads = 4
	// forgetAfter is how long a page is still read that no process needs.
	forgetAfter = 2 * time.Minute
)

// pageKey is one page, read for one rule.
type pageKey struct {
	address string
	rule    *Metrics
	// models is where the server is asked how its models are configured, or empty.
	models string
}

// page is what is known from a server's metrics page.
type page struct {
	needed time.Time
	// readings are never changed. They reach back over the window: the first is the last one before it.
	readings []reading
	err      error
	// elsewhere are models that have processes of their own, by the server's process.
	elsewhere map[int]elsewhere
	// configurations are those of the models that were asked about; configurationsErr is why others were not.
	configurations    map[string]configuration
	configurationsErr error
}

// pages are the metrics pages of the host's servers.
type pages struct {
	client   *http.Client
	settings Settings
	mutex    sync.Mutex
	known    map[pageKey]*page
	// wake says that there is a page that was never read.
	wake chan struct{}
}

// account is what a page tells now. Its readings are nil as long as there are none.
type account struct {
	latest, earlier *reading
	apart           elsewhere
	// configurations are those of the models; configurationsErr is why those of others are not known.
	configurations    map[string]configuration
	configurationsErr error
}

// register has a page read from now on for a server's process, and answers what is known of it so far. The error says why the
// page cannot be read.
func (ps *pages) register(key pageKey, server int) (account, error) {
	ps.mutex.Lock()
	defer ps.mutex.Unlock()
	p := ps.known[key]
	if p == nil {
		if len(ps.known) >= maxPages {
			return account{}, errTooManyPages
		}
		p = &page{elsewhere: map[int]elsewhere{}, configurations: map[string]configuration{}}
		ps.known[key] = p
		select {
		case ps.wake <- struct{}{}:
		default:
		}
	}
	p.needed = time.Now()
	apart := p.elsewhere[server]
	if key.rule.Workers == nil {
		apart.needed = p.needed
		p.elsewhere[server] = apart
	}
	if len(p.readings) == 0 {
		return account{}, p.err
	}
	latest := &p.readings[len(p.readings)-1]
	if age := time.Since(latest.at); age > 3*ps.settings.Interval+ps.settings.Timeout {
		return account{}, p.err
	}
	if key.rule.Workers == nil && apart.looked.IsZero() {
		return account{}, nil
	}
	if p.configurationsErr == nil && len(p.unconfigured(key, latest)) > 0 {
		return account{}, nil // for as long as there are models that were not asked about
	}
	out := account{latest: latest, apart: apart, configurations: maps.Clone(p.configurations), configurationsErr: p.configurationsErr}
	if len(p.readings) > 1 {
		out.earlier = &p.readings[0]
	}
	return out, nil
}

var errTooManyPages = fmt.Errorf("too many servers on this host: the limit is %d", maxPages)

// run reads all pages at every interval, and new ones at once, until the context ends.
func (ps *pages) run(ctx context.Context, a *Attributor) {
	ticker := time.NewTicker(ps.settings.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ps.wake:
			ps.readAll(ctx, a, true)
		case <-ticker.C:
			ps.readAll(ctx, a, false)
		}
	}
}

// readAll reads those pages that were never read, or all.
func (ps *pages) readAll(ctx context.Context, a *Attributor, onlyNew bool) {
	var group errgroup.Group
	group.SetLimit(maxConcurrentReads)
	for _, key := range ps.due(onlyNew) {
		group.Go(func() error {
			asked, cancel := context.WithTimeout(ctx, ps.settings.Timeout)
			defer cancel()
			read, err := readPage(asked, ps.client, ps.settings.Timeout, key.address, key.rule)
			if err == nil {
				ps.configure(ctx, key, read)
			}
			if ctx.Err() == nil {
				ps.keep(key, read, err)
			}
			return nil
		})
	}
	_ = group.Wait() // what fails is kept with its page
	if ctx.Err() == nil {
		ps.findElsewhere(a)
	}
}

func (ps *pages) due(onlyNew bool) []pageKey {
	ps.mutex.Lock()
	defer ps.mutex.Unlock()
	var keys []pageKey
	for key, p := range ps.known {
		if time.Since(p.needed) > forgetAfter {
			delete(ps.known, key)
			continue
		}
		if !onlyNew || (len(p.readings) == 0 && p.err == nil) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (ps *pages) keep(key pageKey, read reading, err error) {
	ps.mutex.Lock()
	defer ps.mutex.Unlock()
	p := ps.known[key]
	if p == nil {
		return
	}
	p.err = err
	if err != nil {
		return
	}
	read.at = time.Now()
	p.readings = append(p.readings, read)
	for len(p.readings) > 2 && read.at.Sub(p.readings[1].at) >= ps.settings.Window {
		// A new slice, so that what was let go of is freed.
		p.readings = slices.Clone(p.readings[1:])
	}
}

// increase is what was computed for a model between two readings. A server that began anew counts from zero.
func increase(latest, earlier *reading, key modelKey) float64 {
	now, before := latest.models[key].compute, earlier.models[key].compute
	if now < before {
		return now
	}
	return now - before
}

// sentence makes a sentence of an error that may be one.
func sentence(err error) string {
	return strings.TrimSuffix(err.Error(), ".") + "."
}
