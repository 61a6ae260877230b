package stack

import (
	"time"

	"github.com/coldhit/modelserving-datasource/demo/grafana"
)

const (
	pluginID       = "coldhit-modelserving-datasource"
	dataSourceName = "Model Serving"
	// DataSourceUID is that of the provisioned data source.
	DataSourceUID = "modelserving-demo"
	// Environment is that of all targets.
	Environment = "production"
	// Deployment is that of the models which are always in memory.
	Deployment = "demo"
	// TailDeployment is that of the models behind the router.
	TailDeployment = "long-tail"
	// scrapeInterval makes panels fill within seconds.
	scrapeInterval = 5 * time.Second
)

// target is one of the data source's, as its settings have it.
type target struct {
	ID            string `json:"id"`
	URL           string `json:"url"`
	ManagementURL string `json:"managementUrl,omitempty"`
	Environment   string `json:"environment"`
	Deployment    string `json:"deployment"`
}

// override is an objective of the models that its patterns fit.
type override struct {
	Deployment    string `json:"deployment,omitempty"`
	Model         string `json:"model,omitempty"`
	P95           string `json:"p95,omitempty"`
	CacheHitRatio string `json:"cacheHitRatio,omitempty"`
}

// overrides hold each model to what it can do when all is well, so that what misses its objective is what went wrong: the
// failures of churn-forecast, the loads of what does not fit into memory. Of overrides that fit a model, the first counts.
var overrides = []override{
	{Deployment: Deployment, Model: "translation", P95: "600ms"},
	{Deployment: Deployment, Model: "speech-to-text", P95: "1s"},
	{Deployment: Deployment, Model: "summarizer", P95: "2s"},
	// Requests are too rare for these to stay in memory.
	{Deployment: TailDeployment, Model: "demand-ch", CacheHitRatio: "none"},
	{Deployment: TailDeployment, Model: "demand-at", CacheHitRatio: "none"},
	{Deployment: TailDeployment, Model: "demand-pt", CacheHitRatio: "none"},
	{Deployment: TailDeployment, Model: "demand-ie", CacheHitRatio: "none"},
	// A load is to be waited for, but not a queue of them.
	{Deployment: TailDeployment, P95: "5s"},
}

// dataSource watches the stack's own servers with the embedded engine.
func (s *Stack) dataSource() grafana.DataSource {
	return grafana.DataSource{
		Name: dataSourceName, UID: DataSourceUID, Type: pluginID, Access: "proxy", IsDefault: true, Editable: true,
		JSONData: map[string]any{
			"mode": "embedded", "interval": scrapeInterval.String(), "scrapeTimeout": scrapeInterval.String(), "retentionTime": "2d", "retentionSize": "1GB",
			"targets": []target{
				{ID: "demo", URL: s.MetricsURL, ManagementURL: s.TritonURL, Environment: Environment, Deployment: Deployment},
				{ID: "long-tail", URL: s.tail.MetricsURL, ManagementURL: s.tail.TritonURL, Environment: Environment, Deployment: TailDeployment},
				{ID: "recorder", URL: s.tail.RecorderMetricsURL, Environment: Environment, Deployment: TailDeployment},
				{ID: "training", URL: s.trainingURL, Environment: Environment, Deployment: TailDeployment},
				{ID: "gpus", URL: s.gpus.Metrics, Environment: Environment, Deployment: Deployment},
			},
			"profiles":   []map[string]string{{"name": "training.yaml", "text": trainingProfile}},
			"objectives": map[string]any{"overrides": overrides},
		},
	}
}
