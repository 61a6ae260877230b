package grafana

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/supervise"
)

// Server is a running Grafana.
type Server struct {
	// URL has no trailing slash.
	URL     string
	process *supervise.Process
	// inDocker is true where the process is the client of a container.
	inDocker bool
}

// startTimeout bounds the start, in which an empty database is migrated.
const startTimeout = 3 * time.Minute

// Start starts Grafana with the plugin, the data source and the dashboards, and returns when it answers.
func (g *Grafana) Start(ctx context.Context, group *supervise.Group, options Options) (*Server, error) {
	if err := options.write(); err != nil {
		return nil, fmt.Errorf("configure Grafana: %w", err)
	}
	process, err := group.Start(g.spec(options))
	if err != nil {
		return nil, err
	}
	server := &Server{URL: options.url(), process: process, inDocker: g.Docker != ""}
	return server, server.waitHealthy(ctx)
}

func (g *Grafana) spec(options Options) supervise.Spec {
	spec := supervise.Spec{Name: "grafana", Dir: options.Folder, LogPath: filepath.Join(options.Folder, "grafana.log")}
	if g.Docker == "" {
		spec.Path = g.Binary
		spec.Args = []string{"server", "--homepath", g.Home, "--config", options.configurationPath()}
		spec.Env = environmentWithoutGrafanaSettings()
		return spec
	}
	name := fmt.Sprintf("modelserving-demo-%d", options.Port)
	spec.Path = g.Docker
	spec.Args = g.dockerArguments(options, name)
	spec.Cleanup = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = exec.CommandContext(ctx, g.Docker, "rm", "--force", name).Run() // it is gone already unless the client was killed
	}
	return spec
}

// dockerArguments run the image on the host's network, because the model server is reached on the loopback interface,
// and with all folders where they are on the host, so that the same configuration holds.
func (g *Grafana) dockerArguments(options Options, name string) []string {
	args := []string{"run", "--rm", "--name", name, "--network", "host", "--user", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())}
	for _, mount := range []string{options.Folder, options.PluginFolder + ":ro", options.DashboardFolder + ":ro"} {
		path := strings.TrimSuffix(mount, ":ro")
		args = append(args, "--volume", path+":"+mount)
	}
	for _, setting := range []string{
		"GF_PATHS_CONFIG=" + options.configurationPath(), "GF_PATHS_DATA=" + options.dataFolder(), "GF_PATHS_LOGS=" + options.logsFolder(),
		"GF_PATHS_PLUGINS=" + options.pluginsFolder(), "GF_PATHS_PROVISIONING=" + options.provisioningFolder(),
	} {
		args = append(args, "--env", setting)
	}
	return append(args, g.Image)
}

// environmentWithoutGrafanaSettings keeps a GF_ variable of the user's from changing the demo.
func environmentWithoutGrafanaSettings() []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "GF_") {
			env = append(env, variable)
		}
	}
	return env
}

func (s *Server) waitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("Grafana did not respond within %s", startTimeout))
	defer cancel()
	return s.process.Await(ctx, func(ctx context.Context) bool {
		var health struct{ Database string }
		// Errors while it starts are part of the start.
		return s.call(ctx, http.MethodGet, "/api/health", nil, &health) == nil && health.Database == "ok"
	})
}

// answerLimit bounds what is read of an answer.
const answerLimit = 64 << 20

// call sends a request as the administrator and decodes the answer.
func (s *Server) call(ctx context.Context, method, path string, body, into any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.URL+path, content)
	if err != nil {
		return err
	}
	request.SetBasicAuth(AdminUser, AdminPassword)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(answer))
	}
	return json.Unmarshal(answer, into)
}

// WaitForData returns once a query for a signal through the plugin answers with values that are younger than this call.
func (s *Server) WaitForData(ctx context.Context, dataSourceUID, signal string, timeout time.Duration) error {
	last := errors.New("no query succeeded")
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := s.process.Await(ctx, func(ctx context.Context) bool {
		has, err := s.hasData(ctx, dataSourceUID, signal, begin)
		if err == nil {
			err = errors.New("the responses have no values")
		}
		last = err
		return has
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the plugin returned no values of the signal %q within %s: %w", signal, timeout, last)
	}
	return err
}

func (s *Server) hasData(ctx context.Context, dataSourceUID, signal string, since time.Time) (bool, error) {
	now := time.Now()
	if now.Sub(since) < time.Second {
		return false, nil // a range needs some length
	}
	query := map[string]any{
		"from": strconv.FormatInt(since.UnixMilli(), 10), "to": strconv.FormatInt(now.UnixMilli(), 10),
		"queries": []any{map[string]any{
			"refId": "A", "queryType": "signal", "signal": signal, "datasource": map[string]any{"uid": dataSourceUID},
			"intervalMs": 5000, "maxDataPoints": 60,
		}},
	}
	var answer struct {
		Results map[string]struct {
			Frames []struct {
				Data struct{ Values [][]any }
			}
		}
	}
	if err := s.call(ctx, http.MethodPost, "/api/ds/query", query, &answer); err != nil {
		return false, err
	}
	for _, frame := range answer.Results["A"].Frames {
		if len(frame.Data.Values) < 2 {
			continue
		}
		for _, value := range frame.Data.Values[1] {
			if value != nil {
				return true, nil
			}
		}
	}
	return false, nil
}

// DashboardURL is the address of the provisioned dashboard with this uid.
func (s *Server) DashboardURL(ctx context.Context, uid string) (string, error) {
	var dashboard struct{ Meta struct{ URL string } }
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, fmt.Errorf("the dashboard %q was not provisioned within a minute", uid))
	defer cancel()
	err := s.process.Await(ctx, func(ctx context.Context) bool {
		// Dashboards are provisioned shortly after Grafana answers.
		return s.call(ctx, http.MethodGet, "/api/dashboards/uid/"+uid, nil, &dashboard) == nil
	})
	return s.URL + dashboard.Meta.URL, err
}
