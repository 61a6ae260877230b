package engine

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/alecthomas/units"
	configutil "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/file"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/scrape"

	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

const (
	// fileDiscoveryJob is the job of all targets that the discovery folder's files name.
	fileDiscoveryJob = "file_discovery"
	// profileLabel is how a file names the profile of its targets; it is not stored.
	profileLabel = "__profile__"

	labelEnvironment = "environment"
	labelDeployment  = "deployment"
)

// idleConnections is how long a connection to a target outlasts a scrape: longer than usual intervals, and not longer than needed,
// because Prometheus's scrapers leave their connections open when their settings change.
const idleConnections = 30 * time.Second

// scrapeOptions pick up new targets within about a second, and read when counters began where a server tells.
func scrapeOptions() *scrape.Options {
	return &scrape.Options{
		ParseST:                  true,
		PassMetadataInContext:    true, // what is ingested depends on the target and on the types of metrics
		DiscoveryReloadInterval:  model.Duration(time.Second),
		DiscoveryReloadOnStartup: true,
		HTTPClientOptions: []configutil.HTTPClientOption{
			configutil.WithNewTLSConfigFunc(additionalRoots), configutil.WithIdleConnTimeout(idleConnections),
		},
	}
}

// additionalRoots trusts a configured CA certificate in addition to the system's; Prometheus would trust it alone.
func additionalRoots(ctx context.Context, c *configutil.TLSConfig, options ...configutil.TLSConfigOption) (*tls.Config, error) {
	withoutCA := *c
	withoutCA.CA = ""
	made, err := configutil.NewTLSConfigWithContext(ctx, &withoutCA, options...)
	if err != nil || c.CA == "" {
		return made, err
	}
	made.RootCAs, err = target.TrustedRoots(c.CA)
	return made, err
}

// emptyConfig has Prometheus's defaults and no jobs.
func emptyConfig() (*config.Config, error) {
	c, err := config.Load("", bridge(nil, ""))
	if err != nil {
		return nil, fmt.Errorf("make an empty configuration: %w", err)
	}
	return c, nil
}

// configFor writes settings as Prometheus's configuration: one job a target, one for the files. An error is a sentence
// that names the target.
func configFor(key Key, o Options, s settings.Embedded) (*config.Config, error) {
	c, err := emptyConfig()
	if err != nil {
		return nil, err
	}
	c.StorageConfig.TSDBConfig = &config.TSDBConfig{Retention: &config.TSDBRetentionConfig{
		Time: model.Duration(s.RetentionTime),
		Size: units.Base2Bytes(s.RetentionBytes),
	}}
	seen := map[string]bool{fileDiscoveryJob: true}
	for _, t := range s.Targets {
		if t.ID == "" || seen[t.ID] {
			return nil, fmt.Errorf("the target id %q is empty, taken or reserved: give every target an id of its own", t.ID)
		}
		seen[t.ID] = true
		job, err := targetJob(t, s)
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", t.ID, err)
		}
		c.ScrapeConfigs = append(c.ScrapeConfigs, job)
	}
	if s.FileDiscovery && o.DiscoveryPath != "" {
		c.ScrapeConfigs = append(c.ScrapeConfigs, fileJob(key.discoveryFolder(o.DiscoveryPath), s))
	}
	for _, job := range c.ScrapeConfigs {
		if err := job.Validate(c.GlobalConfig); err != nil {
			return nil, fmt.Errorf("target %s: %w", job.JobName, err)
		}
	}
	return c, nil
}

func targetJob(t settings.Target, s settings.Embedded) (*config.ScrapeConfig, error) {
	u, err := target.ParseURL(t.URL)
	if err != nil {
		return nil, err
	}
	job := newJob(t.ID, s)
	if t.Interval > 0 {
		setInterval(job, t.Interval, s.ScrapeTimeout)
	}
	job.Scheme, job.MetricsPath, job.Params = u.Scheme, u.Path, u.Query()
	if job.MetricsPath == "" {
		job.MetricsPath = "/"
	}
	job.HTTPClientConfig.TLSConfig.InsecureSkipVerify = t.InsecureSkipVerify
	authorize(&job.HTTPClientConfig, t, u)
	job.ServiceDiscoveryConfigs = discovery.Configs{discovery.StaticConfig{{
		Source:  t.ID,
		Targets: []model.LabelSet{{model.AddressLabel: model.LabelValue(u.Host)}},
		Labels:  targetLabels(t, u),
	}}}
	return job, nil
}

func targetLabels(t settings.Target, u *url.URL) model.LabelSet {
	set := model.LabelSet{model.InstanceLabel: model.LabelValue(target.Instance(u))}
	for name, value := range map[model.LabelName]string{labelEnvironment: t.Environment, labelDeployment: t.Deployment} {
		if value != "" {
			set[name] = model.LabelValue(value)
		}
	}
	return set
}

// authorize sends the API key, or else the URL's user information. With credentials no redirect is followed, so that
// they reach no other server.
func authorize(c *configutil.HTTPClientConfig, t settings.Target, u *url.URL) {
	switch {
	case t.APIKey != "":
		c.Authorization = &configutil.Authorization{Type: target.AuthScheme(t), Credentials: configutil.Secret(t.APIKey)}
		c.FollowRedirects = false
	case u.User != nil:
		password, _ := u.User.Password()
		c.BasicAuth = &configutil.BasicAuth{Username: u.User.Username(), Password: configutil.Secret(password)}
		c.FollowRedirects = false
	}
}

// fileJob reads targets from the files of one folder, which only the server's administrator can set and fill.
func fileJob(folder string, s settings.Embedded) *config.ScrapeConfig {
	job := newJob(fileDiscoveryJob, s)
	sd := &file.SDConfig{RefreshInterval: model.Duration(time.Minute)}
	for _, pattern := range []string{"*.json", "*.yml", "*.yaml"} {
		sd.Files = append(sd.Files, filepath.Join(folder, pattern))
	}
	job.ServiceDiscoveryConfigs = discovery.Configs{sd}
	// A file must not pass its targets off as another job's.
	job.RelabelConfigs = []*relabel.Config{{
		SourceLabels:         model.LabelNames{model.JobLabel},
		Regex:                relabel.MustNewRegexp(".*"),
		Separator:            relabel.DefaultRelabelConfig.Separator,
		TargetLabel:          model.JobLabel,
		Replacement:          fileDiscoveryJob,
		Action:               relabel.Replace,
		NameValidationScheme: model.UTF8Validation,
	}}
	return job
}

func newJob(name string, s settings.Embedded) *config.ScrapeConfig {
	job := config.DefaultScrapeConfig
	job.JobName = name
	setInterval(&job, s.Interval, s.ScrapeTimeout)
	job.ScrapeFallbackProtocol = config.PrometheusText0_0_4
	native, classic := true, true
	// Profiles read the classic buckets, so a native histogram comes in addition.
	job.ScrapeNativeHistograms, job.AlwaysScrapeClassicHistograms = &native, &classic
	job.NativeHistogramBucketLimit = 160
	job.BodySizeLimit = units.Base2Bytes(s.ScrapeLimits.BodyBytes)
	job.LabelLimit = limit(s.ScrapeLimits.Labels)
	job.LabelNameLengthLimit = limit(s.ScrapeLimits.LabelNameLength)
	job.LabelValueLengthLimit = limit(s.ScrapeLimits.LabelValueLength)
	job.HTTPClientConfig.TLSConfig.CA = s.CACertificate
	job.HTTPClientConfig.ProxyFromEnvironment = true
	return &job
}

// setInterval also keeps the timeout within the interval, as Prometheus demands.
func setInterval(job *config.ScrapeConfig, interval, timeout time.Duration) {
	job.ScrapeInterval = model.Duration(interval)
	job.ScrapeTimeout = model.Duration(min(timeout, interval))
}

func limit(n int) uint { return uint(max(n, 0)) }
