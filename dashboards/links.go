package dashboards

import (
	"fmt"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// order lists the dashboards in the order in which one looks: what is wrong, where, why.
var order = []struct{ uid, title, tooltip string }{
	{FleetUID, "Fleet", "Every model in one table, worst first"},
	{ModelUID, "Model", "Everything about one model"},
	{MetricsUID, "Metrics", "Traffic, latency, sizes, replicas, concurrency, CPU and GPU of the selected models"},
	{AutoscalingUID, "Autoscaling", "Replicas and demand"},
	{GPUUID, "GPU", "GPUs and each model's share"},
}

// linksFrom are the buttons to the other dashboards. They keep the time range and what is selected.
func linksFrom(uid string) []link {
	var out []link
	for _, o := range order {
		if o.uid == uid {
			continue
		}
		l := link{Icon: "dashboard", KeepTime: true, IncludeVars: true, Tags: []string{}, Title: o.title, Tooltip: o.tooltip, Type: "link", URL: "/d/" + o.uid}
		if o.uid == ModelUID {
			// Many models, or all of them, are no choice there; series and rows lead to their own model.
			l.IncludeVars = false
			l.URL += "?" + kept(dataSourceVariable, string(signal.Environment), string(signal.Deployment))
		}
		out = append(out, l)
	}
	return out
}

// kept are parameters that keep variables as they are.
func kept(variables ...string) string {
	parameters := make([]string, len(variables))
	for i, v := range variables {
		parameters[i] = "${" + v + ":queryparam}"
	}
	return strings.Join(parameters, "&")
}

// seriesToModel leads from a series to the dashboard of its model, rowToModel from a row of the table of models.
func seriesToModel() []dataLink {
	return toModel(kept(dataSourceVariable, string(signal.Environment)), "__field.labels", byModel...)
}

func rowToModel() []dataLink {
	return toModel(kept(dataSourceVariable), "__data.fields", signal.Environment, signal.Deployment, signal.Model)
}

// rowToDeployment leads from a row about a deployment to its metrics.
func rowToDeployment() []dataLink {
	url := fmt.Sprintf("/d/%s?${__url_time_range}&%s", MetricsUID, kept(dataSourceVariable))
	for _, l := range []signal.Label{signal.Environment, signal.Deployment} {
		url += fmt.Sprintf("&var-%s=${__data.fields.%s}", l, l)
	}
	return []dataLink{{Title: "Metrics of this deployment", URL: url}}
}

// toModel keeps some variables and takes others from where a series or a row has labels.
func toModel(kept, at string, labels ...signal.Label) []dataLink {
	url := fmt.Sprintf("/d/%s?${__url_time_range}&%s", ModelUID, kept)
	for _, l := range labels {
		url += fmt.Sprintf("&var-%s=${%s.%s}", l, at, l)
	}
	return []dataLink{{Title: "Show this model", URL: url}}
}
