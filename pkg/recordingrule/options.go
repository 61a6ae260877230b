package recordingrule

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/rulefile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Options are what the recording rules can be given.
type Options struct {
	// Signals are those that are recorded for.
	Signals []signal.Signal
	// Window is what rates are over. Panels read the rules at this window and at multiples of it.
	Window time.Duration
	// TopInterval is how often the models with the most traffic are recorded, and Interval how often all are. Window is a multiple
	// of both.
	TopInterval, Interval time.Duration
	// Scrape is how often the servers are scraped.
	Scrape time.Duration
	// TopN is how many models of each server are recorded every TopInterval.
	TopN int
}

const (
	// scrapesInWindow is how many scrape intervals a rate needs, for one lost scrape not to leave a gap.
	scrapesInWindow = 4
	defaultTopN     = 50
	maxTopN         = 10_000
	// allSignals names every signal that can be recorded.
	allSignals = "all"
)

// Defaults are the options for servers that are scraped at an interval: for the traffic, and for the signals that have objectives.
func Defaults(catalogue signal.Catalogue, objectives objective.Set, scrape time.Duration) Options {
	window := scrapesInWindow * scrape
	o := Options{Window: window, Interval: longestInterval(window), Scrape: scrape, TopN: defaultTopN}
	o.TopInterval = min(scrape, o.Interval)
	names := []string{"requests"}
	for _, d := range objective.Definitions {
		demanded := d.Limit(objectives.Unmatched()) > 0 || slices.ContainsFunc(objectives.Overrides(), func(over objective.Override) bool {
			return d.Set(over) && d.Limit(over.Over(objective.Objective{})) > 0
		})
		if demanded && d.OverRequests { // the others are levels and no rates
			names = append(names, d.Measured)
		}
	}
	for _, name := range names {
		if s, found := catalogue.Find(name); found {
			o.Signals = append(o.Signals, s)
		}
	}
	return o
}

// longestInterval is the longest interval, in whole seconds, of which the window is a multiple and after which nothing is forgotten yet.
func longestInterval(window time.Duration) time.Duration {
	for parts := (window + rulefile.MaxInterval - 1) / rulefile.MaxInterval; parts*time.Second <= window; parts++ {
		if window%(parts*time.Second) == 0 {
			return window / parts
		}
	}
	return window
}

// Parameters lists the names of what Read takes, in a fixed order.
func Parameters() []string {
	return []string{"signals", "window", "interval", "topInterval", "topN"}
}

// Read changes options by the parameters of a request. Its errors are sentences for users.
func (o *Options) Read(given url.Values, catalogue signal.Catalogue, servers profile.Servers) error {
	readers := map[string]func(text string) error{
		"signals":     func(text string) error { return o.readSignals(text, catalogue, servers) },
		"window":      rulefile.ReadDuration(&o.Window, 4*time.Second, time.Hour),
		"topInterval": rulefile.ReadDuration(&o.TopInterval, time.Second, rulefile.MaxInterval),
		"interval":    rulefile.ReadDuration(&o.Interval, time.Second, rulefile.MaxInterval),
		"topN":        o.readTopN,
	}
	chosen := strings.TrimSpace(given.Get("interval")) != ""
	for _, name := range Parameters() {
		if text := strings.TrimSpace(given.Get(name)); text != "" {
			if err := readers[name](text); err != nil {
				return fmt.Errorf("%s is %q: %w", name, text, err)
			}
		}
	}
	if !chosen {
		o.Interval = longestInterval(o.Window)
	}
	return o.check()
}

func (o *Options) readSignals(text string, catalogue signal.Catalogue, servers profile.Servers) error {
	recordable := RecordableSignals(catalogue, servers)
	if text == allSignals {
		o.Signals = recordable
		return nil
	}
	o.Signals = nil
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		i := slices.IndexFunc(recordable, func(s signal.Signal) bool { return s.Name == name })
		if i < 0 {
			names := make([]string, len(recordable))
			for j, s := range recordable {
				names[j] = s.Name
			}
			return fmt.Errorf("the servers have no counter or histogram for %q; write %s, or some of: %s", name, allSignals, strings.Join(names, ", "))
		}
		if !slices.ContainsFunc(o.Signals, func(s signal.Signal) bool { return s.Name == name }) {
			o.Signals = append(o.Signals, recordable[i])
		}
	}
	return nil
}

func (o *Options) readTopN(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxTopN {
		return fmt.Errorf("write a whole number between 1 and %d", maxTopN)
	}
	o.TopN = n
	return nil
}

// check refuses intervals of which the window is no multiple: panels put windows together that were recorded at their ends.
func (o *Options) check() error {
	for _, part := range []struct {
		name   string
		length time.Duration
	}{{"interval", o.Interval}, {"topInterval", o.TopInterval}} {
		if part.length <= 0 || o.Window%part.length != 0 {
			return fmt.Errorf("the window of %s is no multiple of the %s of %s; choose one that is", model.Duration(o.Window), part.name, model.Duration(part.length))
		}
	}
	if o.TopInterval > o.Interval {
		return fmt.Errorf("the topInterval %s is longer than the interval %s: the models with the most traffic are recorded at least as often as all",
			model.Duration(o.TopInterval), model.Duration(o.Interval))
	}
	return nil
}
