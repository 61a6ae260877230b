package grafana

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// webEnvironment keeps yarn from downloading browsers, and lets it write the lock file, which changes with xlsx.
var webEnvironment = []string{
	"CYPRESS_INSTALL_BINARY=0", "PUPPETEER_SKIP_DOWNLOAD=1", "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1", "HUSKY=0",
	"YARN_NODE_LINKER=node-modules", "YARN_ENABLE_IMMUTABLE_INSTALLS=false", "YARN_ENABLE_TELEMETRY=0",
}

// A module archive leaves out folders that are called vendor. These hold scripts of Angular panels, which are off.
var vendoredScripts = []string{
	"flot/jquery.flot", "flot/jquery.flot.selection", "flot/jquery.flot.time", "flot/jquery.flot.stack",
	"flot/jquery.flot.stackpercent", "flot/jquery.flot.fillbelow", "flot/jquery.flot.crosshair",
	"flot/jquery.flot.dashes", "flot/jquery.flot.gauge", "bootstrap/bootstrap", "tagsinput/bootstrap-tagsinput",
}

// yarn runs the yarn that comes with the source.
func (b *builder) yarn(ctx context.Context, name string, env []string, args ...string) error {
	releases, err := filepath.Glob(filepath.Join(b.source, ".yarn", "releases", "yarn-*.cjs"))
	if err != nil {
		return err
	}
	if len(releases) != 1 {
		return fmt.Errorf("%d yarn releases in the source of Grafana instead of one", len(releases))
	}
	_, err = b.run(ctx, name, append(append([]string{}, webEnvironment...), env...), "node", append(releases, args...)...)
	return err
}

func (b *builder) installDependencies(ctx context.Context) error {
	if err := b.replace("package.json", `"xlsx": "https://[^"]*"`, `"xlsx": "`+xlsxVersion+`"`); err != nil {
		return err
	}
	for _, script := range vendoredScripts {
		path := filepath.Join(b.source, "public", "vendor", script+".js")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte("// not in the module archive\n"), 0o644); err != nil {
			return err
		}
	}
	return b.yarn(ctx, "dependencies", nil, "install", "--mode=skip-build")
}

func (b *builder) generateThemes(ctx context.Context) error {
	return b.yarn(ctx, "themes", []string{"NODE_ENV=production"}, "run", "themes:generate")
}

func (b *builder) bundle(ctx context.Context) error {
	if err := b.replace("scripts/webpack/webpack.common.js", `symlinks: false`, `symlinks: true`); err != nil {
		return err
	}
	if err := b.replace("scripts/webpack/webpack.prod.js", `devtool: 'source-map'`, `devtool: false`); err != nil {
		return err
	}
	return b.yarn(ctx, "bundle", []string{"NODE_ENV=production", "NODE_OPTIONS=--max-old-space-size=6144"},
		"webpack", "--config", "scripts/webpack/webpack.prod.js", "--env", "noMinify=1")
}

// replace changes a file of the source; finding nothing to change means that the recipe no longer fits.
func (b *builder) replace(file, pattern, replacement string) error {
	path := filepath.Join(b.source, filepath.FromSlash(file))
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed := regexp.MustCompile(pattern).ReplaceAllString(string(content), strings.ReplaceAll(replacement, "$", "$$"))
	if changed == string(content) {
		return fmt.Errorf("%s of Grafana's source has no match of %s: adapt the build to this version", file, pattern)
	}
	return os.WriteFile(path, []byte(changed), 0o644)
}
