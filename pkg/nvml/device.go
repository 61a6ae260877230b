package nvml

import (
	"cmp"
	"strings"
)

// Device is a GPU or a MIG device, as its series are labelled.
type Device struct {
	// GPU is the index of the GPU, in NVML's order; of a MIG device, that of the GPU that it is part of.
	GPU string `json:"gpu"`
	// UUID is the device's own.
	UUID string `json:"uuid"`
	// Name is the product name of the GPU.
	Name string `json:"name"`
	// MIGInstance is the id of the GPU instance, and MIGProfile such as 1g.10gb; both are empty for a GPU.
	MIGInstance string `json:"mig_instance,omitempty"`
	MIGProfile  string `json:"mig_profile,omitempty"`
	PCIBusID    string `json:"pci_bus_id"`
}

// labels are the values of deviceLabels.
func (d *Device) labels() []string {
	return []string{d.GPU, d.UUID, d.Name, d.MIGInstance, d.MIGProfile}
}

// compareDevices orders by index, which is a number without leading zeros.
func compareDevices(a, b *Device) int {
	return cmp.Or(cmp.Compare(len(a.GPU), len(b.GPU)), cmp.Compare(a.GPU, b.GPU), cmp.Compare(a.UUID, b.UUID))
}

// text makes a string from the outside fit for a label.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
