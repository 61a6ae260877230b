// Package load sends bounded, steady traffic to a Triton server and counts exactly what it sent and what came back.
package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
)

// Options say how much is sent. All fields are required, but a zero BurstEvery or ReloadEvery switches that off, and answers
// are not counted by start without a StartHeader.
type Options struct {
	// BaseURL is the server's HTTP endpoint, without a trailing slash.
	BaseURL string
	Models  []fleet.Model
	// RequestsPerSecond is the steady total over all models.
	RequestsPerSecond float64
	// Popularity is the exponent of Zipf's law by which the total is spread.
	Popularity  float64
	MaxInFlight int
	// Timeout bounds one request.
	Timeout time.Duration
	// MaxDuration ends the traffic even where nobody ends the context.
	MaxDuration time.Duration
	// BurstEvery is the time between bursts of BurstSize requests at once to every model with a queue.
	BurstEvery time.Duration
	BurstSize  int
	// ReloadEvery is the time between unloads of fleet.Reloaded, which stays away for ReloadPause.
	ReloadEvery, ReloadPause time.Duration
	// StartHeader is the response header that says whether a request was hot or cold.
	StartHeader string
}

// DefaultOptions are those of the demo.
func DefaultOptions(baseURL string, models []fleet.Model) Options {
	return Options{
		BaseURL: baseURL, Models: models,
		RequestsPerSecond: 40, Popularity: fleet.Popularity, MaxInFlight: 64, Timeout: 10 * time.Second, MaxDuration: maxDuration,
		BurstEvery: 45 * time.Second, BurstSize: 30,
		ReloadEvery: 3 * time.Minute, ReloadPause: 10 * time.Second,
	}
}

// TailOptions are those of the demo's long tail, whose requests wait for models: the timeout is longer than the router lets
// them.
func TailOptions(baseURL string, models []fleet.Model, startHeader string) Options {
	return Options{
		BaseURL: baseURL, Models: models,
		RequestsPerSecond: 1.5, Popularity: fleet.TailPopularity, MaxInFlight: 64, Timeout: 30 * time.Second, MaxDuration: maxDuration,
		StartHeader: startHeader,
	}
}

const (
	maxDuration = 8 * time.Hour
	// repeatShare is how many of the requests to a model with repeated inputs have one of those.
	repeatShare    = 0.7
	controlTimeout = time.Minute
)

// Driver sends the traffic.
type Driver struct {
	options Options
	client  *http.Client
	slots   chan struct{}
	ledger  *ledger
}

// NewDriver makes a driver that sends nothing yet.
func NewDriver(options Options) *Driver {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = options.MaxInFlight
	transport.Proxy = nil // the server is on this host
	return &Driver{
		options: options,
		client:  &http.Client{Transport: transport},
		slots:   make(chan struct{}, options.MaxInFlight),
		ledger:  newLedger(time.Now()),
	}
}

// Handler answers GET with the Counts.
func (d *Driver) Handler() http.Handler { return d.ledger }

// Run sends traffic until the context ends or the longest duration is over, and returns when no request is under way.
func (d *Driver) Run(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.options.MaxDuration)
	defer cancel()
	defer d.client.CloseIdleConnections()
	var wait sync.WaitGroup
	rates := fleet.Rates(d.options.Models, d.options.RequestsPerSecond, d.options.Popularity)
	for _, model := range d.options.Models {
		rate, sent := rates[model.Name]
		if !sent {
			continue
		}
		wait.Go(func() { d.steady(ctx, &wait, model, rate) })
		if model.Queue != nil && d.options.BurstEvery > 0 {
			wait.Go(func() { d.bursts(ctx, &wait, model) })
		}
	}
	if d.options.ReloadEvery > 0 {
		wait.Go(func() { d.reloads(ctx) })
	}
	wait.Wait()
}

// steady sends requests at random times with a fixed mean rate, whether or not earlier ones were answered.
func (d *Driver) steady(ctx context.Context, wait *sync.WaitGroup, model fleet.Model, rate float64) {
	next := time.Now()
	for {
		next = next.Add(time.Duration(rand.ExpFloat64() / rate * float64(time.Second)))
		if !sleep(ctx, time.Until(next)) {
			return
		}
		d.send(ctx, wait, model)
	}
}

func (d *Driver) bursts(ctx context.Context, wait *sync.WaitGroup, model fleet.Model) {
	for sleep(ctx, d.options.BurstEvery) {
		for range d.options.BurstSize {
			d.send(ctx, wait, model)
		}
	}
}

// send starts one request where the bound on those in flight allows it.
func (d *Driver) send(ctx context.Context, wait *sync.WaitGroup, model fleet.Model) {
	select {
	case d.slots <- struct{}{}:
	default:
		d.ledger.countSkip(model.Name)
		return
	}
	d.ledger.countRequest(model.Name)
	wait.Go(func() {
		defer func() { <-d.slots }()
		d.ledger.countResponse(model.Name, d.infer(ctx, model))
	})
}

// pickVersion names an older version now and then and leaves the choice to the server otherwise.
func pickVersion(model fleet.Model) string {
	if len(model.Versions) > 1 && rand.IntN(5) == 0 {
		return strconv.Itoa(model.Versions[0])
	}
	return ""
}

// infer sends one request and answers what came of it.
func (d *Driver) infer(ctx context.Context, model fleet.Model) answer {
	// A request that is on its way when the traffic ends is still answered, so that both sides count the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.options.Timeout)
	defer cancel()
	a := answer{version: pickVersion(model)}
	url := d.options.BaseURL + "/v2/models/" + model.Name
	if a.version != "" {
		url += "/versions/" + a.version
	}
	value := rand.Float64()
	if model.DistinctInputs > 0 && rand.Float64() < repeatShare {
		value = float64(rand.IntN(model.DistinctInputs))
	}
	body := fmt.Sprintf(`{"inputs":[{"name":"INPUT","shape":[1,1],"datatype":"FP32","data":[%g]}]}`, value)
	begin := time.Now()
	status, header, err := d.post(ctx, url+"/infer", body)
	a.latency = time.Since(begin)
	if err == nil {
		a.status, a.start = status, header.Get(d.options.StartHeader)
	}
	return a
}

func (d *Driver) post(ctx context.Context, url, body string) (status int, header http.Header, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewBufferString(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := d.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, nil, err
	}
	return response.StatusCode, response.Header, nil
}

// reloads takes one model out of the server's memory now and then, and puts it back.
func (d *Driver) reloads(ctx context.Context) {
	repository := d.options.BaseURL + "/v2/repository/models/" + fleet.Reloaded
	for sleep(ctx, d.options.ReloadEvery) {
		unloaded := d.control(ctx, repository+"/unload")
		sleep(ctx, d.options.ReloadPause)
		// Put back even when the traffic has ended meanwhile.
		loaded := d.control(ctx, repository+"/load")
		if unloaded && loaded {
			d.ledger.countReload()
		}
	}
}

func (d *Driver) control(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlTimeout)
	defer cancel()
	status, _, err := d.post(ctx, url, "{}")
	return err == nil && status == http.StatusOK
}

// sleep waits, and says whether the context still lives afterwards.
func sleep(ctx context.Context, duration time.Duration) bool {
	if duration <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
