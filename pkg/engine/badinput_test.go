package engine_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/executor"
)

func TestBadTargetsAreExplainedAndHarmNobody(t *testing.T) {
	samples := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "b{i=\"%d\"} 1\n", i)
		}
		return b.String()
	}
	pages := map[string]struct {
		handler http.HandlerFunc
		words   string
	}{
		"html":           {answer("text/html", "<html>sign in</html>"), "not in Prometheus's text format"},
		"garbled":        {answer("text/plain", "b 1\nthis is { not\n"), "not in Prometheus's text format"},
		"manysamples":    {answer("text/plain", samples(1001)), "limit of 1000 samples"},
		"manylabels":     {answer("text/plain", "b{"+labelPairs(20)+"} 1\n"), "limit of 20 labels"},
		"longname":       {answer("text/plain", "b{"+strings.Repeat("l", 65)+"=\"x\"} 1\n"), "limit of 64 bytes"},
		"longvalue":      {answer("text/plain", "b{l=\""+strings.Repeat("x", 129)+"\"} 1\n"), "limit of 128 bytes"},
		"huge":           {answer("text/plain", strings.Repeat("# comment\n", 200_000)), "larger than the limit of 1048576 bytes"},
		"notfound":       {http.NotFound, "HTTP 404"},
		"unauthorized":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "asks for an API key"},
		"halfwritten":    {halfWritten, "before the page was complete"},
		"bomb":           {bomb, "larger than the limit"},
		"endless":        {endless, "did not answer in full within 3s"},
		"slow":           {hang, "did not answer in full within 3s"},
		"connectionlost": {connectionLost, "closed the connection"},
	}
	zeros()
	good := newModelServer(t)
	s := embedded(good.target("good"))
	s.ScrapeTimeout, s.Interval = 3*time.Second, 3*time.Second // enough on a busy machine for every page that does end
	for name, page := range pages {
		server := newModelServer(t)
		server.serve(page.handler)
		target := server.target(name)
		target.URL = strings.Replace(target.URL, "://", "://user:hidden@", 1) + "?token=hidden"
		s.Targets = append(s.Targets, target)
	}
	refused := newModelServer(t)
	refused.Close()
	s.Targets = append(s.Targets, refused.target("refused"))
	logged := &recordingLogger{lines: &lines{}}
	handle := acquire(t, newRegistry(t, engine.Options{Logger: logged}), mainKey, s)
	eventually(t, handle, `a{job="good"}`, 1)
	for name, page := range pages {
		eventuallyIs(t, handle, name, notScraped(page.words))
		found := status(t, handle, name)
		require.Zero(t, found.Samples, name)
		require.NotContains(t, fmt.Sprint(found), "hidden", name)
		eventually(t, handle, fmt.Sprintf(`up{job="%s"}`, name), 0)
	}
	eventuallyIs(t, handle, "refused", notScraped("refused the connection"))
	_, found := value(t, handle, `count(b)`)
	require.False(t, found, "nothing of a bad page is stored")
	up := status(t, handle, "good")
	require.True(t, up.Up)
	require.Equal(t, 1, up.Samples)
	require.Empty(t, up.LastError)
	eventually(t, handle, `min_over_time(up{job="good"}[1m])`, 1)
	require.Contains(t, logged.text(), "Scrape failed")
	require.NotContains(t, logged.text(), "hidden")
}

func labelPairs(n int) string {
	pairs := make([]string, n)
	for i := range pairs {
		pairs[i] = fmt.Sprintf("l%d=\"x\"", i)
	}
	return strings.Join(pairs, ",")
}

func halfWritten(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte("b 1\n"))
}

// zeros are 35 MB, packed once: that takes longer than a scrape may.
var zeros = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	packed := gzip.NewWriter(&b)
	for range 500 {
		_, _ = packed.Write(bytes.Repeat([]byte("# zero\n"), 10_000))
	}
	_ = packed.Close()
	return b.Bytes()
})

func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = w.Write(zeros())
}

func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write([]byte("# more\n")); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		time.Sleep(time.Millisecond)
	}
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func connectionLost(w http.ResponseWriter, _ *http.Request) {
	if connection, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = connection.Close()
	}
}

func TestBadQueries(t *testing.T) {
	server := newModelServer(t)
	handle := acquire(t, newRegistry(t, engine.Options{}), mainKey, embedded(server.target("t")))
	eventually(t, handle, "a", 1)
	now := time.Now()
	for name, test := range map[string]struct {
		expr       string
		start, end time.Time
		step       time.Duration
		words      string
	}{
		"a microsecond":   {"a", now.Add(-time.Hour), now, time.Microsecond, "shorter than a millisecond"},
		"no step":         {"a", now.Add(-time.Hour), now, 0, "shorter than a millisecond"},
		"ten years":       {"a", now.AddDate(-10, 0, 0), now, time.Second, "11000 are allowed"},
		"backwards":       {"a", now, now.Add(-time.Hour), time.Second, "ends before it starts"},
		"syntax":          {"sum(", now, now, time.Second, "cannot be read"},
		"text":            {`"text"`, now, now, time.Second, "query"},
		"many to many":    {`a * on() {job="t"}`, now, now, time.Second, "query failed"},
		"quotes in label": {`a{x="\"\n.*"`, now, now, time.Second, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := handle.RangePromQL(context.Background(), test.expr, executor.Range{Start: test.start, End: test.end, Step: test.step})
			require.ErrorContains(t, err, test.words)
		})
	}
	_, err := handle.InstantPromQL(context.Background(), `"text"`, now)
	require.ErrorContains(t, err, "only numbers over time")

	empty, err := handle.RangePromQL(context.Background(), "a", executor.Range{Start: now.AddDate(-10, 0, 0), End: now.AddDate(-9, 0, 0), Step: time.Hour})
	require.NoError(t, err)
	require.Empty(t, empty.Series)
	one, err := handle.RangePromQL(context.Background(), "a", executor.Range{Start: now, End: now, Step: time.Second})
	require.NoError(t, err)
	require.Len(t, one.Series[0].Values, 1)
	scalar, err := handle.InstantPromQL(context.Background(), "1 / 0", now)
	require.NoError(t, err)
	require.Len(t, scalar.Series, 1)
	require.Eventually(t, func() bool {
		warned, err := handle.InstantPromQL(context.Background(), "rate(a[1m])", time.Now())
		return err == nil && len(warned.Infos) == 1 && len(warned.Warnings) == 0
	}, patience, moment, "PromQL notes that a is no counter by its name")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = handle.RangePromQL(ctx, "a", executor.Range{Start: now.Add(-time.Hour), End: now, Step: time.Second})
	require.ErrorIs(t, err, context.Canceled)
	_, err = handle.LabelValues(ctx, "job", nil, now.Add(-time.Hour), now, 0)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, interval, handle.Grid().Interval)
}
