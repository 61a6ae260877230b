package httpserver

// LimitBytes bounds the pages that are being sent.
func (p *Pages) LimitBytes(limit int) { p.maxBytes = limit }

// Bytes are those of the pages that are being sent.
func (p *Pages) Bytes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes
}
