// Package watch reports files that change. It polls, so that it works on every file system.
package watch

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"
)

// state is what a changed file does not share with the file before the change.
type state struct {
	modified time.Time
	size     int64
}

// snapshot holds the watched files by path relative to the root, with slashes.
type snapshot map[string]state

// Changes sends the paths, relative to the root and sorted, of the files below the root's paths that appear, change or
// disappear, once an interval passes without a further change. It ignores node_modules. The channel is closed when the context
// ends.
func Changes(ctx context.Context, root string, paths []string, interval time.Duration) (<-chan []string, error) {
	known, err := take(root, paths)
	if err != nil {
		return nil, err
	}
	changes := make(chan []string)
	go func() {
		defer close(changes)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		previous := known
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			current, err := take(root, paths)
			if err != nil {
				continue // a file that disappeared while the folder was read: the next poll sees the result
			}
			settled := maps.Equal(previous, current)
			previous = current
			changed := differences(known, current)
			if !settled || len(changed) == 0 {
				continue
			}
			select {
			case changes <- changed:
				known = current
			case <-ctx.Done():
				return
			}
		}
	}()
	return changes, nil
}

// take reads the states of all files. A path that does not exist has none.
func take(root string, paths []string) (snapshot, error) {
	files := snapshot{}
	for _, path := range paths {
		err := filepath.WalkDir(filepath.Join(root, path), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == "node_modules":
				return fs.SkipDir
			case !entry.Type().IsRegular():
				return nil
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			files[filepath.ToSlash(relative)] = state{modified: info.ModTime(), size: info.Size()}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// differences are the sorted paths whose states differ.
func differences(before, after snapshot) []string {
	changed := map[string]bool{}
	for path, state := range after {
		if old, known := before[path]; !known || old != state {
			changed[path] = true
		}
	}
	for path := range before {
		if _, remains := after[path]; !remains {
			changed[path] = true
		}
	}
	return slices.Sorted(maps.Keys(changed))
}
