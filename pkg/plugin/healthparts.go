package plugin

import (
	"context"
	"slices"
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
	}
}

func (d *Datasource) checkParts(ctx context.Context) []healthPart {
	var out []healthPart
	for _, check := range d.partChecks() {
		out = append(out, check(ctx))
	}
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
