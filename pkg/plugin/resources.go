package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/coldhit/modelserving-datasource/pkg/admission"
	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/query"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// routes are the resources that editors and variables ask for. None takes a URL or anything else that only who may edit
// the data source may set.
func (d *Datasource) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signals", d.listSignals)
	mux.HandleFunc("GET /profiles", d.listProfiles)
	mux.HandleFunc("GET /values", d.listValues)
	mux.HandleFunc("GET /targets", d.listTargets)
	mux.HandleFunc("GET /labels", d.listLabels)
	mux.HandleFunc("GET /rules", d.exportRules)
	mux.HandleFunc("GET /recording-rules", d.exportRecordingRules)
	return mux
}

type signalResponse struct {
	ID                string             `json:"id"`
	Name              string             `json:"name"`
	Group             signal.Group       `json:"group"`
	Unit              string             `json:"unit"`
	Description       string             `json:"description"`
	Statistics        []signal.Statistic `json:"statistics"`
	DefaultStatistics []signal.Statistic `json:"defaultStatistics"`
	GroupBy           []signal.Label     `json:"groupBy"`
}

func (d *Datasource) listSignals(w http.ResponseWriter, r *http.Request) {
	all := []signalResponse{}
	for _, s := range d.Catalogue {
		all = append(all, signalResponse{s.Name, s.Title, s.Group, s.GrafanaUnit(), s.Description, s.Statistics(), s.DefaultStatistics(), s.GroupBy})
	}
	d.respond(w, r, map[string]any{"signals": all})
}

type profileResponse struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	Port           int    `json:"port"`
	Path           string `json:"path"`
	ManagementPort int    `json:"managementPort"`
}

// listProfiles lists the profiles of servers that can be targets.
func (d *Datasource) listProfiles(w http.ResponseWriter, r *http.Request) {
	all := []profileResponse{}
	for _, p := range d.Profiles.Targets() {
		a := profileResponse{ID: p.ID, Name: p.Name, Port: p.Endpoint.Port, Path: p.Endpoint.Path}
		if p.Management != nil {
			a.ManagementPort = p.Management.Port
		}
		all = append(all, a)
	}
	d.respond(w, r, map[string]any{"profiles": all})
}

// listValues lists the values of a label over the series that tell what is served, for variables and editors.
func (d *Datasource) listValues(w http.ResponseWriter, r *http.Request) {
	parameters := r.URL.Query()
	label := signal.Label(parameters.Get("label"))
	if !slices.Contains(signal.Labels, label) {
		d.refuse(w, r, http.StatusBadRequest, fmt.Sprintf("there is no label %q to list; choose one of: %s", label, query.JoinLabels(signal.Labels)))
		return
	}
	filters, err := decodeFilters(parameters.Get("filters"))
	if err != nil {
		d.refuse(w, r, http.StatusBadRequest, err.Error())
		return
	}
	from, to, err := timeRange(parameters.Get("from"), parameters.Get("to"))
	if err != nil {
		d.refuse(w, r, http.StatusBadRequest, err.Error())
		return
	}
	values, err := d.LabelValues(r.Context(), label, filters, from, to)
	if err != nil {
		d.refuse(w, r, statusOfError(err), err.Error())
		return
	}
	truncated := len(values) > query.MaxLabelValues
	d.respond(w, r, map[string]any{"values": values[:min(len(values), query.MaxLabelValues)], "truncated": truncated})
}

// decodeFilters reads filters as JSON: an object of lists of values. No text means no filters.
func decodeFilters(text string) (map[signal.Label][]string, error) {
	given := map[string][]string{}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			return nil, fmt.Errorf("the filters cannot be read, expected an object of lists of values: %w", err)
		}
	}
	return signal.NewFilters(given)
}

// timeRange is a range in unix milliseconds; without one, the last six hours.
func timeRange(from, to string) (start, end time.Time, err error) {
	end = time.Now()
	if to != "" {
		ms, err := strconv.ParseInt(to, 10, 64)
		if err != nil {
			return start, end, fmt.Errorf("invalid to %q: expected milliseconds since 1970", to)
		}
		end = time.UnixMilli(ms)
	}
	start = end.Add(-6 * time.Hour)
	if from != "" {
		ms, err := strconv.ParseInt(from, 10, 64)
		if err != nil {
			return start, end, fmt.Errorf("invalid from %q: expected milliseconds since 1970", from)
		}
		start = time.UnixMilli(ms)
	}
	if !end.After(start) {
		return start, end, errors.New("the time range is empty: its end is not after its start")
	}
	return start, end, nil
}

type targetResponse struct {
	ID          string `json:"id"`
	URL         string `json:"url"`
	Environment string `json:"environment"`
	Deployment  string `json:"deployment"`
	Profile     string `json:"profile"`
	Up          bool   `json:"up"`
	LastScrape  string `json:"lastScrape"`
	Error       string `json:"error"`
	Management  string `json:"managementError"`
	Samples     int    `json:"samples"`
	Models      int    `json:"models"`
}

// listTargets says how scraping goes, to those who may edit the data source: addresses of servers are not for viewers.
func (d *Datasource) listTargets(w http.ResponseWriter, r *http.Request) {
	user := backend.PluginConfigFromContext(r.Context()).User
	if user == nil || (user.Role != "Admin" && user.Role != "Editor") {
		d.refuse(w, r, http.StatusForbidden, "only editors and administrators can list targets")
		return
	}
	targets, err := d.targets(r.Context())
	if err != nil {
		d.refuse(w, r, statusOfError(err), err.Error())
		return
	}
	models, err := d.modelsServed(r.Context())
	if err != nil {
		d.refuse(w, r, statusOfError(err), err.Error())
		return
	}
	all := []targetResponse{}
	for _, t := range targets {
		a := describeTarget(t)
		a.Models = models.countOf(t, d.Profiles.Find(t.Profile))
		all = append(all, a)
	}
	d.respond(w, r, map[string]any{"targets": all})
}

func describeTarget(t engine.TargetStatus) targetResponse {
	a := targetResponse{
		ID: t.ID, URL: t.URL, Environment: t.Labels["environment"], Deployment: t.Labels["deployment"], Profile: t.Profile,
		Up: t.Up, Error: t.LastError, Management: t.ManagementError, Samples: t.Samples,
	}
	if !t.LastScrape.IsZero() {
		a.LastScrape = t.LastScrape.UTC().Format(time.RFC3339)
	}
	return a
}

func (d *Datasource) respond(w http.ResponseWriter, r *http.Request, body any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		d.logger.FromContext(r.Context()).Debug("Failed to write a response", "error", err)
	}
}

func (d *Datasource) refuse(w http.ResponseWriter, r *http.Request, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(map[string]string{"message": message}); err != nil {
		d.logger.FromContext(r.Context()).Debug("Failed to write a response", "error", err)
	}
}

// statusOfError is the HTTP status of a failed resource: a limit of the plugin is no fault of its own.
func statusOfError(err error) int {
	var limit *admission.LimitError
	switch {
	case errors.As(err, &limit) && limit.Busy():
		return http.StatusTooManyRequests
	case errors.As(err, &limit):
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}
