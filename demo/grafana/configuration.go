package grafana

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Options say how a Grafana is started.
type Options struct {
	// Folder is for everything that Grafana and the plugin write.
	Folder string
	// Port is on the loopback interface.
	Port int
	// PluginID and PluginFolder are the built plugin's; DashboardFolder has the dashboards to provision.
	PluginID, PluginFolder, DashboardFolder string
	// HomeDashboard is the file of the dashboard that the home page shows.
	HomeDashboard string
	DataSource    DataSource
	// Development makes browsers fetch the plugin's files again at each load of a page.
	Development bool
	// LogLevel is Grafana's: "warn", "info", "debug".
	LogLevel string
}

// DataSource is a data source as Grafana provisions it.
type DataSource struct {
	Name      string         `json:"name"`
	UID       string         `json:"uid"`
	Type      string         `json:"type"`
	Access    string         `json:"access"`
	IsDefault bool           `json:"isDefault"`
	Editable  bool           `json:"editable"`
	JSONData  map[string]any `json:"jsonData"`
}

// The administrator's login. Grafana listens on the loopback interface alone.
const (
	AdminUser     = "admin"
	AdminPassword = "admin"
)

func (o Options) configurationPath() string  { return filepath.Join(o.Folder, "grafana.ini") }
func (o Options) dataFolder() string         { return filepath.Join(o.Folder, "data") }
func (o Options) logsFolder() string         { return filepath.Join(o.Folder, "logs") }
func (o Options) provisioningFolder() string { return filepath.Join(o.Folder, "provisioning") }

// pluginsFolder stays empty: the plugin is loaded from where it was built.
func (o Options) pluginsFolder() string { return filepath.Join(o.Folder, "plugins") }

// engineFolder is where the plugin keeps what it scrapes.
func (o Options) engineFolder() string { return filepath.Join(o.Folder, "engine") }

// discoveryFolder is where the plugin looks for files that name targets.
func (o Options) discoveryFolder() string { return filepath.Join(o.Folder, "discovery") }

// write writes Grafana's configuration and provisioning files.
func (o Options) write() error {
	for _, folder := range []string{o.dataFolder(), o.logsFolder(), o.pluginsFolder(), o.engineFolder(), o.discoveryFolder()} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(o.configurationPath(), []byte(o.ini()), 0o600); err != nil {
		return err
	}
	if err := os.RemoveAll(o.provisioningFolder()); err != nil {
		return err
	}
	// Grafana complains about the folders that are not there.
	for _, kind := range []string{"datasources", "dashboards", "plugins", "notifiers", "alerting", "access-control"} {
		if err := os.MkdirAll(filepath.Join(o.provisioningFolder(), kind), 0o755); err != nil {
			return err
		}
	}
	if err := o.provision("datasources", map[string]any{"apiVersion": 1, "datasources": []DataSource{o.DataSource}}); err != nil {
		return err
	}
	return o.provision("dashboards", map[string]any{"apiVersion": 1, "providers": []any{map[string]any{
		"name": "Model Serving", "type": "file", "folder": "Model Serving", "allowUiUpdates": true,
		"options": map[string]any{"path": o.DashboardFolder},
	}}})
}

// provision writes one provisioning file. Grafana reads YAML, which JSON is.
func (o Options) provision(kind string, content any) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.provisioningFolder(), kind, "demo.yaml"), text, 0o600)
}

// ini is Grafana's configuration: nothing is sent anywhere or looked up on the Internet.
func (o Options) ini() string {
	sections := []struct {
		name     string
		settings [][2]string
	}{
		{"", [][2]string{{"app_mode", o.mode()}}},
		{"paths", [][2]string{{"data", o.dataFolder()}, {"logs", o.logsFolder()}, {"plugins", o.pluginsFolder()}, {"provisioning", o.provisioningFolder()}}},
		{"server", [][2]string{{"http_addr", "127.0.0.1"}, {"http_port", strconv.Itoa(o.Port)}, {"root_url", o.url() + "/"}}},
		{"database", [][2]string{{"type", "sqlite3"}, {"wal", "true"}}},
		{"analytics", [][2]string{{"reporting_enabled", "false"}, {"check_for_updates", "false"}, {"check_for_plugin_updates", "false"}, {"feedback_links_enabled", "false"}}},
		{"security", [][2]string{{"admin_user", AdminUser}, {"admin_password", AdminPassword}, {"disable_gravatar", "true"}, {"angular_support_enabled", "false"}}},
		{"news", [][2]string{{"news_feed_enabled", "false"}}},
		{"snapshots", [][2]string{{"external_enabled", "false"}}},
		{"auth.anonymous", [][2]string{{"enabled", "true"}, {"org_role", "Viewer"}}},
		{"users", [][2]string{{"viewers_can_edit", "true"}}},
		{"explore", [][2]string{{"enabled", "true"}}},
		{"dashboards", [][2]string{{"min_refresh_interval", "5s"}, {"default_home_dashboard_path", o.HomeDashboard}}},
		{"log", [][2]string{{"mode", "console"}, {"level", o.LogLevel}}},
		{"plugins", [][2]string{{"allow_loading_unsigned_plugins", o.PluginID}, {"plugin_admin_enabled", "false"}, {"public_key_retrieval_disabled", "true"}, {"preinstall_disabled", "true"}}},
		{"plugin." + o.PluginID, [][2]string{{"path", o.PluginFolder}, {"data_path", o.engineFolder()}, {"discovery_path", o.discoveryFolder()}}},
	}
	var b strings.Builder
	for _, section := range sections {
		if section.name != "" {
			fmt.Fprintf(&b, "\n[%s]\n", section.name)
		}
		for _, setting := range section.settings {
			fmt.Fprintf(&b, "%s = %s\n", setting[0], setting[1])
		}
	}
	return b.String()
}

func (o Options) url() string { return fmt.Sprintf("http://127.0.0.1:%d", o.Port) }

// mode is Grafana's app_mode. In production, browsers keep the plugin's files for an hour.
func (o Options) mode() string {
	if o.Development {
		return "development"
	}
	return "production"
}
