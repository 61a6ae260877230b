package grafana

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

const (
	// endTimeout is how long the plugin's process may take to end before it is killed.
	endTimeout = 5 * time.Second
	// restartTimeout bounds the wait for Grafana to start the plugin again, which it checks for each second.
	restartTimeout = time.Minute
	processPoll    = 100 * time.Millisecond
)

// RestartPlugin ends the processes of a plugin's program that this Grafana started and returns when Grafana has started the
// program again and the data source responds. It returns the process ids before and after.
func (s *Server) RestartPlugin(ctx context.Context, program, dataSourceUID string) (before, after []int, err error) {
	if before, err = s.pluginProcesses(program); err != nil {
		return nil, nil, err
	}
	for _, pid := range before {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
			return before, nil, fmt.Errorf("end the plugin's process %d: %w", pid, err)
		}
	}
	killAt := time.Now().Add(endTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, restartTimeout, fmt.Errorf("Grafana did not start the plugin again within %s: see %s", restartTimeout, s.process.LogPath()))
	defer cancel()
	err = s.process.Await(ctx, func(ctx context.Context) bool {
		after = nil
		running, err := s.pluginProcesses(program)
		if err != nil {
			return false
		}
		for _, pid := range running {
			if !slices.Contains(before, pid) {
				after = append(after, pid)
			} else if time.Now().After(killAt) {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may be gone
			}
		}
		return len(after) > 0 && len(after) == len(running) && s.responds(ctx, dataSourceUID)
	})
	return before, after, err
}

// pluginProcesses are the ids of the processes of a program that this Grafana started. In Docker the parent is in the container,
// so that all processes of the program count.
func (s *Server) pluginProcesses(program string) ([]int, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, p := range all {
		executable, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.PID))
		// A program that was built again since its start is marked as deleted.
		if err != nil || strings.TrimSuffix(executable, " (deleted)") != program {
			continue
		}
		stat, err := p.Stat()
		if err != nil || stat.State == "Z" || !s.inDocker && stat.PPID != s.process.PID() {
			continue
		}
		pids = append(pids, p.PID)
	}
	return pids, nil
}

// responds reports whether the plugin responds to a health check, whatever its result.
func (s *Server) responds(ctx context.Context, dataSourceUID string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/datasources/uid/"+dataSourceUID+"/health", nil)
	if err != nil {
		return false
	}
	request.SetBasicAuth(AdminUser, AdminPassword)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode < http.StatusInternalServerError
}

// ReloadDashboards reads the provisioned dashboards again.
func (s *Server) ReloadDashboards(ctx context.Context) error {
	var reply struct{ Message string }
	return s.call(ctx, http.MethodPost, "/api/admin/provisioning/dashboards/reload", nil, &reply)
}

// Stop ends Grafana, so that it can be started again.
func (s *Server) Stop(grace time.Duration) { s.process.Stop(grace) }
