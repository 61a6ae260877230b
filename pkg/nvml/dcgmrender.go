//go:build linux && cgo

package nvml

import "github.com/prometheus/client_golang/prometheus"

// collectDCGM shows the readings under dcgm-exporter's names.
func (r *rendering) collectDCGM(to chan<- prometheus.Metric) {
	type series struct {
		metric           *dcgmMetric
		gpu, migInstance string
	}
	sent := map[series]bool{}
	for i := range r.scrape.gpus {
		a := &r.scrape.gpus[i]
		if a.problem != "" {
			continue
		}
		labels := map[*Device][]string{}
		for _, v := range a.reading.values {
			if labels[v.device] == nil {
				labels[v.device] = r.dcgmLabels(a, v.device)
			}
			for _, m := range DCGMMetrics {
				// Of the compute instances in one GPU instance, which have the same labels here, the first has it.
				key := series{m, v.device.GPU, v.device.MIGInstance}
				if m.has(v.device, v.metric, v.labels) && !sent[key] {
					sent[key] = true
					sendDCGM(to, m, v.number, labels[v.device])
				}
			}
		}
		whole := &a.gpu.device
		sendDCGM(to, dcgmXID, float64(r.monitor.xids.lastOf(*whole)), r.dcgmLabels(a, whole))
	}
}

func (r *rendering) dcgmLabels(a *workerResult, device *Device) []string {
	owner := r.podOf(device, a.reading.processes)
	return []string{
		device.GPU, a.gpu.device.UUID, device.PCIBusID, "nvidia" + device.GPU, device.Name, device.MIGProfile, device.MIGInstance,
		text(r.monitor.settings.Hostname), r.scrape.versions.driver, text(owner.Container), text(owner.Namespace), text(owner.Pod),
	}
}

func sendDCGM(to chan<- prometheus.Metric, m *dcgmMetric, number float64, labels []string) {
	metric, err := prometheus.NewConstMetric(m.description, m.Type, number*m.Factor, labels...)
	if err != nil {
		metric = prometheus.NewInvalidMetric(m.description, err)
	}
	to <- metric
}
