package attribution

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

const (
	// maxParents is how many parents are asked for what a process runs.
	maxParents = 8
	// maxNameBytes bounds the names of models, which become labels.
	maxNameBytes = 256
)

// claim is what is known of a process: its model, or the page on which its server tells of its models.
type claim struct {
	server, model, version string
	// rule and address name the page; rule is nil if there is none. worker is the process's name there.
	rule    *Metrics
	address string
	worker  string
	// models is where the server is asked how its models are configured; empty if the rule does not say.
	models string
	// sees is how CUDA numbers the server's GPUs.
	sees visible
	// owner is the number of the process that the rule fits: this one or a parent.
	owner   int
	problem *ProcessError
}

// claimOf holds a process, and then its parents in the same container, against the rules.
func (a *Attributor) claimOf(p *process) claim {
	first := a.directClaim(p)
	if first.model != "" || first.rule != nil {
		return first
	}
	server := first.server
	for at, depth := p, 0; depth < maxParents && at.parent > 1; depth++ {
		parent, err := a.read(at.parent)
		if err != nil || parent.place.container != p.place.container {
			break
		}
		found := a.directClaim(parent)
		if found.model != "" || found.rule != nil {
			return found
		}
		if server == "" {
			server = found.server
		}
		at = parent
	}
	first.server = server
	return first
}

// directClaim holds the process alone against the rules.
func (a *Attributor) directClaim(p *process) claim {
	out := claim{owner: p.PID}
	for i := range a.settings.Rules {
		rule := &a.settings.Rules[i]
		groups, fits := rule.Match.fits(p, &out)
		if !fits {
			continue
		}
		found := claim{server: rule.Server, owner: p.PID}
		if rule.Metrics != nil {
			a.addPage(&found, rule.Metrics, p, groups)
			return found
		}
		if found.model = firstOf(rule.Model, p, groups); found.model != "" {
			found.version = firstOf(rule.Version, p, groups)
			return found
		}
		if out.server == "" {
			out.server = rule.Server
		}
	}
	if p.environmentErr != nil {
		out.problem = unreadable("The environment of a process whose command line names no model", p.environmentErr)
	}
	return out
}

// addPage finds the address of the server's metrics page.
func (a *Attributor) addPage(c *claim, m *Metrics, p *process, groups map[string]string) {
	c.rule = m
	page, err := a.serverURL(p, m.Port, m.Address, groups)
	if err != nil {
		c.problem = &ProcessError{Kind: ServerMetrics, cause: err, Sentence: "Metrics page of a server cannot be read: " + withoutPath(err) + "."}
		return
	}
	c.worker = firstOf(m.Worker, p, groups)
	if m.Ensembles != nil {
		c.sees = visibleTo(p)
		models, err := a.serverURL(p, m.Ensembles.Port, m.Ensembles.Address, groups)
		if err != nil {
			c.problem = configurationsError(err)
		} else {
			c.models = models.String()
		}
	}
	page.Path = m.Path
	if page.Path == "" {
		page.Path = "/metrics"
	}
	c.address = page.String()
}

var errNoPort = errors.New("invalid port: set a number from 1 to 65535")

// serverURL is where a server is asked that the process is, without a path.
func (a *Attributor) serverURL(p *process, ports, addresses []Source, groups map[string]string) (*url.URL, error) {
	port, err := strconv.ParseUint(firstOf(ports, p, groups), 10, 16)
	if err != nil || port == 0 {
		return nil, errNoPort
	}
	host, err := a.hostOf(p, firstOf(addresses, p, groups), uint16(port))
	if err != nil {
		return nil, err
	}
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.FormatUint(port, 10))}, nil
}

func configurationsError(cause error) *ProcessError {
	return &ProcessError{Kind: ServerMetrics, cause: cause, Sentence: "Model configurations of a server are unavailable, so ensembles take a share of their steps " +
		"and each GPU is divided evenly: " + sentence(cause)}
}

// fits answers also the named groups of the expressions. A file that cannot be read becomes the claim's problem.
func (m Match) fits(p *process, c *claim) (map[string]string, bool) {
	groups := map[string]string{}
	if m.CommandLine != nil && !m.CommandLine.search(p.commandLine(), groups) {
		return nil, false
	}
	if m.CGroup != nil && !m.CGroup.searchAny(p.cgroups, groups) {
		return nil, false
	}
	if m.Port != 0 {
		listens, err := p.listensOn(m.Port)
		if err != nil {
			c.problem = unreadable("The list of ports of a process", err)
		}
		if !listens {
			return nil, false
		}
	}
	for name, expression := range m.Environment {
		if value := p.variable(name); value == "" || !expression.search(value, groups) {
			return nil, false
		}
	}
	return groups, true
}

func (e *Expression) search(text string, groups map[string]string) bool {
	found := e.FindStringSubmatch(text)
	for i, name := range e.SubexpNames() {
		if found != nil && name != "" && found[i] != "" {
			groups[name] = found[i]
		}
	}
	return found != nil
}

func (e *Expression) searchAny(texts []string, groups map[string]string) bool {
	for _, text := range texts {
		if e.search(text, groups) {
			return true
		}
	}
	return false
}

func firstOf(sources []Source, p *process, groups map[string]string) string {
	for _, s := range sources {
		if value := s.value(p, groups); value != "" {
			return value
		}
	}
	return ""
}

func (s Source) value(p *process, groups map[string]string) string {
	value := s.Text
	switch {
	case s.Flag != "":
		value = p.flag(s.Flag)
	case s.ArgumentAfter != "":
		value = p.argumentAfter(s.ArgumentAfter)
	case s.Environment != "":
		value = p.variable(s.Environment)
	case s.Group != "":
		value = groups[s.Group]
	}
	if s.Pattern != nil {
		found := s.Pattern.FindStringSubmatch(value)
		if found == nil {
			return ""
		}
		value = found[1]
	}
	return cleanName(value)
}

// cleanName makes of what a process says a label: valid UTF-8 without control characters, not too long.
func cleanName(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if len(text) > maxNameBytes {
		text = strings.ToValidUTF8(text[:maxNameBytes], "")
	}
	return strings.TrimSpace(text)
}
