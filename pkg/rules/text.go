package rules

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Runbook is where docs/alerts.md is read.
const Runbook = "https://github.com/coldhit/modelserving-datasource/blob/main/docs/alerts.md"

func durationText(d time.Duration) string { return model.Duration(d).String() }

func numberText(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func shareText(v float64) string { return strconv.FormatFloat(100*v, 'g', 6, 64) + " %" }

// placeholder is {place}, a label such as {model}, or {ref:form}.
var placeholder = regexp.MustCompile(`\{([a-z_]+)(?::([a-z]+))?\}`)

// forms write a number in a template, the Value of its dot. Both Grafana and Prometheus have these functions.
var forms = map[string]string{
	"duration": "{{ humanizeDuration .Value }}",
	"share":    "{{ humanizePercentage .Value }}",
	"times":    `{{ printf "%.1f" .Value }}`,
	"number":   `{{ printf "%.0f" .Value }}`,
	"plain":    `{{ printf "%g" .Value }}`,
}

// fill writes a text with its placeholders as a template. With gives a form the number of a ref.
func (Rule) fill(text string, with func(ref, form string) string) string {
	filled := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		parts := placeholder.FindStringSubmatch(found)
		switch {
		case parts[2] != "":
			return with(parts[1], forms[parts[2]])
		case parts[1] == "place":
			return place
		}
		return "{{ .Labels." + parts[1] + " }}"
	})
	return strings.ToUpper(filled[:1]) + filled[1:]
}

// place is the environment and the deployment of an alert, such as production/demo, as a template over its labels.
const place = "{{ with .Labels.environment }}{{ . }}/{{ end }}{{ .Labels.deployment }}"
