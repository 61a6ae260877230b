package recorder

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"
)

// Options configure a Recorder. Zero values of numbers and durations take the default that their comment names.
type Options struct {
	// Upstream is the model server. GRPCUpstream takes gRPC where the server has another port for it; nil for Upstream.
	Upstream, GRPCUpstream *url.URL
	// UpstreamTLS is for https upstreams; nil for the system's roots.
	UpstreamTLS *tls.Config
	// UpstreamHost sends the upstream's own name as Host, not the one that the client asked for.
	UpstreamHost bool
	// ResponseTimeout bounds the wait for a response's header; zero for no bound.
	ResponseTimeout time.Duration
	// WaitForServer is how long a request is held while the server cannot be connected to; zero answers 502 at once.
	WaitForServer time.Duration

	Routes []Route
	// BodyBytes is how much of a JSON body is looked at for the model's name: 1 MiB.
	BodyBytes int
	// Sources tell hot from cold, the preferred one first.
	Sources   []Source
	QueueTime QueueTimeHeader

	// MaxModels bounds the pairs of model and version with series of their own: 1,000.
	MaxModels int
	// IdleTimeout is how long a model must have been idle before it is aggregated into other for another model: 5 minutes. Negative
	// for no time at all.
	IdleTimeout time.Duration
	// MaxLabelBytes bounds a label's value: 128.
	MaxLabelBytes int
	// BodyTimeout is how long a client may send nothing of a request's body, except with gRPC and WebSocket: 1 minute. Negative for no
	// bound.
	BodyTimeout time.Duration
	// Window is how far back the live quantiles reach, in whole minutes: 5.
	Window time.Duration
	Logger *slog.Logger

	// searchTime and drainTime bound search and drain.
	searchTime, drainTime time.Duration
}

const (
	defaultBodyBytes     = 1 << 20
	defaultMaxModels     = 1000
	defaultIdleTimeout   = 5 * time.Minute
	defaultMaxLabelBytes = 128
	defaultWindow        = 5 * time.Minute
	windowSlice          = time.Minute
)

// DefaultBodyTimeout is the default of BodyTimeout.
const DefaultBodyTimeout = time.Minute

func (o Options) withDefaults() (Options, error) {
	if o.GRPCUpstream == nil {
		o.GRPCUpstream = o.Upstream
	}
	if o.Upstream == nil {
		return o, errors.New("no upstream: set the URL of the model server")
	}
	if err := errors.Join(checkUpstream("upstream", o.Upstream), checkUpstream("grpc_upstream", o.GRPCUpstream)); err != nil {
		return o, err
	}
	if o.Logger == nil {
		return o, errors.New("no logger: set Options.Logger")
	}
	o.Logger = slog.New(RedactingHandler(o.Logger.Handler()))
	o.BodyBytes = withDefault(o.BodyBytes, defaultBodyBytes)
	o.MaxModels = withDefault(o.MaxModels, defaultMaxModels)
	o.MaxLabelBytes = withDefault(o.MaxLabelBytes, defaultMaxLabelBytes)
	o.IdleTimeout = max(withDefault(o.IdleTimeout, defaultIdleTimeout), 0)
	o.Window = withDefault(o.Window, defaultWindow)
	o.BodyTimeout = withDefault(o.BodyTimeout, DefaultBodyTimeout)
	o.searchTime = withDefault(o.searchTime, defaultSearchTime)
	o.drainTime = withDefault(o.drainTime, defaultDrainTime)
	if err := o.checkBounds(); err != nil {
		return o, err
	}
	if err := o.QueueTime.validate(); err != nil {
		return o, err
	}
	return o, validateRoutes(o.Routes)
}

// checkUpstream says what is wrong with a server's address. What a URL can hold besides would not be sent.
func checkUpstream(key string, u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%s: %s is not a valid URL: set an http:// or https:// URL with a host", key, u.Redacted())
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%s: %s has a user, a query or a fragment, which the recorder does not send: remove it", key, u.Redacted())
	}
	return nil
}

func (o Options) checkBounds() error {
	for _, bound := range []struct {
		key          string
		value, least int
	}{
		{"max_body_bytes", o.BodyBytes, 1}, {"limits.models", o.MaxModels, 1},
		{"limits.label_bytes", o.MaxLabelBytes, utf8.UTFMax}, // a name's first character fits
	} {
		if bound.value < bound.least {
			return fmt.Errorf("%s is %d: set at least %d", bound.key, bound.value, bound.least)
		}
	}
	if o.Window < windowSlice || o.Window%windowSlice != 0 {
		return fmt.Errorf("window is %s: set whole minutes, at least %s", o.Window, windowSlice)
	}
	return nil
}

func withDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// QueueTimeHeader is a response header in which the server tells how long a request waited inside it.
type QueueTimeHeader struct {
	// Name is empty where the server tells nothing.
	Name string
	// Unit is what the header counts: a second, a millisecond, a microsecond or a nanosecond.
	Unit time.Duration
}

func (h QueueTimeHeader) validate() error {
	switch h.Unit {
	case time.Second, time.Millisecond, time.Microsecond, time.Nanosecond:
		return nil
	}
	if h.Name == "" {
		return nil
	}
	return fmt.Errorf("queue_time: the header %s has no unit: set 1s, 1ms, 1us or 1ns", h.Name)
}

// read answers false where the header is missing or is no time.
func (h QueueTimeHeader) read(header http.Header) (time.Duration, bool) {
	if h.Name == "" {
		return 0, false
	}
	value, err := strconv.ParseFloat(header.Get(h.Name), 64)
	nanoseconds := value * float64(h.Unit)
	if err != nil || math.IsNaN(value) || value < 0 || nanoseconds > math.MaxInt64/2 {
		return 0, false
	}
	return time.Duration(nanoseconds), true
}
