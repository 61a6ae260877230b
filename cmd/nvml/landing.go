//go:build linux && cgo

package main

import (
	"fmt"
	"html"
	"net/http"
	"strings"

	"github.com/prometheus/exporter-toolkit/web"

	"github.com/coldhit/modelserving-datasource/pkg/nvml"
)

// landingPage shows the current status.
func landingPage(w http.ResponseWriter, r *http.Request, status nvml.Status) {
	page, err := web.NewLandingPage(web.LandingConfig{
		Name:        "Model Serving NVML endpoint",
		Description: "GPU readings by device, process, container, pod and model",
		ExtraHTML:   statusHTML(status),
		Profiling:   "false",
		Links: []web.LandingLinks{
			{Address: "/metrics", Text: "Metrics"},
			{Address: "/-/health", Text: "Health", Description: "the same as JSON, with status 503 if no GPU can be read"},
		},
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	page.ServeHTTP(w, r)
}

func statusHTML(status nvml.Status) string {
	var page strings.Builder
	fmt.Fprintf(&page, "<h2>State: %s</h2>", html.EscapeString(status.State))
	if status.Problem != "" {
		fmt.Fprintf(&page, "<p>%s</p>", html.EscapeString(status.Problem))
	}
	if status.DriverVersion != "" {
		fmt.Fprintf(&page, "<p>Driver %s, NVML %s, CUDA %s</p>", html.EscapeString(status.DriverVersion), html.EscapeString(status.NVMLVersion), html.EscapeString(status.CUDAVersion))
	}
	page.WriteString("<ul>")
	for i := range status.GPUs {
		page.WriteString("<li>" + gpuHTML(&status.GPUs[i]) + "</li>")
	}
	page.WriteString("</ul>")
	listHTML(&page, "Unsupported NVML calls", status.Unsupported)
	listHTML(&page, "Attribution errors", status.AttributionErrors)
	return page.String()
}

func gpuHTML(g *nvml.GPUStatus) string {
	line := fmt.Sprintf("GPU %s: %s, %s", g.GPU, g.Name, g.UUID)
	if g.MIG {
		line += fmt.Sprintf(", MIG with %d devices", len(g.MIGDevices))
	}
	if !g.Available {
		line += ": " + g.Problem
	}
	return html.EscapeString(line)
}

func listHTML(page *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(page, "<h3>%s</h3><ul>", title)
	for _, line := range lines {
		page.WriteString("<li>" + html.EscapeString(line) + "</li>")
	}
	page.WriteString("</ul>")
}
