package rules

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// RecordingOptions are what the recording rules can be given.
type RecordingOptions struct {
	// Signals are those that are recorded for.
	Signals []signal.Signal
	// Window is what rates are over. Panels read the rules at this window and at multiples of it.
	Window time.Duration
	// Interval is how often the busiest models are recorded, and LongTail how often all are. Window is a multiple of both.
	Interval, LongTail time.Duration
	// Scrape is how often the servers are scraped.
	Scrape time.Duration
	// Busiest is how many models of each server are recorded more often.
	Busiest int
}

const (
	// scrapesInWindow is how many scrape intervals a rate needs, for one lost scrape not to leave a gap.
	scrapesInWindow = 4
	defaultBusiest  = 50
	maxBusiest      = 10_000
	// allSignals names every signal that can be recorded.
	allSignals = "all"
)

// RecordingDefaults are the options for servers that are scraped at an interval: for the traffic, and for what models are held to.
func RecordingDefaults(catalogue signal.Catalogue, held Held, scrape time.Duration) RecordingOptions {
	window := scrapesInWindow * scrape
	o := RecordingOptions{Window: window, LongTail: longTailOf(window), Scrape: scrape, Busiest: defaultBusiest}
	o.Interval = min(scrape, o.LongTail)
	names := []string{"requests"}
	for _, h := range allHeld {
		allowed := h.allowed(held.Default) > 0 || slices.ContainsFunc(held.Overrides, func(over objective.Override) bool {
			return h.set(over) && h.allowed(over.Over(objective.Objective{})) > 0
		})
		if allowed && h.objective != ofStaleness { // which is a level and no rate
			names = append(names, h.signal)
		}
	}
	for _, name := range names {
		if s, found := catalogue.Find(name); found {
			o.Signals = append(o.Signals, s)
		}
	}
	return o
}

// longTailOf is the longest interval, in whole seconds, of which the window is a multiple and after which nothing is forgotten yet.
func longTailOf(window time.Duration) time.Duration {
	for parts := (window + maxInterval - 1) / maxInterval; parts*time.Second <= window; parts++ {
		if window%(parts*time.Second) == 0 {
			return window / parts
		}
	}
	return window
}

// RecordingParameters lists the names of what Read takes, in a fixed order.
func RecordingParameters() []string {
	return []string{"signals", "window", "interval", "longTail", "busiest"}
}

// Read changes options by the parameters of a request. Its errors are sentences for who asked.
func (o *RecordingOptions) Read(given url.Values, catalogue signal.Catalogue, servers Servers) error {
	readers := map[string]func(text string) error{
		"signals":  func(text string) error { return o.readSignals(text, catalogue, servers) },
		"window":   durationOf(&o.Window, 4*time.Second, time.Hour),
		"interval": durationOf(&o.Interval, time.Second, maxInterval),
		"longTail": durationOf(&o.LongTail, time.Second, maxInterval),
		"busiest":  o.readBusiest,
	}
	longTail := strings.TrimSpace(given.Get("longTail")) != ""
	for _, name := range RecordingParameters() {
		if text := strings.TrimSpace(given.Get(name)); text != "" {
			if err := readers[name](text); err != nil {
				return fmt.Errorf("%s is %q: %w", name, text, err)
			}
		}
	}
	if !longTail {
		o.LongTail = longTailOf(o.Window)
	}
	return o.check()
}

func (o *RecordingOptions) readSignals(text string, catalogue signal.Catalogue, servers Servers) error {
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
		o.Signals = append(o.Signals, recordable[i])
	}
	return nil
}

func (o *RecordingOptions) readBusiest(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxBusiest {
		return fmt.Errorf("write a whole number between 1 and %d", maxBusiest)
	}
	o.Busiest = n
	return nil
}

// check refuses intervals of which the window is no multiple: panels put windows together that were recorded at their ends.
func (o *RecordingOptions) check() error {
	for _, part := range []struct {
		name   string
		length time.Duration
	}{{"interval", o.Interval}, {"longTail", o.LongTail}} {
		if part.length <= 0 || o.Window%part.length != 0 {
			return fmt.Errorf("the window of %s is no multiple of the %s of %s; choose one that is", model.Duration(o.Window), part.name, model.Duration(part.length))
		}
	}
	if o.Interval > o.LongTail {
		return fmt.Errorf("the busiest models are recorded every %s, which is less often than the longTail of %s; choose it the other way round",
			model.Duration(o.Interval), model.Duration(o.LongTail))
	}
	return nil
}
