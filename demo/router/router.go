// Package router lets a Triton serve more models than fit into its memory: a reverse proxy that loads models when they are
// asked for and unloads the least recently used ones. It knows Open Inference Protocol v2 over HTTP; gRPC has to be sent to
// Triton itself. An ensemble counts as one model, its steps as none.
package router

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/progress"
)

// DefaultStartHeader is the response header that says hot or cold.
const DefaultStartHeader = "X-Model-Start"

// Options configure a Router. Zero values of those after Slots take the default that their comment names.
type Options struct {
	// Upstream is Triton's HTTP endpoint. Triton has to run with --model-control-mode=explicit.
	Upstream *url.URL
	// Slots is how many models may be in memory at once; models on their way in or out count.
	Slots int
	// StartHeader is the response header that says hot or cold: DefaultStartHeader.
	StartHeader string
	// Wait bounds how long a request waits for its model: 15 s.
	Wait time.Duration
	// MaxWaiting bounds the requests that wait at once: 256.
	MaxWaiting int
	// LoadTimeout bounds the wait for Triton's answer to a load: 2 minutes. Afterwards the router reads the state of the model.
	LoadTimeout time.Duration
	// RetryLoadAfter is how long a load that failed is not tried again, so that a broken model does not drive out those that
	// work: 5 s.
	RetryLoadAfter time.Duration
	// Out prints errors.
	Out *progress.Printer
}

func (o Options) withDefaults() (Options, error) {
	if o.Upstream == nil || o.Slots < 1 || o.Out == nil {
		return o, errors.New("the router needs an upstream, at least one slot and a printer")
	}
	o.StartHeader = cmp.Or(o.StartHeader, DefaultStartHeader)
	o.Wait = cmp.Or(o.Wait, 15*time.Second)
	o.MaxWaiting = cmp.Or(o.MaxWaiting, 256)
	o.LoadTimeout = cmp.Or(o.LoadTimeout, 2*time.Minute)
	o.RetryLoadAfter = cmp.Or(o.RetryLoadAfter, 5*time.Second)
	return o, nil
}

// Router is an http.Handler in front of a Triton.
type Router struct {
	options   Options
	memory    *memory
	proxy     *httputil.ReverseProxy
	transport *http.Transport
}

// connections to Triton are kept, so that many requests at once need not connect anew each time.
const connections = 256

// New makes a router. It reads from Triton which models are in memory, and fails without a response. The router works until Close is
// called or the context ends.
func New(ctx context.Context, options Options) (*Router, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConns: connections, MaxIdleConnsPerHost: connections, IdleConnTimeout: time.Minute, DisableCompression: true}
	r := &Router{options: o, transport: transport}
	r.proxy = &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(o.Upstream)
			request.Out.Host = request.In.Host
		},
		FlushInterval:  -1, // streams are passed on as they come
		ModifyResponse: r.setStartHeader,
		ErrorHandler:   r.upstreamFailed,
	}
	r.memory, err = newMemory(ctx, o, &repository{base: o.Upstream, client: &http.Client{Transport: transport}})
	if err != nil {
		transport.CloseIdleConnections()
		return nil, err
	}
	return r, nil
}

// Close ends what is under way besides requests and returns when it has ended. Requests that wait for a model are refused.
func (r *Router) Close() {
	r.memory.close()
	r.transport.CloseIdleConnections()
}

// inference fits the routes that need a model in memory. All others are passed on.
var inference = regexp.MustCompile(`^/v2/models/([^/]+)(?:/versions/[^/]+)?/(?:infer|generate|generate_stream)$`)

func modelOf(request *http.Request) (name string, ok bool) {
	found := inference.FindStringSubmatch(request.URL.EscapedPath())
	if found == nil || request.Method != http.MethodPost {
		return "", false
	}
	name, err := url.PathUnescape(found[1])
	return name, err == nil
}

// ServeHTTP implements http.Handler.
func (r *Router) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	name, ok := modelOf(request)
	if !ok {
		r.proxy.ServeHTTP(w, request)
		return
	}
	if err := readAhead(request); err != nil {
		answer(w, http.StatusBadRequest, fmt.Errorf("read the request's body: %w", err))
		return
	}
	start, release, err := r.memory.acquire(request.Context(), name)
	if errors.Is(err, errUnknownModel) {
		r.proxy.ServeHTTP(w, request) // Triton has its own words for that
		return
	}
	if err != nil {
		r.refuse(w, start, err)
		return
	}
	defer release()
	r.proxy.ServeHTTP(w, request.WithContext(context.WithValue(request.Context(), startKey{}, start)))
}

// bodyAhead bounds what is read of a body before the model is there.
const bodyAhead = 64 << 10

// readAhead reads the beginning of the body, in most cases all of it: only then does net/http notice when the client hangs
// up, and a model is not kept in memory for a client that is slow to say what it wants.
func readAhead(request *http.Request) error {
	body := request.Body
	begin, err := io.ReadAll(io.LimitReader(body, bodyAhead))
	if err != nil {
		return err
	}
	request.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(begin), body), body}
	return nil
}

type startKey struct{}

// setStartHeader is called with the header of Triton's response.
func (r *Router) setStartHeader(response *http.Response) error {
	response.Header.Del(r.options.StartHeader)
	if start, ok := response.Request.Context().Value(startKey{}).(Start); ok {
		response.Header.Set(r.options.StartHeader, string(start))
	}
	return nil
}

// refuse responds to a request whose model cannot be loaded.
func (r *Router) refuse(w http.ResponseWriter, start Start, err error) {
	var busy *busyError
	var failed *loadError
	switch {
	case errors.As(err, &busy):
		w.Header().Set("Retry-After", "1")
	case errors.As(err, &failed):
		left := max(time.Until(failed.retryAt).Seconds(), 0)
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(left))))
	}
	if start != "" {
		w.Header().Set(r.options.StartHeader, string(start))
	}
	answer(w, http.StatusServiceUnavailable, err)
}

// upstreamFailed responds to a request that Triton did not.
func (r *Router) upstreamFailed(w http.ResponseWriter, request *http.Request, err error) {
	if request.Context().Err() != nil {
		return // the client has gone
	}
	if start, ok := request.Context().Value(startKey{}).(Start); ok {
		w.Header().Set(r.options.StartHeader, string(start))
	}
	answer(w, http.StatusBadGateway, fmt.Errorf("Triton did not respond: %w", err))
}

// answer writes an error as Triton does.
func answer(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()}) // the client may have gone
}
