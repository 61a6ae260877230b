package attribution

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

// maxRules bounds a file of rules; every process that is new is held against all of them.
const maxRules = 500

//go:embed rules.yaml
var defaultRules []byte

// Rule says which processes it is about and what they run: a model that the process itself names, or several that the
// server's metrics page tells of.
type Rule struct {
	// Server is the kind of server, by the names of the plugin's profiles; empty if the rule is for any.
	Server string `yaml:"server"`
	Match  Match  `yaml:"match"`
	// Model and Version are asked in order until one has a value.
	Model   []Source `yaml:"model"`
	Version []Source `yaml:"version"`
	Metrics *Metrics `yaml:"metrics"`
}

// Match holds if all of its conditions that are set hold. Named groups of the expressions are values for Source.Group.
type Match struct {
	// CommandLine is searched in the arguments, joined by spaces.
	CommandLine *Expression `yaml:"command_line"`
	// Environment is searched in variables, by their names.
	Environment map[string]*Expression `yaml:"environment"`
	// CGroup is searched in each path of the process's control groups.
	CGroup *Expression `yaml:"cgroup"`
	// Port is one on which the process listens.
	Port uint16 `yaml:"port"`
}

// Source is where a value is found. One of the first five is set.
type Source struct {
	// Flag is an argument's name; its value follows it, or stands after an equals sign. Underscores and dashes are the same.
	Flag string `yaml:"flag"`
	// ArgumentAfter is the first argument behind this one that is no flag.
	ArgumentAfter string `yaml:"argument_after"`
	Environment   string `yaml:"environment"`
	// Group is a named group of the match's expressions.
	Group string `yaml:"group"`
	Text  string `yaml:"text"`
	// Pattern takes a part of the value: its first group.
	Pattern *Expression `yaml:"pattern"`
}

// Metrics is the server's metrics page and what it tells of the models in the server's processes.
type Metrics struct {
	Port []Source `yaml:"port"`
	// Address is the host part; without one that is not a wildcard, it is where the process's network can be reached.
	Address []Source `yaml:"address"`
	// Path is /metrics unless it is set.
	Path string `yaml:"path"`
	// Compute is a counter of the time computed for each model, in any unit.
	Compute string `yaml:"compute"`
	// Memory is a gauge of the GPU memory of each model, in bytes, where the server knows it.
	Memory       string `yaml:"memory"`
	ModelLabel   string `yaml:"model_label"`
	VersionLabel string `yaml:"version_label"`
	// Except leaves models out.
	Except *Expression `yaml:"except"`
	// Ensembles is where the server tells which models are ensembles, which are left out: they pass on to others.
	Ensembles *Ensembles `yaml:"ensembles"`
	// Worker is this process's name in Workers.
	Worker  []Source `yaml:"worker"`
	Workers *Workers `yaml:"workers"`
}

// Workers is a metric that names, for each worker process, the model that it has.
type Workers struct {
	Metric string `yaml:"metric"`
	Label  string `yaml:"label"`
	// Pattern has the groups worker and model, and version if the server tells it.
	Pattern *Expression `yaml:"pattern"`
}

// Expression is a regular expression in a file of rules.
type Expression struct{ *regexp.Regexp }

// UnmarshalYAML compiles the expression.
func (e *Expression) UnmarshalYAML(node *yaml.Node) error {
	compiled, err := regexp.Compile(node.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	e.Regexp = compiled
	return nil
}

// DefaultRules are those for the servers that are known.
func DefaultRules() ([]Rule, error) { return parse(defaultRules) }

// ParseRules reads a file of rules, which come before the default ones. The file says defaults: false to do without those.
func ParseRules(text []byte) ([]Rule, error) {
	own, err := parse(text)
	if err != nil {
		return nil, err
	}
	var options struct {
		Defaults *bool `yaml:"defaults"`
	}
	if err := yaml.Unmarshal(text, &options); err != nil {
		return nil, err
	}
	if options.Defaults != nil && !*options.Defaults {
		return own, nil
	}
	known, err := DefaultRules()
	if err != nil {
		return nil, err
	}
	return append(own, known...), nil
}

func parse(text []byte) ([]Rule, error) {
	var file struct {
		Defaults *bool  `yaml:"defaults"`
		Rules    []Rule `yaml:"rules"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("invalid rules: %w", err)
	}
	if len(file.Rules) > maxRules {
		return nil, fmt.Errorf("too many rules (%d): use at most %d", len(file.Rules), maxRules)
	}
	for i, rule := range file.Rules {
		if err := rule.check(); err != nil {
			return nil, fmt.Errorf("rule %d (server %q): %w", i+1, rule.Server, err)
		}
	}
	return file.Rules, nil
}

func (r Rule) check() error {
	if r.Match.CommandLine == nil && len(r.Match.Environment) == 0 && r.Match.CGroup == nil && r.Match.Port == 0 {
		return errors.New("match has no condition: set command_line, environment, cgroup or port")
	}
	for name, e := range r.Match.Environment {
		if e == nil {
			return fmt.Errorf("match: the environment variable %s has no expression: set one, such as '.+'", name)
		}
	}
	if (len(r.Model) == 0) == (r.Metrics == nil) {
		return errors.New("set either model (named by the process) or metrics (named by the metrics page)")
	}
	if len(r.Version) > 0 && r.Metrics != nil {
		return errors.New("version requires model: with metrics, set version_label")
	}
	groups := r.Match.groups()
	for _, s := range slices.Concat(r.Model, r.Version) {
		if err := s.check(groups); err != nil {
			return err
		}
	}
	if r.Metrics == nil {
		return nil
	}
	return r.Metrics.check(groups)
}

func (m Match) expressions() []*Expression {
	all := []*Expression{m.CommandLine, m.CGroup}
	for _, e := range m.Environment {
		all = append(all, e)
	}
	return slices.DeleteFunc(all, func(e *Expression) bool { return e == nil })
}

func (m Match) groups() []string {
	var names []string
	for _, e := range m.expressions() {
		names = append(names, e.SubexpNames()...)
	}
	return names
}

func (s Source) check(groups []string) error {
	set := 0
	for _, value := range []string{s.Flag, s.ArgumentAfter, s.Environment, s.Group, s.Text} {
		if value != "" {
			set++
		}
	}
	if set != 1 {
		return errors.New("each source of a value needs exactly one of flag, argument_after, environment, group and text")
	}
	if s.Group != "" && !slices.Contains(groups, s.Group) {
		return fmt.Errorf("no expression of match has the group (?P<%s>…)", s.Group)
	}
	if s.Pattern != nil && s.Pattern.NumSubexp() < 1 {
		return fmt.Errorf("pattern %q has no group: put (…) around the value", s.Pattern)
	}
	return nil
}

func (m *Metrics) check(groups []string) error {
	for _, s := range slices.Concat(m.Port, m.Address, m.Worker) {
		if err := s.check(groups); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	if len(m.Port) == 0 {
		return errors.New("metrics: port is not set")
	}
	if (m.Compute == "") == (m.Workers == nil) {
		return errors.New("metrics: set either compute (a counter for each model) or workers (a metric that names each worker's model)")
	}
	if err := m.Ensembles.check(groups); err != nil {
		return err
	}
	if m.Compute != "" {
		if m.ModelLabel == "" {
			return errors.New("metrics: model_label is not set")
		}
		return nil
	}
	if len(m.Worker) == 0 || m.Workers.Metric == "" || m.Workers.Label == "" || m.Workers.Pattern == nil {
		return errors.New("metrics: workers needs worker, metric, label and pattern")
	}
	for _, group := range []string{"worker", "model"} {
		if m.Workers.Pattern.SubexpIndex(group) < 0 {
			return fmt.Errorf("metrics: the pattern of workers has no group (?P<%s>…)", group)
		}
	}
	return nil
}

func (e *Ensembles) check(groups []string) error {
	if e == nil {
		return nil
	}
	if len(e.Port) == 0 {
		return errors.New("metrics: ensembles: port is not set")
	}
	for _, s := range slices.Concat(e.Port, e.Address) {
		if err := s.check(groups); err != nil {
			return fmt.Errorf("metrics: ensembles: %w", err)
		}
	}
	return nil
}
