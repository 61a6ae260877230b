//go:build modelservers || torchserve

package modelservers

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/supervise"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

var (
	// binary is the plugin, built once for all tests of the package.
	binary string
	// scratch is the folder of all that the tests write. Its name is short, because Ray puts sockets into it, whose paths are
	// bounded.
	scratch string
	// running are the servers that run now.
	running supervise.Group
)

// Servers end in order within stopGrace; where the test itself is told to end, whoever told it waits for less.
const (
	stopGrace        = 15 * time.Second
	interruptedGrace = time.Second
)

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	signals, stopSignals := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stopSignals()
	family, release := supervise.WithParent(context.Background())
	defer release()
	var err error
	if scratch, err = os.MkdirTemp("", "live-"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(scratch)
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		select {
		case <-finished:
			return
		case <-signals.Done():
		case <-family.Done():
		}
		running.Stop(interruptedGrace)
		_ = os.RemoveAll(scratch)
		fmt.Fprintln(os.Stderr, "interrupted; the servers were stopped")
		os.Exit(1)
	}()
	if binary, err = driver.Build(filepath.Join("..", ".."), scratch); err != nil {
		return 1, err
	}
	return m.Run(), nil
}
