package attribution

// HostOf is where the server of a process would be asked that says it listens at an address.
func HostOf(a *Attributor, pid int, said string, port uint16) (string, error) {
	p, err := a.read(pid)
	if err != nil {
		return "", err
	}
	return a.hostOf(p, said, port)
}
