package plugin

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// healthPart is what a check found of one part of the data source, beside its targets. Its texts are sentences for editors.
type healthPart struct {
	// problems fail the check.
	problems []string
	// lines are facts that do not.
	lines []string
	// verdict is what Viewers see of a problem: a short sentence without URLs, names and errors.
	verdict string
}

// partChecks are the checks of a data source that scrapes by itself, beside those of its targets, in the order of their texts. They run at
// the same time as those, and have to end soon after ctx does. Add a check of another part here.
func (d *Datasource) partChecks() []func(context.Context) healthPart {
	return []func(context.Context) healthPart{
		d.checkMistakes,
		d.checkRemoteWrite,
		d.checkEngine,
		d.checkStorage,
		d.checkLimits,
	}
}

// partTime bounds the checks of all parts together, so that a silent server of remote write does not hold the targets up.
const partTime = 20 * time.Second

// checkParts runs all of them at the same time.
func (d *Datasource) checkParts(ctx context.Context) []healthPart {
	limited, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	checks := d.partChecks()
	out := make([]healthPart, len(checks))
	var running sync.WaitGroup
	for i, check := range checks {
		running.Go(func() {
			defer func() {
				// A panic here would end the process, because no handler of the SDK is above.
				if failure := recover(); failure != nil {
					out[i] = healthPart{problems: []string{fmt.Sprintf("A part of the check failed with an internal error: %v.", failure)}}
				}
			}()
			out[i] = check(limited)
		})
	}
	running.Wait()
	return out
}

// partTexts are the problems and lines of all parts.
func partTexts(parts []healthPart) (problems, lines []string) {
	for _, p := range parts {
		problems, lines = append(problems, p.problems...), append(lines, p.lines...)
	}
	return problems, lines
}

// checkMistakes are the settings that could not be used.
func (d *Datasource) checkMistakes(context.Context) healthPart {
	if len(d.Mistakes) == 0 {
		return healthPart{}
	}
	return healthPart{problems: slices.Clone(d.Mistakes), verdict: "Some settings have a mistake."}
}

func (d *Datasource) checkRemoteWrite(ctx context.Context) healthPart {
	written, writes := d.checkWriting(ctx)
	if !writes {
		return healthPart{}
	}
	part := healthPart{lines: written.lines()}
	if written.problem != "" {
		part.problems, part.verdict = []string{written.problem}, "Remote write has a problem."
	}
	return part
}

func (d *Datasource) checkEngine(context.Context) healthPart {
	return healthPart{lines: slices.Concat(d.engine.Warnings(), d.engine.RestartNotes())}
}
