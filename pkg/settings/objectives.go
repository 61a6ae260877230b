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
	// switchedOff is written where a model is not held to an objective.
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
		return objective.Set{}, fmt.Errorf("there are %d objective overrides; at most %d are possible", len(s.Overrides), maxOverrides)
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
			return objective.Override{}, fmt.Errorf("its %s pattern has %d characters; at most %d are possible", p.label, n, maxPatternCharacters)
		}
	}
	return out, nil
}

// decode is an override for every model.
func (s storedObjective) decode() (out objective.Override, err error) {
	if out.P95, err = longest("p95 response time", s.P95); err != nil {
		return objective.Override{}, err
	}
	if out.ErrorRate, err = share("error rate", s.ErrorRate); err != nil {
		return objective.Override{}, err
	}
	if out.CacheHitRatio, err = share("cache-hit ratio", s.CacheHitRatio); err != nil {
		return objective.Override{}, err
	}
	if out.Staleness, err = longest("staleness", s.Staleness); err != nil {
		return objective.Override{}, err
	}
	return out, nil
}

func longest(name, text string) (*time.Duration, error) {
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

func share(name, text string) (*float64, error) {
	switch text {
	case "":
		return nil, nil
	case switchedOff:
		return new(float64), nil
	}
	match := shareNotation.FindStringSubmatch(text)
	if match == nil {
		return nil, fmt.Errorf("the %s %q is not a share; write it like 1%% or 0.01; %q switches the objective off", name, text, switchedOff)
	}
	// What is too large to be a number is infinite, and refused as such.
	value, _ := strconv.ParseFloat(match[1], 64)
	if match[2] == "%" {
		value /= 100
	}
	if value <= 0 || value >= 1 {
		return nil, fmt.Errorf("the %s %q must be more than 0%% and less than 100%%; %q switches the objective off", name, text, switchedOff)
	}
	return &value, nil
}
