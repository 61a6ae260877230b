//go:build modelservers || torchserve

package modelservers

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// warmUp requests of each kind are sent before the first scrape: many servers have no series before the first request, and
	// no rate sees a counter begin. They are enough for PromQL to treat all counters alike at the beginning of the window.
	warmUp         = 8
	atOnce         = 4
	requestTimeout = 30 * time.Second
)

// kind is one kind of request, of which count are sent, and the status that every one of them has to get.
type kind struct {
	url    string
	method string
	body   string
	header map[string]string
	status int
	count  int
	// answered, where set, is told of each response once its body was read. It may be called side by side.
	answered func(header http.Header, took time.Duration)
}

// send sends a number of requests of the kind, a few at a time, and answers how long each took, in ascending order.
func (k kind) send(t *testing.T, count int) []time.Duration {
	t.Helper()
	return k.sendAtOnce(t, count, atOnce)
}

// sendAtOnce is send with another number at a time.
func (k kind) sendAtOnce(t *testing.T, count, atOnce int) []time.Duration {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: atOnce}
	client := &http.Client{Timeout: requestTimeout, Transport: transport}
	defer client.CloseIdleConnections()
	took := make([]time.Duration, count)
	statuses := make([]int, count)
	problems := make([]error, count)
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for i := range count {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			begin := time.Now()
			statuses[i], problems[i] = k.sendOne(t, client)
			took[i] = time.Since(begin)
		})
	}
	wait.Wait()
	for i := range count {
		require.NoError(t, problems[i])
		require.Equal(t, k.status, statuses[i], k.url)
	}
	slices.Sort(took)
	return took
}

func (k kind) sendOne(t *testing.T, client *http.Client) (int, error) {
	method := k.method
	if method == "" {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(t.Context(), method, k.url, strings.NewReader(k.body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range k.header {
		request.Header.Set(name, value)
	}
	begin := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	if err == nil && k.answered != nil {
		k.answered(response.Header, time.Since(begin))
	}
	return response.StatusCode, err
}

// hold sends requests of the kind, all at once, and answers a function that waits for their end.
func (k kind) hold(t *testing.T, count int) (wait func()) {
	t.Helper()
	var group sync.WaitGroup
	for range count {
		group.Go(func() {
			status, err := k.sendOne(t, &http.Client{Timeout: requestTimeout})
			if err != nil || status != k.status {
				t.Errorf("%s answered %d, %v", k.url, status, err)
			}
		})
	}
	return group.Wait
}

func mean(took []time.Duration) float64 {
	var sum time.Duration
	for _, d := range took {
		sum += d
	}
	return sum.Seconds() / float64(len(took))
}

func median(took []time.Duration) float64 { return took[len(took)/2].Seconds() }

// warm sends the warm-up of each kind.
func warm(t *testing.T, kinds ...kind) {
	t.Helper()
	for _, k := range kinds {
		k.send(t, warmUp)
	}
}

// sendAll sends all requests of all kinds and answers how long those of each kind took, and how many were sent.
func sendAll(t *testing.T, kinds ...kind) (took [][]time.Duration, sent int) {
	t.Helper()
	for _, k := range kinds {
		took = append(took, k.send(t, k.count))
		sent += k.count
	}
	return took, sent
}

// settle waits until a server's metrics page has the warm-up: the samples of the series, a regular expression, sum up to total.
// Some servers collect from their processes now and then.
func settle(t *testing.T, page, series string, total int) {
	t.Helper()
	sample := regexp.MustCompile(`(?m)^` + series + ` (\S+)`)
	var sum float64
	require.Eventually(t, func() bool {
		response, err := http.Get(page)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		sum = 0
		for _, found := range sample.FindAllSubmatch(text, -1) {
			value, _ := strconv.ParseFloat(string(found[len(found)-1]), 64)
			sum += value
		}
		return err == nil && sum == float64(total)
	}, scrapeTimeout, pollEvery, "the samples of %s do not come to %d", series, total)
}
