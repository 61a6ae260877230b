//go:build linux && cgo

package nvml

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

const (
	// waitForEvents is how long one wait lasts, so that the goroutine that waits can end.
	waitForEvents = time.Second
	// mostXIDs bounds the series of one GPU.
	mostXIDs  = 100
	otherXIDs = "other"
)

// xidCounts counts XID errors by GPU. It outlasts sessions. Safe for concurrent use.
type xidCounts struct {
	mu     sync.Mutex
	counts map[xidKey]uint64
	last   map[Device]uint64
	kinds  map[Device]int
}

type xidKey struct {
	device Device
	xid    string
}

func newXIDCounts() *xidCounts {
	return &xidCounts{counts: map[xidKey]uint64{}, last: map[Device]uint64{}, kinds: map[Device]int{}}
}

func (c *xidCounts) add(device Device, xid uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := xidKey{device, strconv.FormatUint(xid, 10)}
	if _, known := c.counts[key]; !known {
		if c.kinds[device] >= mostXIDs {
			key.xid = otherXIDs
		}
		c.kinds[device]++
	}
	c.counts[key]++
	c.last[device] = xid
}

// values are the counts, sorted.
func (c *xidCounts) values() []value {
	c.mu.Lock()
	defer c.mu.Unlock()
	values := make([]value, 0, len(c.counts))
	for key, count := range c.counts {
		values = append(values, value{metric: gpuXID, device: &key.device, number: float64(count), labels: []string{key.xid}})
	}
	slices.SortFunc(values, func(a, b value) int {
		return cmp.Or(cmp.Compare(a.device.GPU, b.device.GPU), cmp.Compare(a.device.UUID, b.device.UUID), cmp.Compare(a.labels[0], b.labels[0]))
	})
	return values
}

// lastOf is the code of the device's latest XID error, 0 where there was none.
func (c *xidCounts) lastOf(device Device) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[device]
}

// listener waits for events of GPUs. Its run is the only goroutine that uses its event set.
type listener struct {
	library nvml.Interface
	lookup  func(symbol string) error
	ledger  *ledger
	logger  *slog.Logger
	xids    *xidCounts
	changed func()
	gpus    []gpu
}

func (l *listener) run(ctx context.Context) {
	const create, wait = "nvmlEventSetCreate", "nvmlEventSetWait"
	if l.lookup != nil && (l.ledger.lacks(create, l.lookup) || l.ledger.lacks(wait, l.lookup)) {
		l.ledger.check(place{call: create}, nvml.ERROR_FUNCTION_NOT_FOUND)
		return
	}
	set, ret := l.library.EventSetCreate()
	if !l.ledger.check(place{call: create}, ret) {
		return
	}
	defer func() { _ = set.Free() }() // the session ends either way
	if !l.register(set) {
		return
	}
	for ctx.Err() == nil {
		event, ret := set.Wait(uint32(waitForEvents.Milliseconds()))
		switch ret {
		case nvml.ERROR_TIMEOUT:
		case nvml.SUCCESS:
			l.take(event)
		default:
			l.ledger.check(place{call: wait}, ret)
			if isUnsupported(ret) || needsInit(ret) {
				return
			}
			if isGPULost(ret) {
				l.changed()
			}
			pause(ctx, waitForEvents) // a failing wait returns at once
		}
	}
}

// register asks for the events of all GPUs, and says whether any has some.
func (l *listener) register(set nvml.EventSet) bool {
	registered := false
	for i := range l.gpus {
		g := &l.gpus[i]
		at := place{gpu: g.device.GPU, call: "nvmlDeviceGetSupportedEventTypes"}
		supported, ret := g.handle.GetSupportedEventTypes()
		if !l.ledger.check(at, ret) {
			continue
		}
		wanted := supported & (nvml.EventTypeXidCriticalError | nvml.EventMigConfigChange)
		if wanted == 0 {
			continue
		}
		at.call = "nvmlDeviceRegisterEvents"
		registered = l.ledger.check(at, g.handle.RegisterEvents(wanted, set)) || registered
	}
	return registered
}

func (l *listener) take(event nvml.EventData) {
	if event.EventType&nvml.EventTypeXidCriticalError != 0 {
		device := l.deviceOf(event.Device)
		l.xids.add(device, event.EventData)
		l.logger.Warn("The driver reported an XID error", "gpu", device.GPU, "uuid", device.UUID, "xid", event.EventData)
	}
	// Some errors mean that the GPU is gone.
	l.changed()
}

// deviceOf finds the GPU of an event. A GPU that is lost cannot be asked for its UUID, hence the handle.
func (l *listener) deviceOf(handle nvml.Device) Device {
	for i := range l.gpus {
		if l.gpus[i].handle == handle {
			return l.gpus[i].device
		}
	}
	if handle == nil {
		return Device{}
	}
	uuid, _ := handle.GetUUID()
	for i := range l.gpus {
		if l.gpus[i].device.UUID == uuid {
			return l.gpus[i].device
		}
		for j := range l.gpus[i].divided {
			if l.gpus[i].divided[j].device.UUID == uuid {
				return l.gpus[i].device
			}
		}
	}
	return Device{UUID: uuid}
}

// pause waits, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
