package attribution

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// lookAgain is how long the processes of a server are taken to be the same, if its models are.
const lookAgain = time.Minute

// elsewhere is which of a server's models have processes of their own, such as those of Triton's Python backend: what the
// server computes for them it does not compute in its own process.
type elsewhere struct {
	models map[modelKey]bool
	// known is the server's models when its processes were looked through, at looked.
	known  []modelKey
	looked time.Time
	needed time.Time
}

// has is whether the model has a process of its own, which may not tell its version.
func (e *elsewhere) has(key modelKey) bool {
	return e.models[key] || e.models[modelKey{model: key.model}]
}

// findElsewhere looks through the host's processes for children of servers, where that was not done lately.
func (ps *pages) findElsewhere(a *Attributor) {
	servers := ps.unexplored()
	if len(servers) == 0 {
		return
	}
	found := map[int]map[modelKey]bool{}
	for _, server := range servers {
		found[server] = map[modelKey]bool{}
	}
	// A process that cannot be read is nobody's child; its model stays with the server.
	all, _ := a.proc.AllProcs()
	for _, proc := range all {
		stat, err := proc.Stat()
		if err != nil || found[stat.PPID] == nil {
			continue
		}
		child, err := a.read(proc.PID)
		if err != nil {
			continue
		}
		if c := a.directClaim(child); c.model != "" {
			found[stat.PPID][modelKey{c.model, c.version}] = true
		}
	}
	ps.mutex.Lock()
	defer ps.mutex.Unlock()
	for _, p := range ps.known {
		for server := range p.elsewhere {
			if models, looked := found[server]; looked && len(p.readings) > 0 {
				p.elsewhere[server] = elsewhere{models: models, known: p.models(), looked: time.Now(), needed: p.elsewhere[server].needed}
			}
		}
	}
}

// unexplored are the servers whose models changed since their processes were looked through, or that were not lately.
func (ps *pages) unexplored() []int {
	ps.mutex.Lock()
	defer ps.mutex.Unlock()
	var servers []int
	for _, p := range ps.known {
		if len(p.readings) == 0 {
			continue
		}
		models := p.models()
		for server, e := range p.elsewhere {
			if time.Since(e.needed) > forgetAfter {
				delete(p.elsewhere, server)
				continue
			}
			if time.Since(e.looked) > lookAgain || !slices.Equal(e.known, models) {
				servers = append(servers, server)
			}
		}
	}
	return servers
}

// models are those of the latest reading, in order.
func (p *page) models() []modelKey {
	return slices.SortedFunc(maps.Keys(p.readings[len(p.readings)-1].models), compareKeys)
}

func compareKeys(a, b modelKey) int {
	return cmp.Or(cmp.Compare(a.model, b.model), cmp.Compare(a.version, b.version))
}
