package recorder

import (
	"time"
)

// maxSpans bounds what is remembered of one model: of a request that waits so long that more loads than this fit into
// its wait, the last ones are enough.
const maxSpans = 16

// forgetAfter is how long a model that the server no longer lists is remembered.
const forgetAfter = 10 * time.Minute

// span is a run of polls that all found a model ready, or all found it not ready. The model's state is known only at
// the moments in which the server answered, each between the beginning and the end of a poll.
type span struct {
	ready                 bool
	firstBegan, lastBegan time.Time // the beginnings of its first and its last poll
}

// residency is what polls have told about the models of one server.
type residency struct {
	firstBegan, lastBegan time.Time // of all polls; zero before the first
	models                map[modelKey][]span
}

func newResidency() *residency { return &residency{models: map[modelKey][]span{}} }

// update adds one poll's answer.
func (r *residency) update(states []ModelState, began time.Time) {
	ready := make(map[modelKey]bool, 2*len(states))
	for _, s := range states {
		exact, anyVersion := modelKey{s.Model, s.Version}, modelKey{model: s.Model}
		ready[exact] = ready[exact] || s.Ready
		ready[anyVersion] = ready[anyVersion] || s.Ready
	}
	for key := range r.models {
		if _, listed := ready[key]; !listed {
			ready[key] = false
			if spans := r.models[key]; !spans[len(spans)-1].ready && began.Sub(spans[len(spans)-1].firstBegan) > forgetAfter {
				delete(r.models, key)
				delete(ready, key)
			}
		}
	}
	for key, isReady := range ready {
		r.extend(key, isReady, began)
	}
	if r.firstBegan.IsZero() {
		r.firstBegan = began
	}
	r.lastBegan = began
}

func (r *residency) extend(key modelKey, ready bool, began time.Time) {
	spans := r.models[key]
	if len(spans) == 0 && !r.firstBegan.IsZero() {
		// Earlier polls did not list it.
		spans = append(spans, span{firstBegan: r.firstBegan, lastBegan: r.lastBegan})
	}
	if len(spans) == 0 || spans[len(spans)-1].ready != ready {
		if len(spans) == maxSpans {
			spans = append(spans[:0], spans[1:]...)
		}
		spans = append(spans, span{ready: ready, firstBegan: began})
	}
	spans[len(spans)-1].lastBegan = began
	r.models[key] = spans
}

// spansOf answers what is known about a model: by its version, by its name, or else about the whole server.
func (r *residency) spansOf(model, version string) []span {
	for _, key := range []modelKey{{model, version}, {model: model}, {}} {
		if spans, ok := r.models[key]; ok {
			return spans
		}
	}
	return nil
}

// judge tells the start of a request that was answered before the last poll began.
func (r *residency) judge(served Served) Start {
	spans := r.spansOf(served.Model, served.Version)
	// at is the span that holds the first poll begun after the arrival.
	at := 0
	for at < len(spans) && spans[at].lastBegan.Before(served.Arrival) {
		at++
	}
	if at == len(spans) {
		return Unknown
	}
	for i := at; i < len(spans) && !spans[i].firstBegan.After(served.Answered); i++ {
		if !spans[i].ready && i+1 < len(spans) {
			return Cold
		}
	}
	switch {
	case !spans[at].ready:
		// It was not ready when the request arrived, nor ever since.
		return Unknown
	case spans[at].firstBegan.Before(served.Arrival):
		return Hot
	default:
		// It became ready between the last poll before the arrival and the first poll after it.
		return Unknown
	}
}
