package suite

import (
	"fmt"
	"slices"
	"strings"
)

// The names of the steps.
const (
	stepGoLint            = "golangci-lint"
	stepGoVet             = "go-vet"
	stepGoTest            = "go-test"
	stepPackages          = "npm-packages"
	stepTypecheck         = "typecheck"
	stepESLint            = "eslint"
	stepProse             = "prose"
	stepJest              = "jest"
	stepPackages101       = "npm-packages-10.1"
	stepTypecheck101      = "typecheck-10.1"
	stepJest101           = "jest-10.1"
	stepBuild             = "build"
	stepTypecheckEndToEnd = "typecheck-e2e"
	stepBundle            = "bundle"
	stepEndToEnd          = "end-to-end"
	stepModelServers      = "model-servers"
)

// steps lists all steps, in the order in which they run.
func (s *suite) steps() []step {
	web, web101, built := []string{stepPackages}, []string{stepPackages, stepPackages101}, []string{stepBuild}
	return []step{
		{name: stepGoLint, run: s.goLint},
		{name: stepGoVet, run: s.goVet},
		{name: stepGoTest, run: s.goTest("go test", "-count", "1", "./...")},
		{name: stepPackages, run: s.dependencies(".")},
		{name: stepTypecheck, needs: web, run: s.npm("typecheck")},
		{name: stepESLint, needs: web, run: s.npm("lint")},
		{name: stepProse, needs: web, run: s.npm("lint:prose")},
		{name: stepJest, needs: web, run: s.jest("test:ci")},
		{name: stepPackages101, run: s.dependencies("compat/grafana-10.1")},
		{name: stepTypecheck101, needs: web101, run: s.npm("compat:typecheck")},
		{name: stepJest101, needs: web101, run: s.jest("compat:test")},
		{name: stepBuild, needs: web, run: s.build},
		{name: stepTypecheckEndToEnd, needs: web, run: s.browserTypecheck},
		{name: stepBundle, needs: built, run: s.npm("check:bundle")},
		{name: stepEndToEnd, needs: built, run: s.unlessCrashed(s.endToEnd)},
		{name: stepModelServers, run: s.unlessCrashed(s.liveTest(modelServers))},
	}
}

// selectSteps returns the named steps and the ones that they need, directly or not, in the order of the list. A name that is
// not in the list is an error.
func selectSteps(steps []step, names []string) ([]step, error) {
	selected := map[string]bool{}
	for _, name := range names {
		if !slices.ContainsFunc(steps, func(s step) bool { return s.name == name }) {
			return nil, fmt.Errorf("the tests have no step %q: choose one of %s", name, strings.Join(Steps(), ", "))
		}
		selected[name] = true
	}
	// What a step needs comes before it, so that one walk from the end finds everything.
	for _, current := range slices.Backward(steps) {
		if selected[current.name] {
			for _, need := range current.needs {
				selected[need] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(steps), func(s step) bool { return !selected[s.name] }), nil
}
