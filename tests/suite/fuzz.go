package suite

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/demo/progress"
)

// minimizeTime bounds how long an input is made smaller. Without a bound, one large input takes all of a target's time.
const minimizeTime = 10 * time.Second

// fuzzTarget is a fuzz function, in a package given as a path from the root.
type fuzzTarget struct{ folder, name string }

// RunFuzz fuzzes each target for a time, one after the other, and goes on after a failure. Inputs that fail are written to the
// package's testdata/fuzz, from where go test runs them from then on. Inputs that reach new code are kept in the cache folder for the
// next run. A name selects targets whose name or folder contains it, and a part such as 1/3 the first third of those.
func RunFuzz(ctx context.Context, root string, out *progress.Printer, each time.Duration, name, part string) error {
	if each <= 0 {
		return fmt.Errorf("the time for each fuzz target is %s: set a positive duration", each)
	}
	return run(ctx, root, out, func(s *suite) ([]step, error) {
		targets, err := fuzzTargets(root)
		if err != nil {
			return nil, err
		}
		if targets, err = selectPart(targets, part); err != nil {
			return nil, err
		}
		var steps []step
		for _, t := range targets {
			if strings.Contains(t.folder+" "+t.name, name) {
				steps = append(steps, step{name: t.folder + " " + t.name, run: s.fuzz(t, each)})
			}
		}
		if len(steps) == 0 {
			return nil, fmt.Errorf("no fuzz target has %q in its name or folder", name)
		}
		return steps, nil
	})
}

// fuzzTargets finds all fuzz functions of the project, sorted by folder and name.
func fuzzTargets(root string) ([]fuzzTarget, error) {
	var targets []fuzzTarget
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || slices.Contains([]string{"node_modules", "testdata", "shared"}, entry.Name())):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		names, err := fuzzFunctions(path)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		for _, name := range names {
			targets = append(targets, fuzzTarget{filepath.ToSlash(folder), name})
		}
		return err
	})
	slices.SortFunc(targets, func(a, b fuzzTarget) int { return strings.Compare(a.folder+" "+a.name, b.folder+" "+b.name) })
	return targets, err
}

// selectPart selects every n-th target from the first, second … one on. No part selects all.
func selectPart(targets []fuzzTarget, part string) ([]fuzzTarget, error) {
	if part == "" {
		return targets, nil
	}
	var number, parts int
	if n, err := fmt.Sscanf(part, "%d/%d", &number, &parts); n != 2 || err != nil || number < 1 || number > parts {
		return nil, fmt.Errorf("invalid part %q of the fuzz targets: write it as 1/3", part)
	}
	var selected []fuzzTarget
	for i := number - 1; i < len(targets); i += parts {
		selected = append(selected, targets[i])
	}
	return selected, nil
}

// fuzzFunctions lists the fuzz functions of a file.
func fuzzFunctions(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Recv != nil || !strings.HasPrefix(function.Name.Name, "Fuzz") || len(function.Type.Params.List) != 1 {
			continue
		}
		pointer, ok := function.Type.Params.List[0].Type.(*ast.StarExpr)
		if !ok {
			continue
		}
		if selector, ok := pointer.X.(*ast.SelectorExpr); ok && selector.Sel.Name == "F" {
			names = append(names, function.Name.Name)
		}
	}
	return names, nil
}

// executions is what go test writes of a target's progress.
var executions = regexp.MustCompile(`execs: \d+ .*`)

func (s *suite) fuzz(t fuzzTarget, each time.Duration) func(context.Context) (tally, error) {
	return func(ctx context.Context) (tally, error) {
		corpus := filepath.Join(s.cache, "fuzz", filepath.FromSlash(t.folder))
		if err := os.MkdirAll(corpus, 0o755); err != nil {
			return tally{}, err
		}
		// The last -test.fuzzcachedir wins over that of the go command, which is in its build cache.
		log, err := s.command(ctx, "fuzz "+t.folder+" "+t.name, nil, "go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$",
			"-fuzztime", each.String(), "-fuzzminimizetime", minimizeTime.String(), "-timeout", "0", "./"+t.folder, "-args", "-test.fuzzcachedir="+corpus)
		text, readErr := os.ReadFile(log)
		found := executions.FindAllString(string(text), -1)
		if len(found) > 0 {
			s.out.Printf("   %s: %s", t.name, found[len(found)-1])
		}
		if err == nil && len(found) == 0 {
			err = errors.Join(errors.New("go test reported no executions"), readErr)
		}
		if err != nil {
			return tally{failed: 1}, err
		}
		return tally{passed: 1}, nil
	}
}
