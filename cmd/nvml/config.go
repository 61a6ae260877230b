//go:build linux && cgo

package main

import (
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"github.com/coldhit/modelserving-datasource/cmd/internal/program"
	"github.com/coldhit/modelserving-datasource/pkg/httpserver"
	"github.com/coldhit/modelserving-datasource/pkg/nvml"
)

// config has the values of the flags. docs/nvml.md describes each.
type config struct {
	listen, webConfig, library, procfs, podLogs, rules string
	names                                              nvml.Names
	sampleInterval, window                             time.Duration
	discoveryInterval, retryInterval                   time.Duration
	limits                                             httpserver.Limits
	debug                                              bool
}

const (
	defaultListen  = "127.0.0.1:9492"
	defaultLibrary = "libnvidia-ml.so.1"
	defaultProcfs  = "/proc"
	defaultPodLogs = "/var/log/pods"
)

func readConfig(args []string, output io.Writer) (config, error) {
	var c config
	var names string
	flags := flag.NewFlagSet("modelserving-nvml", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&c.listen, "web.listen-address", defaultListen, "address of /metrics, /-/health and /-/live")
	flags.StringVar(&c.webConfig, "web.config.file", "", "file of the Prometheus exporter toolkit with TLS and users")
	program.ScrapeLimitFlags(flags, &c.limits)
	flags.StringVar(&names, "names", string(nvml.NamesModelServing), "names of the metrics: modelserving, dcgm-exporter or both")
	flags.DurationVar(&c.sampleInterval, "sample-interval", 100*time.Millisecond, "sampling interval of readings that NVML does not buffer")
	flags.DurationVar(&c.window, "window", 15*time.Second, "window of means and maxima of a scraper's first scrape (later scrapes reach back to the previous one)")
	flags.DurationVar(&c.discoveryInterval, "discovery-interval", 10*time.Second, "interval between discoveries of GPUs and MIG devices")
	flags.DurationVar(&c.retryInterval, "retry-interval", 15*time.Second, "interval between retries while NVML is unavailable")
	flags.StringVar(&c.library, "library", defaultLibrary, "NVIDIA's library, by name or path")
	flags.StringVar(&c.procfs, "path.procfs", defaultProcfs, "mount point of the host's procfs")
	flags.StringVar(&c.podLogs, "path.pod-logs", defaultPodLogs, "folder of the kubelet's pod logs, whose folder names give pod and namespace")
	flags.StringVar(&c.rules, "rules", "", "YAML file of custom rules that map processes to models")
	flags.BoolVar(&c.debug, "debug", false, "enable debug logs")
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	if flags.NArg() > 0 {
		return config{}, fmt.Errorf("unexpected argument %q: use flags", flags.Arg(0))
	}
	var err error
	if c.names, err = nvml.ParseNames(names); err != nil {
		return config{}, fmt.Errorf("names: %w", err)
	}
	if err := web.Validate(c.webConfig); err != nil {
		return config{}, fmt.Errorf("web.config.file: %w", err)
	}
	return c, nil
}
