package rules

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"

	"github.com/coldhit/modelserving-datasource/pkg/rulefile"
)

// Options are what an export can be given.
type Options struct {
	// DataSourceUID and OrgID are those of the Grafana data source that the rules query.
	DataSourceUID string
	OrgID         int64
	// Folder is Grafana's, which is made where there is none.
	Folder string
	// Interval is how often rules are evaluated.
	Interval time.Duration
	// Window is what rates, ratios and means are taken over; longer ranges are multiples of it.
	Window time.Duration
	// For, where set, is how long conditions have to last, instead of what each rule says.
	For *time.Duration
	// Period is that of the objectives' budgets. The windows of burn rates are parts of it.
	Period time.Duration

	// ResponseTime is the maximum p95 of any model.
	ResponseTime time.Duration
	// CacheHitRatio is the minimum of any model, ColdLoadRate the maximum of loads per request.
	CacheHitRatio, ColdLoadRate float64
	// Evictions is how many models may be evicted in an hour, in one deployment.
	Evictions float64
	// QueueSize is how many requests have to wait for a growing queue to matter.
	QueueSize float64
	// StartingFor is how long a replica may take to start.
	StartingFor time.Duration
	// MinimumRequests is how many requests in its window a ratio or a response time has to rest on.
	MinimumRequests float64
	// GPUMemory is the share of a GPU's memory that may be in use.
	GPUMemory float64
}

// DefaultFolder is the folder of rules without one.
const DefaultFolder = "Model Serving"

// Defaults are the options of an export that is given none.
func Defaults(dataSourceUID string, orgID int64) Options {
	return Options{
		DataSourceUID: dataSourceUID, OrgID: orgID, Folder: DefaultFolder,
		Interval: time.Minute, Window: 5 * time.Minute, Period: 30 * 24 * time.Hour,
		ResponseTime: 500 * time.Millisecond, CacheHitRatio: 0.75, ColdLoadRate: 0.1, Evictions: 12,
		QueueSize: 10, StartingFor: 10 * time.Minute, GPUMemory: 0.95, MinimumRequests: 10,
	}
}

const (
	maxFolderCharacters = 100
	// Grafana evaluates at multiples of this and no more often.
	baseInterval = 10 * time.Second
)

// Read changes options by the parameters of a request. Its errors are sentences for users.
func (o *Options) Read(given url.Values) error {
	readers := map[string]func(text string) error{
		"folder":        o.readFolder,
		"interval":      rulefile.ReadDuration(&o.Interval, baseInterval, rulefile.MaxInterval),
		"window":        rulefile.ReadDuration(&o.Window, 4*time.Second, time.Hour),
		"period":        rulefile.ReadDuration(&o.Period, time.Hour, 366*24*time.Hour),
		"for":           o.readFor,
		"responseTime":  rulefile.ReadDuration(&o.ResponseTime, time.Millisecond, 24*time.Hour),
		"startingFor":   rulefile.ReadDuration(&o.StartingFor, 0, 24*time.Hour),
		"cacheHitRatio": shareOf(&o.CacheHitRatio),
		"coldLoadRate":  shareOf(&o.ColdLoadRate),
		"gpuMemory":     shareOf(&o.GPUMemory),
		"evictions":     numberOf(&o.Evictions),
		"queueSize":     numberOf(&o.QueueSize),

		"minimumRequests": numberOf(&o.MinimumRequests),
	}
	for _, name := range Parameters() {
		if text := strings.TrimSpace(given.Get(name)); text != "" {
			if err := readers[name](text); err != nil {
				return fmt.Errorf("%s is %q: %w", name, text, err)
			}
		}
	}
	if o.Interval%baseInterval != 0 {
		return fmt.Errorf("interval is %q: it must be a multiple of %s, at which Grafana evaluates", given.Get("interval"), model.Duration(baseInterval))
	}
	return nil
}

// Parameters lists the names of what Read takes, in a fixed order.
func Parameters() []string {
	return []string{
		"folder", "interval", "window", "for", "period",
		"responseTime", "cacheHitRatio", "coldLoadRate", "evictions", "queueSize", "startingFor", "gpuMemory", "minimumRequests",
	}
}

func (o *Options) readFolder(text string) error {
	if n := utf8.RuneCountInString(text); n > maxFolderCharacters {
		return fmt.Errorf("it has %d characters; at most %d are possible", n, maxFolderCharacters)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '/' || r == '\\' }) {
		return errors.New("it must have no slash and no line break")
	}
	if !utf8.ValidString(text) {
		return errors.New("it is not valid UTF-8")
	}
	o.Folder = text
	return nil
}

func (o *Options) readFor(text string) error {
	var d time.Duration
	if err := rulefile.ReadDuration(&d, 0, 24*time.Hour)(text); err != nil {
		return err
	}
	o.For = &d
	return nil
}

func shareOf(to *float64) func(string) error {
	return func(text string) error {
		number, percent := strings.CutSuffix(text, "%")
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if percent {
			v /= 100
		}
		if err != nil || !(v > 0 && v < 1) {
			return errors.New("write a share of more than 0% and less than 100%, such as 75% or 0.75")
		}
		*to = v
		return nil
	}
}

func numberOf(to *float64) func(string) error {
	return func(text string) error {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || !(v > 0 && v <= 1e9) {
			return errors.New("write a number above 0")
		}
		*to = v
		return nil
	}
}

// Unknown lists the parameters of a request that mean nothing here, other than those that are expected besides.
func Unknown(given url.Values, besides ...string) []string {
	return rulefile.UnknownParameters(given, Parameters(), besides...)
}
