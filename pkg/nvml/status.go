//go:build linux && cgo

package nvml

import (
	"slices"
)

// Status is what can be told without asking the GPUs.
type Status struct {
	// State is "ok", "degraded" (some of the GPUs do not answer) or "down" (NVML cannot be used, or no GPU answers).
	State string `json:"state"`
	// Problem says why NVML cannot be used, and what to do.
	Problem string `json:"problem,omitempty"`
	// Restart says that only a restart of the program helps.
	Restart       bool        `json:"restart,omitempty"`
	DriverVersion string      `json:"driver_version,omitempty"`
	NVMLVersion   string      `json:"nvml_version,omitempty"`
	CUDAVersion   string      `json:"cuda_version,omitempty"`
	GPUs          []GPUStatus `json:"gpus"`
	// Unsupported are the calls that are left out, as "call on GPU i".
	Unsupported []string `json:"unsupported,omitempty"`
	// AttributionErrors are those of the latest scrape.
	AttributionErrors []string `json:"attribution_errors,omitempty"`
}

// GPUStatus is a GPU that is known.
type GPUStatus struct {
	Device
	Available bool   `json:"available"`
	Problem   string `json:"problem,omitempty"`
	// MIG says that MIG is switched on.
	MIG        bool     `json:"mig"`
	MIGDevices []Device `json:"mig_devices,omitempty"`
}

// The states of a Status.
const (
	StateOK       = "ok"
	StateDegraded = "degraded"
	StateDown     = "down"
)

// Status says how the monitor is. It does not wait for any GPU.
func (m *Monitor) Status() Status {
	m.mu.Lock()
	s := m.session
	status := Status{
		State: StateDown, Problem: m.why, Restart: m.stale, GPUs: []GPUStatus{},
		DriverVersion: m.versions.driver, NVMLVersion: m.versions.nvml, CUDAVersion: m.versions.cuda,
		AttributionErrors: m.problems,
	}
	m.mu.Unlock()
	if s == nil {
		return status
	}
	status.GPUs, status.Problem = s.status()
	answering := 0
	for _, g := range status.GPUs {
		if g.Available {
			answering++
		}
	}
	switch {
	case status.Problem == "" && answering > 0 && answering == len(status.GPUs):
		status.State = StateOK
	case answering > 0:
		status.State = StateDegraded
	case status.Problem == "" && len(status.GPUs) == 0:
		status.Problem = "NVML lists no GPU: the devices are not passed to this container, or this user may not see them"
	}
	for _, at := range m.ledger.unsupportedPlaces() {
		text := at.call + " on GPU " + at.gpu
		if at.migInstance != "" {
			text += ", MIG instance " + at.migInstance
		}
		status.Unsupported = append(status.Unsupported, text)
	}
	return status
}

func (s *session) status() ([]GPUStatus, string) {
	s.mu.Lock()
	workers, missing, problem := s.workers, s.absent, s.problem
	s.mu.Unlock()
	gpus := []GPUStatus{}
	for _, w := range workers {
		g := GPUStatus{Device: w.gpu.device, MIG: w.gpu.mig}
		g.Problem = w.problem()
		g.Available = g.Problem == ""
		for i := range w.gpu.divided {
			g.MIGDevices = append(g.MIGDevices, w.gpu.divided[i].device)
		}
		gpus = append(gpus, g)
	}
	for _, a := range missing {
		if !slices.ContainsFunc(gpus, func(g GPUStatus) bool { return g.Device == a.device }) {
			gpus = append(gpus, GPUStatus{Device: a.device, Problem: a.explain()})
		}
	}
	slices.SortFunc(gpus, func(a, b GPUStatus) int { return compareDevices(&a.Device, &b.Device) })
	return gpus, problem
}
