package attribution

import "time"

// HostOf is where the server of a process would be asked that says it listens at an address.
func HostOf(a *Attributor, pid int, said string, port uint16) (string, error) {
	p, err := a.read(pid)
	if err != nil {
		return "", err
	}
	return a.hostOf(p, said, port)
}

// AgeConfigurations has what is known of how models are configured be older than it is.
func AgeConfigurations(a *Attributor, by time.Duration) {
	a.pages.mutex.Lock()
	defer a.pages.mutex.Unlock()
	for _, p := range a.pages.known {
		for name, c := range p.configurations {
			c.read = c.read.Add(-by)
			p.configurations[name] = c
		}
	}
}
