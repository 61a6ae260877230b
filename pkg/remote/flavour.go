package remote

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Flavour is a kind of server.
type Flavour string

// The flavours, as the setting prometheusType spells them.
const (
	Prometheus             Flavour = "Prometheus"
	Mimir                  Flavour = "Mimir"
	Cortex                 Flavour = "Cortex"
	Thanos                 Flavour = "Thanos"
	VictoriaMetrics        Flavour = "VictoriaMetrics"
	VictoriaMetricsCluster Flavour = "VictoriaMetricsCluster"
	Amazon                 Flavour = "Amazon"
	Google                 Flavour = "Google"
	Azure                  Flavour = "Azure"
	GrafanaCloud           Flavour = "GrafanaCloud"
)

// Features are what a server has beyond the queries that all of them answer.
type Features struct {
	// NativeHistograms are stored and answered.
	NativeHistograms bool
	// LabelValuesOfSelectors: values of labels can be listed for the series that selectors match.
	LabelValuesOfSelectors bool
	// NameExpressions: a regular expression may stand for a metric's name.
	NameExpressions bool
	// LimitedLabelValues: the number of values can be limited in the request.
	LimitedLabelValues bool
	// AtModifier: @ start(), @ end() and @ with a time.
	AtModifier bool
	// Annotations: warnings and infos come with answers.
	Annotations bool
	// IndependentSteps: the value at a step is the same whatever range it is asked in, so that answers may be kept and joined.
	IndependentSteps bool
}

// flavour is what is known of a kind of server.
type flavour struct {
	name  string
	hosts []string
	// nativeSince and limitSince are the first versions that have native histograms, stable, and limits of label values; empty if
	// every version has them.
	nativeSince, limitSince string
	features                Features
}

var all = Features{
	NativeHistograms: true, LabelValuesOfSelectors: true, NameExpressions: true, LimitedLabelValues: true, AtModifier: true, Annotations: true,
	IndependentSteps: true,
}

// without is all features but those that are switched off.
func without(off func(*Features)) Features {
	f := all
	off(&f)
	return f
}

// victoriaFeatures: it has histograms of its own, no annotations, and looks at neighbouring samples to tell the interval of a series: near
// gaps, the value at a step depends on the range.
var victoriaFeatures = without(func(f *Features) {
	f.NativeHistograms, f.Annotations, f.IndependentSteps = false, false, false
})

// known is the one place where flavours differ.
var known = map[Flavour]flavour{
	Prometheus:             {name: "Prometheus", nativeSince: "2.40", limitSince: "2.53", features: all},
	Mimir:                  {name: "Grafana Mimir", nativeSince: "2.7", limitSince: "2.14", features: all},
	Cortex:                 {name: "Cortex", nativeSince: "1.18", limitSince: "1.19", features: all},
	Thanos:                 {name: "Thanos", nativeSince: "0.30", limitSince: "0.38", features: all},
	VictoriaMetrics:        {name: "VictoriaMetrics", features: victoriaFeatures},
	VictoriaMetricsCluster: {name: "VictoriaMetrics cluster", features: victoriaFeatures},
	Amazon:                 {name: "Amazon Managed Service for Prometheus", hosts: []string{".amazonaws.com", ".amazonaws.com.cn"}, features: all},
	Google: {name: "Google Cloud Managed Service for Prometheus", hosts: []string{"monitoring.googleapis.com"}, features: without(func(f *Features) {
		f.NameExpressions, f.LimitedLabelValues, f.Annotations = false, false, false
	})},
	Azure: {name: "Azure Monitor managed service for Prometheus", hosts: []string{".prometheus.monitor.azure.com", ".prometheus.monitor.azure.us", ".prometheus.monitor.azure.cn"},
		features: without(func(f *Features) { f.LimitedLabelValues = false })},
	GrafanaCloud: {name: "Grafana Cloud", hosts: []string{".grafana.net"}, features: all},
}

// Server is what a server is.
type Server struct {
	Flavour Flavour
	// Name is for users.
	Name string
	// Version is what the server says; empty where it says none.
	Version  string
	Features Features
}

// String names the server and its version.
func (s Server) String() string { return strings.TrimSpace(s.Name + " " + s.Version) }

func newServer(f Flavour, version string) Server {
	k := known[f]
	s := Server{Flavour: f, Name: k.name, Version: version, Features: k.features}
	s.Features.NativeHistograms = s.Features.NativeHistograms && atLeast(version, k.nativeSince)
	s.Features.LimitedLabelValues = s.Features.LimitedLabelValues && atLeast(version, k.limitSince)
	return s
}

// atLeast compares versions number by number. An unknown version is taken for a new one.
func atLeast(version, least string) bool {
	numbers := func(text string) (out []int) {
		for _, part := range strings.FieldsFunc(strings.TrimPrefix(text, "v"), func(r rune) bool { return r == '.' || r == '-' || r == '+' }) {
			n, err := strconv.Atoi(part)
			if err != nil {
				break
			}
			out = append(out, n)
		}
		return out
	}
	have := numbers(version)
	return len(have) == 0 || slices.Compare(have, numbers(least)) >= 0
}

// buildInfo is what servers say about themselves.
type buildInfo struct {
	Application string `json:"application"`
	Version     string `json:"version"`
	Revision    string `json:"revision"`
	GoVersion   string `json:"goVersion"`
}

// Server finds out what the server is: by its host where a service has hosts of its own, else by what it says about itself.
// It is asked once; an error is not remembered.
func (c *Client) Server(ctx context.Context) (Server, error) {
	c.detection.Lock()
	found := c.detected
	c.detection.Unlock()
	if found != nil {
		return *found, nil
	}
	s, err := c.detect(ctx)
	if err != nil {
		return Server{}, err
	}
	c.detection.Lock()
	c.detected = &s
	c.detection.Unlock()
	return s, nil
}

// IndependentSteps reports whether the server is known to have the feature of that name.
func (c *Client) IndependentSteps(ctx context.Context) bool {
	s, err := c.Server(ctx)
	return err == nil && s.Features.IndependentSteps
}

func (c *Client) detect(ctx context.Context) (Server, error) {
	hosted := c.flavourOfHost()
	info, err := c.buildInfo(ctx)
	var e *Error
	switch {
	case err == nil:
	case errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusBadRequest || e.Status == http.StatusForbidden || e.Problem == NotPrometheus):
		// Not all of them say what they are, and some services forbid to ask.
	default:
		return Server{}, err
	}
	f := info.flavour(c.base.Path)
	version := info.Version
	switch {
	case c.settings.PrometheusType != "":
		f = Flavour(c.settings.PrometheusType)
	case hosted != "":
		f = hosted
	}
	switch f {
	case VictoriaMetrics, VictoriaMetricsCluster:
		version = c.victoriaVersion(ctx)
	case Amazon, Azure, Google:
		version = "" // a service's versions are not Prometheus's
	}
	return newServer(f, version), nil
}

func (c *Client) flavourOfHost() Flavour {
	host := strings.ToLower(c.base.Hostname())
	for f, k := range known {
		for _, h := range k.hosts {
			if host == h || (strings.HasPrefix(h, ".") && strings.HasSuffix(host, h)) {
				return f
			}
		}
	}
	return ""
}

// flavour tells servers apart. Thanos's versions begin with 0. VictoriaMetrics names a version of Prometheus without a revision
// and a Go version, for Grafana's sake.
func (i buildInfo) flavour(path string) Flavour {
	switch application := strings.ToLower(i.Application); {
	case strings.Contains(application, "mimir"), strings.Contains(application, "enterprise metrics"):
		return Mimir
	case strings.Contains(application, "cortex"):
		return Cortex
	case strings.Contains(application, "thanos"):
		return Thanos
	}
	switch {
	case i.Version != "" && i.Revision == "" && i.GoVersion == "":
		if strings.Contains(path, "/select/") {
			return VictoriaMetricsCluster
		}
		return VictoriaMetrics
	case strings.HasPrefix(i.Version, "0."):
		return Thanos
	}
	return Prometheus
}

func (c *Client) buildInfo(ctx context.Context) (info buildInfo, err error) {
	return info, c.get(ctx, c.endpoint("status", "buildinfo"), nil, func(body io.Reader) error {
		return decodeData(body, &info)
	})
}

// victoriaVersion reads the version from the page of VictoriaMetrics's own user interface; empty where there is none, or
// something between hides it.
func (c *Client) victoriaVersion(ctx context.Context) string {
	u := *c.base
	u.Path = strings.TrimSuffix(u.Path, "/") + "/vmui/config.json"
	var config struct {
		Version string `json:"version"`
	}
	// Nothing depends on it: it is shown, and no feature of VictoriaMetrics differs by it.
	if err := c.get(ctx, &u, nil, func(body io.Reader) error { return decodeJSON(body, &config) }); err != nil {
		return ""
	}
	return config.Version
}
