package settings

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
)

const (
	maxOverrides         = 200
	maxPatternCharacters = 200
	minObjective         = time.Millisecond
	maxObjective         = longestTime
	// switchedOff disables an objective.
	switchedOff = "none"
)

type storedObjectives struct {
	Default   storedObjective  `json:"default"`
	Overrides []storedOverride `json:"overrides"`
}

type storedObjective struct {
	P95           string `json:"p95"`
	ErrorRate     string `json:"errorRate"`
	CacheHitRatio string `json:"cacheHitRatio"`
	Staleness     string `json:"staleness"`
}

type storedOverride struct {
	Environment string `json:"environment"`
	Deployment  string `json:"deployment"`
	Model       string `json:"model"`
	storedObjective
}

func (s storedObjectives) decode() (objective.Set, error) {
	if len(s.Overrides) > maxOverrides {
		return objective.Set{}, fmt.Errorf("%d objective overrides are configured; the maximum is %d", len(s.Overrides), maxOverrides)
	}
	forAll, err := s.Default.decode()
	if err != nil {
		return objective.Set{}, fmt.Errorf("default objective: %w", err)
	}
	overrides := make([]objective.Override, len(s.Overrides))
	for i, o := range s.Overrides {
		if overrides[i], err = o.decode(); err != nil {
			return objective.Set{}, fmt.Errorf("objective override %d: %w", i+1, err)
		}
	}
	return objective.NewSet(forAll.Over(objective.Default()), overrides)
}

func (s storedOverride) decode() (objective.Override, error) {
	out, err := s.storedObjective.decode()
	if err != nil {
		return objective.Override{}, err
	}
	for _, p := range []struct {
		label, text string
		to          *string
	}{
		{"environment", s.Environment, &out.Environment},
		{"deployment", s.Deployment, &out.Deployment},
		{"model", s.Model, &out.Model},
	} {
		// The labels of targets are trimmed too.
		*p.to = strings.TrimSpace(p.text)
		if n := utf8.RuneCountInString(*p.to); n > maxPatternCharacters {
			return objective.Override{}, fmt.Errorf("its %s pattern has %d characters; the maximum is %d", p.label, n, maxPatternCharacters)
		}
	}
	return out, nil
}

// decode returns an override that matches every model.
func (s storedObjective) decode() (out objective.Override, err error) {
	if out.P95, err = decodeDuration("p95 response time", s.P95); err != nil {
		return objective.Override{}, err
	}
	if out.ErrorRate, err = decodeShare("error rate", s.ErrorRate); err != nil {
		return objective.Override{}, err
	}
	if out.CacheHitRatio, err = decodeShare("cache-hit ratio", s.CacheHitRatio); err != nil {
		return objective.Override{}, err
	}
	if out.Staleness, err = decodeDuration("staleness", s.Staleness); err != nil {
		return objective.Override{}, err
	}
	return out, nil
}

func decodeDuration(name, text string) (*time.Duration, error) {
	switch text {
	case "":
		return nil, nil
	case switchedOff:
		return new(time.Duration), nil
	}
	d, err := duration(name, text, 0, minObjective, maxObjective)
	if err != nil {
		return nil, fmt.Errorf("%w; %q switches the objective off", err, switchedOff)
	}
	return &d, nil
}

var shareNotation = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?(%?)$`)

func decodeShare(name, text string) (*float64, error) {
	switch text {
	case "":
		return nil, nil
	case switchedOff:
		return new(float64), nil
	}
	match := shareNotation.FindStringSubmatch(text)
	if match == nil {
		return nil, fmt.Errorf("the %s %q is not a share; enter one such as 1%% or 0.01; %q switches the objective off", name, text, switchedOff)
	}
	// A number that is too large becomes infinite and is rejected below.
	value, _ := strconv.ParseFloat(match[1], 64)
	if match[2] == "%" {
		value /= 100
	}
	if value <= 0 || value >= 1 {
		return nil, fmt.Errorf("the %s %q must be more than 0%% and less than 100%%; %q switches the objective off", name, text, switchedOff)
	}
	return &value, nil
}
