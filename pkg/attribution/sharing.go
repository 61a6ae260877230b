package attribution

import (
	"maps"
	"math"
	"slices"
)

// wholeShare gives a process to one model, or to none.
func wholeShare(p Process, c claim) ModelShare {
	return ModelShare{
		Device: p.Device, PID: p.PID, Server: c.server, Model: c.model, Version: c.version, Provenance: Measured,
		MemoryBytes: float64(p.MemoryBytes), HasMemory: p.HasMemory, Utilization: p.Utilization, HasUtilization: p.HasUtilization,
	}
}

// use is what all processes of one server use.
type use struct {
	memory uint64 // bytes
	// on is the memory on each device.
	on   map[string]uint64
	gpus []used
}

func (u *use) add(p Process) {
	if _, known := u.on[p.Device]; !known {
		u.gpus = append(u.gpus, used{device: p.Device, index: p.GPU, product: p.Product})
	}
	if !p.HasMemory {
		p.MemoryBytes = 0
	}
	u.on[p.Device] += p.MemoryBytes
	u.memory += p.MemoryBytes
}

// share shares one process on one device out. The use is that of its server.
func (a *Attributor) share(p Process, c claim, u *use, found *processErrors) []ModelShare {
	if c.rule == nil || c.address == "" {
		return []ModelShare{wholeShare(p, c)}
	}
	reported, err := a.pages.register(pageKey{c.address, c.rule, c.models}, c.owner)
	if err != nil {
		found.add(&ProcessError{Kind: ServerMetrics, cause: err,
			Sentence: "Processes of a server cannot be divided among its models: " + sentence(err)}, p.PID)
	}
	if reported.latest == nil {
		return []ModelShare{wholeShare(p, c)}
	}
	if c.rule.Workers != nil {
		key := reported.latest.workers[c.worker]
		c.model, c.version = key.model, key.version
		return []ModelShare{wholeShare(p, c)}
	}
	if reported.configurationsErr != nil {
		found.add(configurationsError(reported.configurationsErr), p.PID)
	}
	s := splitOf(reported)
	switch len(s.models) {
	case 0:
		return []ModelShare{wholeShare(p, c)}
	case 1:
		c.model, c.version = s.models[0].model, s.models[0].version
		return []ModelShare{wholeShare(p, c)}
	}
	order, uncertain := s.order(c.sees, u.gpus, reported.configurations)
	if uncertain != "" {
		found.add(&ProcessError{Kind: ServerMetrics, Sentence: "Each GPU of a server is divided evenly, although its models are on different GPUs: " +
			"the CUDA numbering is uncertain, because " + uncertain + "."}, p.PID)
	}
	return s.share(p, c, u, order, reported.configurations)
}

// order is the uuids of the server's GPUs as its models' configurations number them. Where that is not certain, it is nil, with the
// reason if its models are on different ones.
func (s split) order(sees visible, gpus []used, known map[string]configuration) (order []string, uncertain string) {
	order, uncertain = sees.order(gpus)
	if uncertain == "" && slices.ContainsFunc(s.models, func(key modelKey) bool { return !known[key.model].fits(order) }) {
		order, uncertain = nil, otherConfigured
	}
	first := known[s.models[0].model].gpus()
	if len(gpus) == 1 || !slices.ContainsFunc(s.models, func(key modelKey) bool { return !slices.Equal(first, known[key.model].gpus()) }) {
		uncertain = ""
	}
	return order, uncertain
}

// share shares a process with several models out among those that have instances on its device.
func (s split) share(p Process, c claim, u *use, order []string, known map[string]configuration) []ModelShare {
	memory, here := u.memory, s.restrictedTo(known, func(c configuration) float64 { return c.partOn(p.Device, order) })
	if len(order) > 1 {
		memory = u.on[p.Device]
	}
	switch len(here.models) {
	case len(s.models):
	case 0:
		if len(s.restrictedTo(known, func(c configuration) float64 { return c.partOn("", nil) }).models) > 0 {
			return []ModelShare{wholeShare(p, c)} // models are on other GPUs
		}
		return s.sharesOf(p, c, u.memory) // it uses GPUs, whatever its models are said to do
	case 1:
		c.model, c.version = here.models[0].model, here.models[0].version
		share := wholeShare(p, c)
		share.Provenance = Estimated
		return []ModelShare{share}
	}
	return here.sharesOf(p, c, memory)
}

// restrictedTo is the split among the models of which a part is somewhere.
func (s split) restrictedTo(known map[string]configuration, part func(configuration) float64) split {
	var here split
	for i, key := range s.models {
		part := part(known[key.model])
		if part == 0 {
			continue
		}
		here.models = append(here.models, key)
		here.computed, here.ever = append(here.computed, part*s.computed[i]), append(here.ever, part*s.ever[i])
		if s.memory != nil { // which is on GPUs, wherever else instances are
			here.memory = append(here.memory, part/known[key.model].partOn("", nil)*s.memory[i])
		}
	}
	return here
}

// split is how the process of a server belongs to its models. Slices are by model.
type split struct {
	models []modelKey
	// computed is what each computed lately; all zero if that is not known.
	computed []float64
	// ever is what each computed since it was loaded, and memory what the server says it takes, in bytes; nil if it does not.
	ever, memory []float64
}

func splitOf(reported account) split {
	var s split
	knowsMemory := false
	for _, key := range slices.SortedFunc(maps.Keys(reported.latest.models), compareKeys) {
		if reported.apart.has(key) || reported.configurations[key.model].ensemble {
			continue
		}
		amount := reported.latest.models[key]
		lately := 0.0
		if reported.earlier != nil {
			lately = increase(reported.latest, reported.earlier, key)
		}
		s.models = append(s.models, key)
		s.computed, s.ever, s.memory = append(s.computed, lately), append(s.ever, amount.compute), append(s.memory, amount.memory)
		knowsMemory = knowsMemory || amount.hasMemory
	}
	if !knowsMemory {
		s.memory = nil
	}
	return s
}

// sharesOf makes the shares. The last is sharesOf no model: what cannot be given to one.
func (s split) sharesOf(p Process, c claim, serverMemory uint64) []ModelShare {
	shares := make([]ModelShare, len(s.models)+1)
	for i := range shares {
		shares[i] = ModelShare{Device: p.Device, PID: p.PID, Server: c.server, Provenance: Estimated,
			HasUtilization: p.HasUtilization, HasMemory: p.HasMemory}
		if i < len(s.models) {
			shares[i].Model, shares[i].Version = s.models[i].model, s.models[i].version
		}
	}
	if p.HasUtilization {
		for i, part := range parts(p.Utilization, precision(p.Utilization), withRemainder(s.computed)) {
			shares[i].Utilization = part
		}
	}
	if p.HasMemory {
		for i, part := range parts(float64(p.MemoryBytes), 1, s.memoryWeights(serverMemory)) {
			shares[i].MemoryBytes = part
		}
	}
	if last := shares[len(shares)-1]; last.Utilization == 0 && last.MemoryBytes == 0 {
		shares = shares[:len(shares)-1]
	}
	return shares
}

// parts divides total, which may be zero.
func parts(total, unit float64, weights []float64) []float64 {
	if !(total > 0) || math.IsInf(total, 0) {
		none := make([]float64, len(weights))
		none[len(none)-1] = total
		return none
	}
	return divide(total, unit, weights)
}

// withRemainder adds a weight for no model, which has all where no model has any.
func withRemainder(weights []float64) []float64 {
	if slices.Max(weights) > 0 {
		return append(slices.Clone(weights), 0)
	}
	return append(make([]float64, len(weights)), 1)
}

// memoryWeights are, the best first, the server's own numbers with a rest that is no model's, what each model computed since
// it was loaded, and the same for all. Computing says little of memory; but it does not jump with the traffic.
func (s split) memoryWeights(serverMemory uint64) []float64 {
	if s.memory != nil && slices.Max(s.memory) > 0 {
		rest := float64(serverMemory)
		for _, bytes := range s.memory {
			rest -= bytes
		}
		return append(slices.Clone(s.memory), max(rest, 0))
	}
	if slices.Max(s.ever) > 0 {
		return append(slices.Clone(s.ever), 0)
	}
	equal := make([]float64, len(s.models)+1)
	for i := range s.models {
		equal[i] = 1
	}
	return equal
}
