package attribution

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrorKind is a class of reasons why something cannot be attributed.
type ErrorKind string

// The kinds of problems.
const (
	// ProcessGone is a process that ended between the driver's answer and this one.
	ProcessGone ErrorKind = "process_gone"
	// ProcessReplaced is a number that another process has now.
	ProcessReplaced ErrorKind = "process_replaced"
	// NoProcessVisible is that none of the driver's processes exists here: another process namespace.
	NoProcessVisible ErrorKind = "no_process_visible"
	// NoPermission is a file of a process that must not be read.
	NoPermission ErrorKind = "no_permission"
	// Unreadable is a file of a process that cannot be read for another reason.
	Unreadable ErrorKind = "unreadable"
	// ServerMetrics is a server whose metrics page cannot be used to share its processes out.
	ServerMetrics ErrorKind = "server_metrics"
)

// ProcessError says what is missing, for which processes, why, and what to do.
type ProcessError struct {
	Kind ErrorKind
	PIDs []uint32
	// Sentence explains the kind, without the processes.
	Sentence string
	cause    error
}

// maxListed is how many processes a sentence lists.
const maxListed = 5

func (p *ProcessError) Error() string {
	if len(p.PIDs) == 0 {
		return p.Sentence
	}
	var list []string
	for i, pid := range p.PIDs {
		if i == maxListed {
			list = append(list, fmt.Sprintf("and %d more", len(p.PIDs)-maxListed))
			break
		}
		list = append(list, strconv.FormatUint(uint64(pid), 10))
	}
	return fmt.Sprintf("%s (process %s)", p.Sentence, strings.Join(list, ", "))
}

// Unwrap is the error that the problem comes from, or nil.
func (p *ProcessError) Unwrap() error { return p.cause }

// processErrors gathers, so that many processes with the same problem are one.
type processErrors struct {
	order []*ProcessError
	known map[string]*ProcessError
}

func (ps *processErrors) add(found *ProcessError, pid uint32) {
	if ps.known == nil {
		ps.known = map[string]*ProcessError{}
	}
	key := string(found.Kind) + found.Sentence
	p := ps.known[key]
	if p == nil {
		p = &ProcessError{Kind: found.Kind, Sentence: found.Sentence, cause: found.cause}
		ps.known[key], ps.order = p, append(ps.order, p)
	}
	if !slices.Contains(p.PIDs, pid) {
		p.PIDs = append(p.PIDs, pid)
	}
}

func (ps *processErrors) errors() []error {
	out := make([]error, 0, len(ps.order))
	for _, p := range ps.order {
		slices.Sort(p.PIDs)
		out = append(out, p)
	}
	return out
}
