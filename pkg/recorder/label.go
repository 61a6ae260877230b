package recorder

import (
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// labelMaker makes label values of names that clients chose: valid UTF-8, of bounded length. It counts what it changed.
type labelMaker struct {
	maxBytes             int
	truncated, sanitized prometheus.Counter
}

func (m *labelMaker) label(name string) string {
	if !utf8.ValidString(name) {
		m.sanitized.Inc()
		name = strings.ToValidUTF8(name, string(utf8.RuneError))
	}
	if len(name) <= m.maxBytes {
		return name
	}
	m.truncated.Inc()
	end := m.maxBytes
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}
