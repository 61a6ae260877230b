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

// ServerType is a type of server.
type ServerType string

// The types, as the setting prometheusType spells them.
const (
	Prometheus             ServerType = "Prometheus"
	Mimir                  ServerType = "Mimir"
	Cortex                 ServerType = "Cortex"
	Thanos                 ServerType = "Thanos"
	VictoriaMetrics        ServerType = "VictoriaMetrics"
	VictoriaMetricsCluster ServerType = "VictoriaMetricsCluster"
	Amazon                 ServerType = "Amazon"
	Google                 ServerType = "Google"
	Azure                  ServerType = "Azure"
	GrafanaCloud           ServerType = "GrafanaCloud"
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

// serverTraits are the properties of a type of server.
type serverTraits struct {
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

// featuresExcept returns all features except those that are switched off.
func featuresExcept(off func(*Features)) Features {
	f := all
	off(&f)
	return f
}

// victoriaFeatures: it has histograms of its own, no annotations, and looks at neighbouring samples to tell the interval of a series: near
// gaps, the value at a step depends on the range.
var victoriaFeatures = featuresExcept(func(f *Features) {
	f.NativeHistograms, f.Annotations, f.IndependentSteps = false, false, false
})

// known is the only place where types of servers differ.
var known = map[ServerType]serverTraits{
	Prometheus:             {name: "Prometheus", nativeSince: "2.40", limitSince: "2.53", features: all},
	Mimir:                  {name: "Grafana Mimir", nativeSince: "2.7", limitSince: "2.14", features: all},
	Cortex:                 {name: "Cortex", nativeSince: "1.18", limitSince: "1.19", features: all},
	Thanos:                 {name: "Thanos", nativeSince: "0.30", limitSince: "0.38", features: all},
	VictoriaMetrics:        {name: "VictoriaMetrics", features: victoriaFeatures},
	VictoriaMetricsCluster: {name: "VictoriaMetrics cluster", features: victoriaFeatures},
	Amazon:                 {name: "Amazon Managed Service for Prometheus", hosts: []string{".amazonaws.com", ".amazonaws.com.cn"}, features: all},
	Google: {name: "Google Cloud Managed Service for Prometheus", hosts: []string{"monitoring.googleapis.com"}, features: featuresExcept(func(f *Features) {
		f.NameExpressions, f.LimitedLabelValues, f.Annotations = false, false, false
	})},
	Azure: {name: "Azure Monitor managed service for Prometheus", hosts: []string{".prometheus.monitor.azure.com", ".prometheus.monitor.azure.us", ".prometheus.monitor.azure.cn"},
		features: featuresExcept(func(f *Features) { f.LimitedLabelValues = false })},
	GrafanaCloud: {name: "Grafana Cloud", hosts: []string{".grafana.net"}, features: all},
}

// Server is what a server is.
type Server struct {
	Type ServerType
	// Name is for users.
	Name string
	// Version is what the server says; empty where it says none.
	Version  string
	Features Features
}

// String names the server and its version.
func (s Server) String() string { return strings.TrimSpace(s.Name + " " + s.Version) }

func newServer(f ServerType, version string) Server {
	k := known[f]
	s := Server{Type: f, Name: k.name, Version: version, Features: k.features}
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

// buildInfo is the build information of a server.
type buildInfo struct {
	Application string `json:"application"`
	Version     string `json:"version"`
	Revision    string `json:"revision"`
	GoVersion   string `json:"goVersion"`
}

// Server detects the server: by its host if the service has known hosts, otherwise by its build information.
// The result is cached, an error is not.
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
	hosted := c.serverTypeOfHost()
	info, err := c.buildInfo(ctx)
	var e *Error
	switch {
	case err == nil:
	case errors.As(err, &e) && (e.Status == http.StatusNotFound || e.Status == http.StatusBadRequest || e.Status == http.StatusForbidden || e.Problem == NotPrometheus):
		// Not all servers report build information, and some services forbid it.
	default:
		return Server{}, err
	}
	f := info.serverType(c.base.Path)
	version := info.Version
	switch {
	case c.settings.PrometheusType != "":
		f = ServerType(c.settings.PrometheusType)
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

func (c *Client) serverTypeOfHost() ServerType {
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

// serverType detects the type. The versions of Thanos begin with 0. VictoriaMetrics reports a version of Prometheus without a revision
// and a Go version.
func (i buildInfo) serverType(path string) ServerType {
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
