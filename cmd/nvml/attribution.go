//go:build linux && cgo

package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/coldhit/modelserving-datasource/pkg/attribution"
)

// attributor assigns processes by the rules of the file, which come before the built-in ones.
func (c *config) attributor(log *slog.Logger) (*attribution.Attributor, error) {
	pods := &podNames{folder: c.podLogs, log: log}
	settings := attribution.Settings{Procfs: c.procfs, Window: c.window, PodName: pods.lookup, Addresses: networks{c.procfs}.addressesOf}
	if c.rules != "" {
		text, err := os.ReadFile(c.rules)
		if err != nil {
			return nil, fmt.Errorf("rules: %w", err)
		}
		if settings.Rules, err = attribution.ParseRules(text); err != nil {
			return nil, fmt.Errorf("rules: %s: %w", c.rules, err)
		}
	}
	return attribution.New(settings)
}
