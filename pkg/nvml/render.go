//go:build linux && cgo

package nvml

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coldhit/modelserving-datasource/pkg/attribution"
)

// rendering is a scrape as a collector. It describes nothing beforehand, as it lives for one scrape.
type rendering struct {
	monitor *Monitor
	scrape  scrape
	names   Names
}

func (*rendering) Describe(chan<- *prometheus.Desc) {}

func (r *rendering) Collect(to chan<- prometheus.Metric) {
	if r.names == NamesModelServing || r.names == NamesBoth {
		r.collectGPUs(to)
		r.collectProcesses(to)
		r.collectModels(to)
	}
	if r.names == NamesDCGM || r.names == NamesBoth {
		r.collectDCGM(to)
	}
	r.collectEndpoint(to)
}

func send(to chan<- prometheus.Metric, m *Metric, number float64, labels ...string) {
	metric, err := prometheus.NewConstMetric(m.description, m.Type, number, labels...)
	if err != nil {
		metric = prometheus.NewInvalidMetric(m.description, err)
	}
	to <- metric
}

func sendOf(to chan<- prometheus.Metric, m *Metric, device *Device, number float64, labels ...string) {
	send(to, m, number, append(device.labels(), labels...)...)
}

func (r *rendering) collectGPUs(to chan<- prometheus.Metric) {
	for i := range r.scrape.gpus {
		a := &r.scrape.gpus[i]
		whole := &a.gpu.device
		available := 1.0
		if a.problem != "" {
			available = 0
		}
		sendOf(to, gpuAvailable, whole, available)
		sendOf(to, gpuInfo, whole, 1, whole.PCIBusID)
		for j := range a.gpu.divided {
			part := &a.gpu.divided[j].device
			sendOf(to, gpuAvailable, part, available)
			sendOf(to, gpuInfo, part, 1, part.PCIBusID)
		}
		for _, v := range a.reading.values {
			sendOf(to, v.metric, v.device, v.number, v.labels...)
		}
	}
	for _, v := range r.monitor.xids.values() {
		sendOf(to, v.metric, v.device, v.number, v.labels...)
	}
}

func (r *rendering) collectProcesses(to chan<- prometheus.Metric) {
	for i := range r.scrape.gpus {
		for _, p := range r.scrape.gpus[i].reading.processes {
			owner := r.scrape.owners[p.pid]
			labels := []string{strconv.FormatUint(uint64(p.pid), 10), text(owner.Name), text(owner.Container), text(owner.Pod), text(owner.Namespace)}
			if p.hasMemory {
				sendOf(to, processMemory, p.device, float64(p.memory), labels...)
			}
			if p.hasUtilization {
				sendOf(to, processUtilization, p.device, p.utilization, labels...)
			}
			if p.accounted != nil {
				sendOf(to, processLifetime, p.device, p.accounted.utilization, labels...)
				sendOf(to, processMemoryMax, p.device, float64(p.accounted.memoryMax), labels...)
			}
		}
	}
}

// collectModels adds up what several processes have of a model on a device.
func (r *rendering) collectModels(to chan<- prometheus.Metric) {
	devices := map[string]*Device{}
	for i := range r.scrape.gpus {
		g := &r.scrape.gpus[i].gpu
		devices[g.device.UUID] = &g.device
		for j := range g.divided {
			devices[g.divided[j].device.UUID] = &g.divided[j].device
		}
	}
	type key struct {
		device                             *Device
		model, version, server, provenance string
	}
	totals := map[key]modelTotal{}
	for _, share := range r.scrape.shares {
		device := devices[share.Device]
		if device == nil {
			continue
		}
		k := key{device, text(share.Model), text(share.Version), text(share.Server), text(share.Provenance)}
		t := totals[k]
		t.add(share)
		totals[k] = t
	}
	for k, t := range totals { // the registry sorts
		labels := []string{k.model, k.version, k.server, k.provenance}
		if t.hasMemory {
			sendOf(to, modelMemory, k.device, t.memory, labels...)
		}
		if t.hasUtilization {
			sendOf(to, modelUtilization, k.device, t.utilization, labels...)
		}
	}
}

type modelTotal struct {
	memory, utilization       float64
	hasMemory, hasUtilization bool
}

func (t *modelTotal) add(share attribution.ModelShare) {
	if share.HasMemory {
		t.memory, t.hasMemory = t.memory+share.MemoryBytes, true
	}
	if share.HasUtilization {
		t.utilization, t.hasUtilization = t.utilization+share.Utilization, true
	}
}

func (r *rendering) collectEndpoint(to chan<- prometheus.Metric) {
	up := 0.0
	if r.scrape.up {
		up = 1
		send(to, nvmlInfo, 1, r.scrape.versions.driver, r.scrape.versions.nvml, r.scrape.versions.cuda)
	}
	send(to, nvmlUp, up)
	gpus := 0
	for i := range r.scrape.gpus {
		if r.scrape.gpus[i].problem == "" {
			gpus++
		}
	}
	send(to, nvmlGPUs, float64(gpus))
	r.monitor.ledger.eachError(func(f callReason, count uint64) {
		send(to, nvmlCallErrors, float64(count), f.call, f.reason)
	})
	for _, at := range r.monitor.ledger.unsupportedPlaces() {
		send(to, nvmlUnsupported, 1, at.call, at.gpu, at.migInstance)
	}
	send(to, nvmlWindow, r.scrape.window.Seconds())
	send(to, nvmlScrapeDuration, r.scrape.took.Seconds())
	send(to, nvmlAttribution, float64(len(r.scrape.problems)))
}

// podOf is the owner of all processes on the device, and nobody where there are several.
func (r *rendering) podOf(device *Device, processes []process) attribution.Owner {
	var only attribution.Owner
	for _, p := range processes {
		if p.device != device {
			continue
		}
		owner, ok := r.scrape.owners[p.pid]
		owner = attribution.Owner{Container: owner.Container, Pod: owner.Pod, Namespace: owner.Namespace}
		if !ok || owner == (attribution.Owner{}) || owner == only {
			continue
		}
		if only != (attribution.Owner{}) {
			return attribution.Owner{}
		}
		only = owner
	}
	return only
}
