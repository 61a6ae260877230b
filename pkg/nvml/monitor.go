//go:build linux && cgo

package nvml

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/coldhit/modelserving-datasource/pkg/attribution"
)

// Attributor says whose a process is, and which models use a GPU through it.
type Attributor interface {
	Attribute(context.Context, []attribution.Process) (map[uint32]attribution.Owner, []attribution.ModelShare, []error)
}

// Settings of a Monitor. Zero durations take the defaults.
type Settings struct {
	// Library is NVML, real or not. Required.
	Library nvml.Interface
	// Lookup says whether the library has a symbol; nil means that it has all. Functions that it lacks are never called.
	Lookup func(symbol string) error
	// Attributor is optional: without it, processes have no names and there are no series by model.
	Attributor Attributor
	// SampleInterval is how often what NVML keeps no buffer of is polled between scrapes. Default 100 ms.
	SampleInterval time.Duration
	// Window is what means and maxima are taken over, where no earlier scrape says from when on. Default 15 s.
	Window time.Duration
	// DiscoveryInterval is how often GPUs and MIG devices are listed anew. Default 10 s.
	DiscoveryInterval time.Duration
	// RetryInterval is how often NVML is tried again while it cannot be used. Default 15 s.
	RetryInterval time.Duration
	// AnswerTimeout is the longest that a scrape waits for a GPU. Default 5 s.
	AnswerTimeout time.Duration
	// Hostname is the label that dcgm-exporter's names have.
	Hostname string
	Logger   *slog.Logger
}

const (
	defaultSampleInterval    = 100 * time.Millisecond
	minSampleInterval        = 10 * time.Millisecond
	defaultWindow            = 15 * time.Second
	defaultDiscoveryInterval = 10 * time.Second
	defaultRetryInterval     = 15 * time.Second
	defaultAnswerTimeout     = 5 * time.Second
	stopWithin               = 5 * time.Second
)

func (s *Settings) complete() error {
	if s.Library == nil {
		return errors.New("no NVML library: set Settings.Library")
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		set      *time.Duration
		standard time.Duration
	}{
		{&s.SampleInterval, defaultSampleInterval}, {&s.Window, defaultWindow}, {&s.DiscoveryInterval, defaultDiscoveryInterval},
		{&s.RetryInterval, defaultRetryInterval}, {&s.AnswerTimeout, defaultAnswerTimeout},
	} {
		if *d.set == 0 {
			*d.set = d.standard
		}
		if *d.set < 0 {
			return fmt.Errorf("negative duration %s: use a positive one", *d.set)
		}
	}
	if s.SampleInterval < minSampleInterval {
		return fmt.Errorf("sample interval %s is too short: use at least %s", s.SampleInterval, minSampleInterval)
	}
	if s.Window > longestWindow {
		return fmt.Errorf("window %s is too long: use at most %s", s.Window, longestWindow)
	}
	return nil
}

// Monitor reads GPUs for as long as it runs. Its methods are safe for concurrent use.
type Monitor struct {
	settings Settings
	ledger   *ledger
	xids     *xidCounts
	logger   *slog.Logger

	mu sync.Mutex
	// session is nil while NVML cannot be used, for the reason why.
	session  *session
	why      string
	versions versions
	// stale says that the library that this process has loaded belongs to another driver than the one that runs now. It
	// cannot be unloaded.
	stale    bool
	problems []string
}

type versions struct {
	driver, nvml, cuda string
}

// New checks the settings. Nothing is loaded before Run.
func New(settings Settings) (*Monitor, error) {
	if err := settings.complete(); err != nil {
		return nil, err
	}
	return &Monitor{
		settings: settings, logger: settings.Logger, ledger: newLedger(settings.Logger), xids: newXIDCounts(),
		why: "NVML is being initialized",
	}, nil
}

// Run initialises NVML, and again whenever it is lost, until the context ends.
func (m *Monitor) Run(ctx context.Context) {
	told := ""
	hadSession := false
	for ctx.Err() == nil {
		ret := m.settings.Library.Init()
		if !m.ledger.check(place{call: initCall}, ret) {
			why := explain(initCall, ret)
			stale := hadSession && ret == nvml.ERROR_LIB_RM_VERSION_MISMATCH
			if stale {
				why += "; this program still holds the library of the driver that ran before, and has to be restarted"
			}
			m.down(why, stale)
			if why != told {
				m.logger.Error("NVML is unavailable, retrying", "problem", why, "every", m.settings.RetryInterval.String())
				told = why
			}
			pause(ctx, m.settings.RetryInterval)
			continue
		}
		told, hadSession = "", true
		why, clean := m.runSession(ctx)
		if ctx.Err() == nil {
			m.logger.Error("Initializing NVML again", "problem", why)
		}
		m.down(why, false)
		if clean { // otherwise a call is still under way
			m.ledger.check(place{call: "nvmlShutdown"}, m.settings.Library.Shutdown())
		}
		m.ledger.forget("")
		if ctx.Err() == nil {
			pause(ctx, m.settings.RetryInterval)
		}
	}
}

func (m *Monitor) runSession(ctx context.Context) (why string, clean bool) {
	s := &session{
		library: m.settings.Library, lookup: m.settings.Lookup, ledger: m.ledger, logger: m.logger, xids: m.xids,
		sampleInterval: m.settings.SampleInterval, discoveryInterval: m.settings.DiscoveryInterval, stopWithin: stopWithin,
		discoverer:   newDiscoverer(m.settings.Library, m.settings.Lookup, m.ledger),
		loggedLosses: map[string]bool{}, poked: make(chan struct{}, 1), failed: make(chan string, 1),
	}
	found := m.readVersions()
	m.mu.Lock()
	m.session, m.why, m.stale, m.versions = s, "", false, found
	m.mu.Unlock()
	m.logger.Info("NVML initialized", "driver", found.driver, "nvml", found.nvml, "cuda", found.cuda)
	return s.run(ctx)
}

func (m *Monitor) down(why string, stale bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.session, m.why, m.stale = nil, why, stale
}

func (m *Monitor) readVersions() versions {
	var v versions
	driver, ret := m.settings.Library.SystemGetDriverVersion()
	if m.ledger.check(place{call: "nvmlSystemGetDriverVersion"}, ret) {
		v.driver = text(driver)
	}
	library, ret := m.settings.Library.SystemGetNVMLVersion()
	if m.ledger.check(place{call: "nvmlSystemGetNVMLVersion"}, ret) {
		v.nvml = text(library)
	}
	cuda, ret := m.settings.Library.SystemGetCudaDriverVersion()
	if m.ledger.check(place{call: "nvmlSystemGetCudaDriverVersion"}, ret) {
		v.cuda = fmt.Sprintf("%d.%d", cuda/1000, cuda%1000/10)
	}
	return v
}

// scrape is everything that is known at one moment.
type scrape struct {
	window   time.Duration
	took     time.Duration
	up       bool
	versions versions
	gpus     []workerResult
	owners   map[uint32]attribution.Owner
	shares   []attribution.ModelShare
	problems []error
}

// scrape reads all GPUs, with means and maxima over the window. It takes no longer than the context and AnswerWithin allow;
// what does not answer in time is missing.
func (m *Monitor) scrape(ctx context.Context, window time.Duration) scrape {
	began := time.Now()
	m.mu.Lock()
	s := m.session
	result := scrape{window: window, up: s != nil, versions: m.versions}
	m.mu.Unlock()
	if s != nil {
		reading, cancel := context.WithTimeout(ctx, m.settings.AnswerTimeout)
		result.gpus = s.read(reading, began.Add(-window))
		cancel()
		m.attribute(ctx, &result)
	}
	result.took = time.Since(began)
	return result
}

func (m *Monitor) attribute(ctx context.Context, s *scrape) {
	if m.settings.Attributor == nil {
		return
	}
	var processes []attribution.Process
	for i := range s.gpus {
		for _, p := range s.gpus[i].reading.processes {
			processes = append(processes, attribution.Process{
				Device: p.device.UUID, GPU: p.device.GPU, Product: p.device.Name, PID: p.pid,
				MemoryBytes: p.memory, HasMemory: p.hasMemory, Utilization: p.utilization, HasUtilization: p.hasUtilization,
			})
		}
	}
	s.owners, s.shares, s.problems = m.settings.Attributor.Attribute(ctx, processes)
	var told []string
	for _, problem := range s.problems {
		told = append(told, problem.Error())
	}
	slices.Sort(told)
	told = slices.Compact(told)
	m.mu.Lock()
	m.problems = told[:min(len(told), mostProblems)]
	m.mu.Unlock()
}

// mostProblems bounds what Status lists.
const mostProblems = 20
