package recorder

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Served is what sources are told of a request when it has ended.
type Served struct {
	// Model and Version are as the client wrote them; empty when it named none.
	Model, Version string
	Arrival        time.Time
	// Answered is when the response's first byte came, or the request ended without one.
	Answered time.Time
	// Header is the response's; nil when the server sent none.
	Header http.Header
	// WaitedForServer says that the server could not be connected to when the request arrived.
	WaitedForServer bool
}

// Source can tell whether requests were served hot or cold.
type Source interface {
	// Name is the value of the label start_source.
	Name() string
	// Run does what the source needs beside the requests, until the context ends.
	Run(ctx context.Context)
	// Arrived and Answered say that a request arrived, and that its first byte came or it ended.
	Arrived()
	Answered()
	// Judge calls verdict exactly once, now or later, from any goroutine. Unknown means that the source cannot tell.
	Judge(served Served, verdict func(Start))
}

// verdicts asks several sources: any that says cold is believed, else the first that says hot.
type verdicts []Source

func (v verdicts) arrived() {
	for _, source := range v {
		source.Arrived()
	}
}

func (v verdicts) answered() {
	for _, source := range v {
		source.Answered()
	}
}

func (v verdicts) judge(served Served, verdict func(start Start, source string)) {
	v.judgeFrom(0, served, Unknown, noVerdict, verdict)
}

func (v verdicts) judgeFrom(i int, served Served, start Start, by string, verdict func(start Start, source string)) {
	if i == len(v) || start == Cold {
		verdict(start, by)
		return
	}
	v[i].Judge(served, func(next Start) {
		if next == Cold || next == Hot && start == Unknown {
			start, by = next, v[i].Name()
		}
		v.judgeFrom(i+1, served, start, by, verdict)
	})
}

// immediate is what sources have in common that judge by the request alone.
type immediate struct{}

func (immediate) Run(context.Context) {}
func (immediate) Arrived()            {}
func (immediate) Answered()           {}

// ResponseHeader reads the verdict from a header of the response. Values are compared without regard to case.
type ResponseHeader struct {
	immediate
	Header string
	// Cold and Hot are the values that say so; a value that is neither tells nothing.
	Cold, Hot []string
}

// Name implements Source.
func (ResponseHeader) Name() string { return "header" }

// Judge implements Source.
func (h ResponseHeader) Judge(served Served, verdict func(Start)) {
	value := strings.TrimSpace(served.Header.Get(h.Header))
	is := func(known string) bool { return strings.EqualFold(known, value) }
	switch {
	case value == "":
		verdict(Unknown)
	case slices.ContainsFunc(h.Cold, is):
		verdict(Cold)
	case slices.ContainsFunc(h.Hot, is):
		verdict(Hot)
	default:
		verdict(Unknown)
	}
}

// FromZero is the name of the verdicts about requests that arrived when no server was there to answer them.
const FromZero = "scale_from_zero"

// retriedRequests says cold of requests that the recorder held until it could connect to the server.
type retriedRequests struct{ immediate }

func (retriedRequests) Name() string { return FromZero }

func (retriedRequests) Judge(served Served, verdict func(Start)) {
	if served.WaitedForServer {
		verdict(Cold)
		return
	}
	verdict(Unknown)
}
