// Package rulefile is the format of rule files, which Prometheus, Mimir, Thanos and vmalert share, and how queries' parameters set
// the options of who writes them.
package rulefile

import (
	"bytes"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// File is a rule file.
type File struct {
	Groups []Group `yaml:"groups"`
}

// Group is a list of rules that are evaluated one after the other, at the same time.
type Group struct {
	Name     string `yaml:"name"`
	Interval string `yaml:"interval"`
	Rules    []Rule `yaml:"rules"`
}

// Rule is a recording rule or an alert rule.
type Rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// MaxRules is how many rules Mimir allows in a group, unless its administrator allows more.
const MaxRules = 20

// MaxInterval is the longest interval between two evaluations: Prometheus drops a series five minutes after its last sample.
const MaxInterval = 4 * time.Minute

// Duration writes a duration as rule files have it.
func Duration(d time.Duration) string { return model.Duration(d).String() }

// Write writes a file, with a comment of whole lines in front.
func (f File) Write(header string) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(header)
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(f); err != nil {
		return nil, fmt.Errorf("write the rule file: %w", err)
	}
	return out.Bytes(), encoder.Close()
}
