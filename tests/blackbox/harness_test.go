// Package blackbox drives the built plugin binary as Grafana does: over the plugin protocol, without Grafana.
package blackbox

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// binary is the plugin, built once for all tests of the package.
var binary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "blackbox")
	if err != nil {
		panic(err)
	}
	if binary, err = driver.Build(filepath.Join("..", ".."), folder); err != nil {
		panic(err)
	}
	// The tests wait for scrapes more than they compute.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}
