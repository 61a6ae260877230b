package recorder_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

func stringReader(s string) io.Reader { return strings.NewReader(s) }

func TestModelsAreFoundByRoute(t *testing.T) {
	builtin, err := recorder.BuiltinRoutes(recorder.DefaultRoutes)
	require.NoError(t, err)
	bento, err := recorder.BuiltinRoutes([]string{recorder.BentoML})
	require.NoError(t, err)
	ray, err := recorder.BuiltinRoutes([]string{recorder.RayMultiplexed})
	require.NoError(t, err)
	own := []recorder.Route{
		{Name: "own", Pattern: regexp.MustCompile(`^/route/(?P<model>[^/]+)/(?P<version>[^/]+)$`)},
		{Name: "one", Pattern: regexp.MustCompile(`^/generate$`), Model: "llama"},
	}
	for name, test := range map[string]struct {
		routes         []recorder.Route
		method, path   string
		body           string
		header         http.Header
		model, version string
	}{
		"Open Inference":              {builtin, "POST", "/v2/models/resnet/infer", "{}", nil, "resnet", ""},
		"with a version":              {builtin, "POST", "/v2/models/resnet/versions/3/infer", "{}", nil, "resnet", "3"},
		"behind a prefix":             {builtin, "POST", "/a/b/v2/models/resnet/infer", "{}", nil, "resnet", ""},
		"Triton's generate":           {builtin, "POST", "/v2/models/llm/generate_stream", "{}", nil, "llm", ""},
		"escaped":                     {builtin, "POST", "/v2/models/meta%2Fllama%203/infer", "{}", nil, "meta/llama 3", ""},
		"KServe":                      {builtin, "POST", "/v1/models/iris:predict", "{}", nil, "iris", ""},
		"TensorFlow Serving":          {builtin, "POST", "/v1/models/half/versions/12:predict", "{}", nil, "half", "12"},
		"TensorFlow Serving's labels": {builtin, "POST", "/v1/models/half/labels/stable:classify", "{}", nil, "half", "stable"},
		"TorchServe":                  {builtin, "POST", "/predictions/bert/2.0", "x", nil, "bert", "2.0"},
		"TorchServe by PUT":           {builtin, "PUT", "/predictions/bert", "x", nil, "bert", ""},
		"OpenAI":                      {builtin, "POST", "/v1/chat/completions", `{"messages":[{"role":"user","model":"no"}],"model":"llama"}`, nil, "llama", ""},
		"OpenAI below KServe":         {builtin, "POST", "/openai/v1/completions", `{"model":"a/b","prompt":"\"model\":\"x\""}`, nil, "a/b", ""},
		"OpenAI realtime":             {builtin, "GET", "/v1/realtime?model=gpt", "", nil, "gpt", ""},
		"Ollama":                      {builtin, "POST", "/api/generate", `{"model":"phi","prompt":""}`, nil, "phi", ""},
		"a transcription":             {builtin, "POST", "/v1/audio/transcriptions", "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--b--\r\n", http.Header{"Content-Type": {"multipart/form-data; boundary=b"}}, "whisper", ""},
		"a byte order mark":           {builtin, "POST", "/v1/embeddings", "\ufeff{\"model\":\"m\"}", nil, "m", ""},
		"the field twice":             {builtin, "POST", "/v1/embeddings", `{"model":"a","model":"b"}`, nil, "a", ""},
		"compressed":                  {builtin, "POST", "/v1/embeddings", "\x1f\x8b\x08\x00\x00", http.Header{"Content-Encoding": {"gzip"}}, "unknown", ""},
		"after 10 MB":                 {builtin, "POST", "/v1/embeddings", `{"input":"` + strings.Repeat(`\"x`, 10<<20/3) + `","model":"m"}`, nil, "unknown", ""},
		"broken JSON":                 {builtin, "POST", "/v1/embeddings", `{"model" "x"`, nil, "unknown", ""},
		"JSON that ends":              {builtin, "POST", "/v1/embeddings", `{"model": "x`, nil, "unknown", ""},
		"no model in it":              {builtin, "POST", "/v1/embeddings", `{"input":[1]}`, nil, "unknown", ""},
		"no body":                     {builtin, "POST", "/v1/embeddings", "", nil, "unknown", ""},
		"a number for a model":        {builtin, "POST", "/v1/embeddings", `{"model":7}`, nil, "unknown", ""},
		"own pattern":                 {own, "GET", "/route/m/v7", "", nil, "m", "v7"},
		"own name":                    {own, "POST", "/generate", "{}", nil, "llama", ""},
		"BentoML":                     {bento, "POST", "/summarize", "{}", nil, "summarize", ""},
		"Ray":                         {ray, "POST", "/app", "{}", http.Header{"Serve_multiplexed_model_id": {"m1"}}, "m1", ""},
		"invalid UTF-8 in the path":   {builtin, "POST", "/v2/models/a%ff/infer", "{}", nil, "a\uFFFD", ""},
		"invalid UTF-8 in the body":   {builtin, "POST", "/v1/embeddings", "{\"model\":\"a\xff\"}", nil, "a\uFFFD", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := inFrontOfHandler(t, func(w http.ResponseWriter, r *http.Request) {
				got, err := io.ReadAll(r.Body)
				if err != nil || string(got) != test.body {
					w.WriteHeader(http.StatusInternalServerError)
				}
			}, func(o *recorder.Options) { o.Routes = test.routes })
			response, _ := s.do(test.method, test.path, test.body, test.header)
			require.Equal(t, http.StatusOK, response.StatusCode, "the body arrived unchanged")
			s.eventually(1, prometheus.Labels{"model": test.model, "version": test.version, "protocol": "http", "code": "200",
				"start": "unknown", "start_source": "none"})
			require.InDelta(t, len(test.body), s.sum("modelserving_request_size_bytes", nil), 0)
			require.InDelta(t, 1, s.count("modelserving_response_time_seconds", prometheus.Labels{"model": test.model}), 0)
			require.InDelta(t, 1, s.count("modelserving_time_to_first_byte_seconds", prometheus.Labels{"model": test.model}), 0)
		})
	}
}

func TestOtherRequestsPassUncounted(t *testing.T) {
	s := inFrontOfHandler(t, ok, nil)
	_, body := s.do("GET", "/v2/health/ready", "", nil)
	require.Equal(t, "/v2/health/ready", body)
	s.do("GET", "/v2/models/resnet", "", nil)
	require.Eventually(t, func() bool {
		return s.count("modelserving_recorder_unmatched_requests_total", prometheus.Labels{"code": "200", "protocol": "http"}) == 2
	}, patience, moment)
	require.Zero(t, s.count(requests, nil))
}

func TestClientSeesWhatItWouldSeeWithoutTheRecorder(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", fmt.Sprintf("%s|%s|%s|%s|%s", r.Host, r.URL.RawQuery, r.Header.Get("Accept-Encoding"),
			r.Header.Get("User-Agent"), r.Header.Get("Authorization")))
		w.Header()["Content-Type"], w.Header()["Date"] = nil, nil
		w.Header().Add("X-Twice", "1")
		w.Header().Add("X-Twice", "2")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "<html>")
	}
	direct := listen(t, t.Context(), http.HandlerFunc(handler))
	s := inFrontOf(t, direct, nil)
	ask := func(address string) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), "GET", address+"/predictions/m?a=1;b=%zz&c", nil)
		require.NoError(t, err)
		request.Host = "models.example"
		request.Header.Set("Authorization", "Bearer secret")
		response, err := s.client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response
	}
	without, with := ask(direct), ask(s.url)
	require.Equal(t, without.Header, with.Header)
	require.Equal(t, without.StatusCode, with.StatusCode)
	require.Equal(t, without.ContentLength, with.ContentLength)
	require.Equal(t, "models.example|a=1;b=%zz&c||Go-http-client/1.1|Bearer secret", with.Header.Get("X-Seen"))
	s.eventually(1, prometheus.Labels{"code": "418"})
}

func TestStreamsAreFlushedAtOnce(t *testing.T) {
	for name, header := range map[string]http.Header{
		"server-sent events": {"Content-Type": {"text/event-stream"}},
		"chunked":            {"Content-Type": {"application/x-ndjson"}},
		"of known length":    {"Content-Length": {"9"}},
	} {
		t.Run(name, func(t *testing.T) {
			next := make(chan struct{}, 1)
			s := inFrontOfHandler(t, func(w http.ResponseWriter, _ *http.Request) {
				for key, value := range header {
					w.Header()[key] = value
				}
				for _, part := range []string{"1\n\n", "2\n\n", "3\n\n"} {
					<-next
					_, _ = io.WriteString(w, part)
					_ = http.NewResponseController(w).Flush()
				}
			}, nil)
			next <- struct{}{}
			response, err := s.client.Get(s.url + "/predictions/m")
			require.NoError(t, err)
			defer func() { _ = response.Body.Close() }()
			lines := bufio.NewReader(response.Body)
			for i := range 3 {
				line, err := lines.ReadString('\n')
				require.NoError(t, err)
				require.Equal(t, fmt.Sprintf("%d\n", i+1), line)
				_, err = lines.ReadString('\n')
				require.NoError(t, err)
				if i == 0 {
					require.InDelta(t, 1, s.count(concurrent, prometheus.Labels{"model": "m"}), 0)
				}
				if i < 2 {
					next <- struct{}{}
				}
			}
			_, err = lines.ReadByte()
			require.ErrorIs(t, err, io.EOF)
			s.eventually(1, prometheus.Labels{"code": "200"})
			require.InDelta(t, 9, s.sum("modelserving_response_size_bytes", nil), 0)
			require.Less(t, s.sum("modelserving_time_to_first_byte_seconds", nil), s.sum("modelserving_response_time_seconds", nil))
		})
	}
}

func TestHeaderDoesNotWaitForItsBody(t *testing.T) {
	for name, length := range map[string]string{"of known length": "2", "chunked": ""} {
		t.Run(name, func(t *testing.T) {
			next := make(chan struct{})
			s := inFrontOfHandler(t, func(w http.ResponseWriter, _ *http.Request) {
				if length != "" {
					w.Header().Set("Content-Length", length)
				}
				_ = http.NewResponseController(w).Flush()
				<-next
				_, _ = io.WriteString(w, "ok")
			}, nil)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			request, err := http.NewRequestWithContext(ctx, "GET", s.url+"/predictions/m", nil)
			require.NoError(t, err)
			response, err := s.client.Do(request)
			close(next)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, "ok", string(body))
			s.eventually(1, prometheus.Labels{"code": "200"})
		})
	}
}

func TestQueueTimeIsRead(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Queue", r.URL.Query().Get("queue"))
	}, func(o *recorder.Options) {
		o.QueueTime = recorder.QueueTimeHeader{Name: "X-Queue", Unit: time.Millisecond}
	})
	for _, value := range []string{"1500", "soon", "-1", "NaN", "1e300"} {
		s.do("POST", "/predictions/m?queue="+value, "", nil)
	}
	s.eventually(5, prometheus.Labels{"code": "200"})
	require.InDelta(t, 1, s.count("modelserving_queue_time_seconds", nil), 0)
	require.InDelta(t, 1.5, s.sum("modelserving_queue_time_seconds", nil), 1e-9)
}

func TestHistogramsAreNativeWithClassicBuckets(t *testing.T) {
	s := inFrontOfHandler(t, ok, nil)
	s.do("POST", "/predictions/m", "body", nil)
	s.eventually(1, nil)
	for _, name := range []string{"modelserving_response_time_seconds", "modelserving_time_to_first_byte_seconds",
		"modelserving_request_size_bytes", "modelserving_response_size_bytes"} {
		found := s.metrics(name, nil)
		require.Len(t, found, 1, name)
		require.NotEmpty(t, found[0].GetHistogram().GetBucket(), name)
		require.NotEmpty(t, found[0].GetHistogram().GetPositiveSpan(), name)
		require.Equal(t, int32(3), found[0].GetHistogram().GetSchema(), name)
	}
}

func TestModelsPage(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Path", r.URL.Query().Get("path"))
		if r.URL.Query().Get("path") == "cold" {
			time.Sleep(50 * time.Millisecond)
		}
	}, func(o *recorder.Options) {
		o.Sources = []recorder.Source{recorder.ResponseHeader{Header: "X-Path", Cold: []string{"cold"}, Hot: []string{"hot"}}}
	})
	for range 20 {
		s.do("POST", "/predictions/m/1?path=hot", "", nil)
	}
	s.do("POST", "/predictions/m/1?path=cold", "", nil)
	s.do("POST", "/predictions/m/1?path=lukewarm", "", nil)
	s.eventually(22, prometheus.Labels{"model": "m", "version": "1"})
	require.InDelta(t, 20, s.count(requests, prometheus.Labels{"start": "hot", "start_source": "header"}), 0)
	require.InDelta(t, 1, s.count(requests, prometheus.Labels{"start": "cold", "start_source": "header"}), 0)
	require.InDelta(t, 1, s.count(requests, prometheus.Labels{"start": "unknown", "start_source": "none"}), 0)

	answer := models(t, s)
	require.Len(t, answer.Models, 1)
	m := answer.Models[0]
	require.Equal(t, "m", m.Model)
	require.Equal(t, "1", m.Version)
	require.Equal(t, 22, m.Requests)
	require.Equal(t, map[string]int{"200": 22}, m.Codes)
	require.WithinDuration(t, time.Now(), m.LastUse, time.Minute)
	require.Equal(t, 20, m.ResponseTime["hot"].Requests)
	require.GreaterOrEqual(t, m.ResponseTime["cold"].P50, 0.05)
	require.Less(t, m.ResponseTime["hot"].P50, 0.05)
	require.GreaterOrEqual(t, m.ResponseTime["hot"].P999, m.ResponseTime["hot"].P50)
}

type modelsAnswer struct {
	Models []struct {
		Model, Version string
		Requests       int
		Codes          map[string]int
		LastUse        time.Time
		ResponseTime   map[string]struct {
			Requests int
			P50, P99 float64
			P999     float64 `json:"p99_9"`
		} `json:"responseTimeSeconds"`
	}
	ModelsLimit, ModelsAggregated, LabelValuesTruncated, LabelValuesSanitized, UnmatchedRequests int
}

func models(t *testing.T, s *stand) modelsAnswer {
	t.Helper()
	page := listen(t, t.Context(), s.recorder.ModelsHandler())
	response, err := s.client.Get(page)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	var answer modelsAnswer
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	return answer
}

func TestNamesThatTheServerDoesNotHaveGiveWay(t *testing.T) {
	s := inFrontOfHandler(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "invented") {
			http.Error(w, "no such model", http.StatusNotFound)
		}
	}, func(o *recorder.Options) { o.MaxModels = 2 })
	for i := range 10 {
		s.do("POST", fmt.Sprint("/predictions/invented-", i), "", nil)
	}
	for _, model := range []string{"real-1", "real-2", "real-1", "real-2", "invented-11"} {
		s.do("POST", "/predictions/"+model, "", nil)
	}
	require.Eventually(t, func() bool { return s.count(requests, nil) == 15 }, patience, moment)
	for _, model := range []string{"real-1", "real-2"} {
		require.InDelta(t, 1, s.count(requests, prometheus.Labels{"model": model}), 0, "its first request showed that the server has it")
	}
	require.InDelta(t, 13, s.count(requests, prometheus.Labels{"model": "other"}), 0)
}
