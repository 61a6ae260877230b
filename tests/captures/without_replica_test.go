package captures

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// minuteByMinute is what one target says: $1 and $2 in its page stand for the two numbers of a minute, and - for a scrape that
// failed.
type minuteByMinute struct {
	environment, deployment, page, minutes string
}

func scrapeMinutes(t *testing.T, targets ...minuteByMinute) *store {
	t.Helper()
	s := newStore(t, len(strings.Fields(targets[0].minutes)))
	for _, p := range targets {
		target := labels.FromStrings("job", p.deployment, "instance", p.deployment+":80", "environment", p.environment, "deployment", p.deployment)
		values := strings.Fields(p.minutes)
		var previous map[uint64]labels.Labels
		for i, minute := range values {
			text := ""
			if first, second, ok := strings.Cut(minute, "/"); ok {
				text = strings.NewReplacer("$1", first, "$2", second).Replace(p.page)
			}
			previous = s.scrape(target, []byte(text), s.end.Add(-between*time.Duration(len(values)-1-i)), previous)
		}
	}
	return s
}

// withoutReplica is the share of requests that came while no replica was active, by labels, over all minutes but the last: a
// piece ends at a whole minute, and scrapes are at 20 seconds past one.
func (s *store) withoutReplica(filters map[string][]string, limit int, by ...string) map[string]float64 {
	s.t.Helper()
	q, err := signal.Builtin().NewQuery("cold_hit_rate", nil, by, filters, limit, true, s.span)
	require.NoError(s.t, err)
	env := profile.Environment{Window: window, Exists: s.has, Together: s.together, Limited: limit > 0}
	cold, all := map[string]float64{}, map[string]float64{}
	for _, p := range embedded(s.t).Detect(s.has).WithoutReplica(q, env, profile.Pieces{Every: between, Scrape: between}) {
		for _, sample := range s.ask(promql.Text(p.Plan, s.span)) {
			var values []string
			for _, l := range by {
				values = append(values, sample.Metric.Get(l))
			}
			key := strings.Join(values, " ")
			if p.Others {
				key = "others"
			}
			all[key] += sample.F
			if sample.Metric.Get("start") == "cold" {
				cold[key] += sample.F
			}
		}
	}
	out := map[string]float64{}
	for key, n := range all {
		if n > 0 {
			out[key] = cold[key] / n
		}
	}
	return out
}

const (
	basetenPage = `baseten_inference_requests_total{model_name="iris",deployment_id="d1",is_async="false",status_code="200"} $2
baseten_replicas_active{model_name="iris",deployment_id="d1"} $1
`
	gatewayPage = `istio_requests_total{reporter="source",destination_service_name="iris",response_code="200"} $2
`
	queueProxyPage = `revision_request_count{service_name="iris",revision_name="iris-1",response_code="200",response_code_class="2xx"} $2
`
	autoscalerPage = `autoscaler_actual_pods{service_name="iris",revision_name="iris-1"} $1
`
	kubernetesPage = `kube_deployment_status_replicas_available{deployment="llm"} $1
kube_deployment_spec_replicas{deployment="llm"} $2
`
	enginePage = `vllm:request_success_total{model_name="llama",finished_reason="stop"} $2
vllm:num_requests_running{model_name="llama"} $1
`
)

// 10 requests came while a replica was active, then it went; 6 waited for the next one, which then served 14.
const wokenUp = "1/100 1/110 1/110 0/110 0/110 0/110 1/116 1/130 1/130"

func TestRequestsWithoutAReplicaAreCold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		targets []minuteByMinute
		want    map[string]float64
	}{
		"a platform that tells both":          {[]minuteByMinute{{"production", "hosted", basetenPage, wokenUp}}, map[string]float64{"iris": 6.0 / 30}},
		"counted on arrival, before one came": {[]minuteByMinute{{"production", "hosted", basetenPage, "0/100 0/104 0/108 1/110 1/120 1/120"}}, map[string]float64{"iris": 0.5}},
		"a replica that goes is no cold hit":  {[]minuteByMinute{{"production", "hosted", basetenPage, "1/100 1/110 0/115 0/115"}}, map[string]float64{"iris": 0}},
		"never without one":                   {[]minuteByMinute{{"production", "hosted", basetenPage, "2/100 2/110 3/115 2/115"}}, map[string]float64{"iris": 0}},
		"no request is no data":               {[]minuteByMinute{{"production", "hosted", basetenPage, "0/100 0/100 1/100"}}, map[string]float64{}},
		"a counter that begins with the replica": {[]minuteByMinute{
			{"production", "proxies", queueProxyPage, "1/100 1/110 - - - - 1/6 1/20 1/20"}, {"production", "knative", autoscalerPage, wokenUp},
		}, map[string]float64{"iris": 6.0 / 30}},
		"a counter that nobody scraped for a while": {[]minuteByMinute{
			{"production", "proxies", queueProxyPage, "1/100 1/110 - - - - 1/116 1/130 1/130"}, {"production", "knative", autoscalerPage, wokenUp},
		}, map[string]float64{"iris": 6.0 / 30}},
		"a gateway that begins": {[]minuteByMinute{
			{"production", "mesh", gatewayPage, "- - - - - - 1/6000 1/6014 1/6014"}, {"production", "knative", autoscalerPage, wokenUp},
		}, map[string]float64{"iris": 0}},
		"another target counts the replicas": {[]minuteByMinute{
			{"production", "mesh", gatewayPage, wokenUp}, {"production", "knative", autoscalerPage, wokenUp},
		}, map[string]float64{"iris": 6.0 / 30}},
		"in another environment": {[]minuteByMinute{
			{"production", "mesh", gatewayPage, wokenUp}, {"staging", "knative", autoscalerPage, wokenUp},
		}, map[string]float64{}},
		"replicas of a deployment": {[]minuteByMinute{
			{"production", "llm", enginePage, wokenUp}, {"production", "llm", kubernetesPage, wokenUp},
		}, map[string]float64{"llama": 6.0 / 30}},
		"of another deployment": {[]minuteByMinute{
			{"production", "chat", enginePage, wokenUp}, {"production", "llm", kubernetesPage, wokenUp},
		}, map[string]float64{}},
		"servers that answer are no count of replicas": {[]minuteByMinute{{"production", "llm", enginePage, "1/100 1/110 - - 1/116 1/130"}}, map[string]float64{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := scrapeMinutes(t, c.targets...).withoutReplica(nil, 0, "model")
			require.InDeltaMapValues(t, c.want, got, 0.01)
			require.Len(t, got, len(c.want))
		})
	}
}

// In the minutes in which nobody said how many replicas there are, 40 requests came: they count neither as cold nor as others.
func TestGapsInScrapingAreNotWithoutAReplica(t *testing.T) {
	t.Parallel()
	s := scrapeMinutes(t,
		minuteByMinute{"production", "mesh", gatewayPage, "1/100 1/110 1/110 0/110 1/120 1/140 1/160 1/160 1/160"},
		minuteByMinute{"production", "knative", autoscalerPage, "1/0 1/0 1/0 0/0 - - - 1/0 1/0"})
	require.InDelta(t, 10.0/20, s.withoutReplica(nil, 0, "model")["iris"], 0.01, "10 of the 20 that are known of")
}

func TestShareWithoutAReplicaIsOverSums(t *testing.T) {
	t.Parallel()
	page := func(model string) string { return strings.ReplaceAll(basetenPage, "iris", model) }
	s := scrapeMinutes(t,
		minuteByMinute{"production", "one", page("one"), wokenUp},
		minuteByMinute{"production", "two", page("two"), "1/1000 1/1050 1/1100 1/1100 1/1100 1/1100 1/1100 1/1170 1/1170"},
		minuteByMinute{"production", "three", page("three"), "0/100 1/101 1/102 1/102 1/102 1/102 1/102 1/102 1/102"})
	require.InDelta(t, 7.0/202, s.withoutReplica(nil, 0)[""], 0.005, "6 of 30, none of 170 and 1 of 2")
	require.InDelta(t, 6.0/30, s.withoutReplica(map[string][]string{"model": {"one"}}, 0)[""], 0.01)
	require.InDeltaMapValues(t, map[string]float64{"two": 0, "others": 7.0 / 32}, s.withoutReplica(nil, 1, "model"), 0.01)
}
