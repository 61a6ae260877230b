package attribution

import (
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzMetricsPage reads pages as each of the built-in rules does.
func FuzzMetricsPage(f *testing.F) {
	for _, file := range []string{"testdata/torchserve-metrics.txt", "testdata/triton-ensemble-metrics.txt"} {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(text), "text/plain; version=0.0.4")
	}
	f.Add("nv_inference_compute_infer_duration_us{model=\"a\",version=\"1\"} 1e308\nnv_inference_compute_infer_duration_us{model=\"a\",version=\"1\",gpu=\"0\"} 1e308\n", "")
	f.Add("nv_inference_compute_infer_duration_us{model=\"\xff\"} NaN\n", "text/plain")
	f.Add("", "application/openmetrics-text")
	rules, err := DefaultRules()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body, contentType string) {
		for _, rule := range rules {
			if rule.Metrics == nil {
				continue
			}
			read, err := rule.Metrics.parse([]byte(body), contentType)
			if err != nil {
				require.Regexp(t, "^(no valid metrics page|too many models|missing metric)", err.Error())
				continue
			}
			require.LessOrEqual(t, len(read.models)+len(read.workers), maxModels)
			require.LessOrEqual(t, len(read.models)+len(read.workers), len(body))
			for key, amount := range read.models {
				require.NotEmpty(t, key.model)
				require.True(t, utf8.ValidString(key.model) && utf8.ValidString(key.version))
				for _, n := range []float64{amount.compute, amount.memory} {
					require.False(t, n < 0 || math.IsNaN(n) || math.IsInf(n, 0), "%v of %v", n, key)
				}
				require.GreaterOrEqual(t, increase(&read, &reading{}, key), 0.0)
				require.Zero(t, increase(&read, &read, key))
			}
			again, err := rule.Metrics.parse([]byte(body), contentType)
			require.NoError(t, err)
			require.Equal(t, read, again)
		}
	})
}

func FuzzRules(f *testing.F) {
	f.Add(string(defaultRules))
	for _, text := range []string{
		"", "defaults: false", "rules: 3", "rules: []", "rules:\n- match: {port: 1}\n  model: [{text: m}]",
		"rules:\n- match: {command_line: '(?P<a>.*)'}\n  model: [{group: a, pattern: (x)}]\n  version: [{flag: --v}]",
		"rules:\n- match: {environment: {A: }}\n  model: [{environment: A}]",
		"rules:\n- match: {port: 1}\n  metrics: {port: [{text: '1'}], compute: c, model_label: m, ensembles: {port: [{text: '1'}]}}",
		"a: &a [*a]", "rules:\n- match: {cgroup: (}", "rules: &r\n- match: {port: 1}\n  <<: *r",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := ParseRules([]byte(text))
		if err != nil {
			require.Nil(t, rules)
			require.NotEmpty(t, strings.TrimSpace(err.Error()))
			return
		}
		again, err := ParseRules([]byte(text))
		require.NoError(t, err)
		require.True(t, reflect.DeepEqual(rules, again))
		own, err := parse([]byte(text))
		require.NoError(t, err)
		require.LessOrEqual(t, len(own), maxRules)
		for _, rule := range own {
			require.NoError(t, rule.check())
			p := &process{arguments: []string{"vllm", "serve", "model", "--port=8000"}, cgroups: []string{"/pod"}, environment: map[string]string{}, ports: map[uint16]bool{rule.Match.Port: true}}
			for name := range rule.Match.Environment {
				p.environment[name] = "value"
			}
			groups, fits := rule.Match.fits(p, &claim{})
			if !fits {
				continue
			}
			for _, source := range slices.Concat(rule.Model, rule.Version) {
				value := source.value(p, groups)
				require.True(t, utf8.ValidString(value) && len(value) <= maxNameBytes, "%q becomes a label", value)
			}
			if rule.Metrics != nil {
				_ = firstOf(rule.Metrics.Port, p, groups)
				_, _ = rule.Metrics.parse([]byte("a{b=\"c\"} 1\n"), "")
			}
		}
	})
}

var podUIDs = regexp.MustCompile(`^[^_]+$`)

func FuzzPodOfLogFolder(f *testing.F) {
	for _, name := range []string{
		"default_vllm-0_" + podUID, "kube-system_kube-proxy-abc_0123456789abcdef0123456789abcdef", "", "_", "__", "__x", "a__b", "a_b_c_d", "a_b_\xff",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		uid, namespace, pod := PodOfLogFolder(name)
		if uid == "" {
			require.Empty(t, namespace+pod, "all or nothing")
			return
		}
		require.Equal(t, name, namespace+"_"+pod+"_"+uid)
		for _, part := range []string{uid, namespace, pod} {
			require.Regexp(t, podUIDs, part)
			require.True(t, utf8.ValidString(part), "it becomes a label's value")
		}
	})
}

// FuzzModelConfiguration reads what a server answers about a model's configuration.
func FuzzModelConfiguration(f *testing.F) {
	for _, text := range []string{
		`{"name":"m","platform":"ensemble","backend":"","instance_group":[{"name":"g","kind":"KIND_GPU","count":2,"gpus":[0,1]}]}`, "", "null", "[]", `{"name":"other"}`, `{"error":"unknown model"}`,
		`{"name":"m","instance_group":[{"count":-1,"gpus":[-1,9223372036854775807]}]}`, `{"name":"m","instance_group":[null]}`,
	} {
		f.Add(text, 200)
		f.Add(text, 400)
	}
	var answer atomic.Pointer[string]
	var status atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write([]byte(*answer.Load()))
	}))
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, text string, code int) {
		if code < 200 || code > 599 || code == http.StatusNoContent || code == http.StatusNotModified {
			return // these have no body
		}
		answer.Store(&text)
		status.Store(int64(code))
		found, err := configurationOf(t.Context(), server.Client(), time.Minute, server.URL, "m")
		if err != nil {
			require.Contains(t, err.Error(), strings.TrimPrefix(server.URL, "http://"))
			require.Zero(t, found)
			return
		}
		require.True(t, code == http.StatusOK || code == http.StatusBadRequest || code == http.StatusNotFound, code)
		require.LessOrEqual(t, len(found.groups), len(text))
		again, err := configurationOf(t.Context(), server.Client(), time.Minute, server.URL, "m")
		require.NoError(t, err)
		require.Equal(t, found, again)
	})
}
