package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/tsdb/fileutil"
	"github.com/prometheus/prometheus/tsdb/wlog"
)

// The parts of a storage's folder.
const (
	logFolder        = "wal"
	headChunksFolder = "chunks_head"
	setAsideFolder   = "set-aside"
	mendingFolder    = "mending"
	probeFolder      = "probe"
)

// Plugins of Grafana's catalogue open, list, make and rename no files themselves: what follows goes through Prometheus's library.

// names lists a folder, sorted; nothing if there is none.
func names(folder string) ([]string, error) {
	opened, err := fileutil.OpenDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = opened.Close() }()
	found, err := opened.Readdirnames(-1)
	slices.Sort(found)
	return found, err
}

// makeFolder makes a folder and those above it.
func makeFolder(folder string) error {
	// What is copied into it is a folder that does not exist.
	return fileutil.CopyDirs(filepath.Join(folder, "nothing"), folder)
}

// contains is whether a folder has an entry of a name.
func contains(folder, name string) (bool, error) {
	found, err := names(folder)
	return slices.Contains(found, name), err
}

// aside is where a damaged part is moved: <folder>/set-aside/<time>/<name>. A name that is taken gets a number.
func (s *Store) aside(name string) (string, error) {
	folder := filepath.Join(s.options.Dir, setAsideFolder, time.Now().UTC().Format(asideTime))
	if err := makeFolder(folder); err != nil {
		return "", fmt.Errorf("make the folder for damaged parts: %w", err)
	}
	found, err := names(folder)
	if err != nil {
		return "", err
	}
	free := name
	for i := 2; slices.Contains(found, free); i++ {
		free = name + "." + strconv.Itoa(i)
	}
	return filepath.Join(folder, free), nil
}

// move sets a file or folder aside under a name.
func (s *Store) move(from, name string) (string, error) {
	to, err := s.aside(name)
	if err != nil {
		return "", err
	}
	if err := fileutil.Rename(from, to); err != nil {
		return "", fmt.Errorf("set %s aside: %w", from, err)
	}
	return to, nil
}

// probe writes a little and gives it back: quotas and reserved blocks do not show in what is free.
func (s *Store) probe() (err error) {
	const probeBytes = 256 << 10
	folder := filepath.Join(s.options.Dir, probeFolder)
	if err := makeFolder(folder); err != nil {
		return err
	}
	file, err := wlog.CreateSegment(folder, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, probeBytes))
	return errors.Join(err, truncate(file, 0), file.Close())
}

// truncate cuts a segment of the log that is open for writing.
func truncate(segment *wlog.Segment, size int64) error {
	file, is := segment.SegmentFile.(interface{ Truncate(size int64) error })
	if !is {
		return fmt.Errorf("segment %d of %s is not a file", segment.Index(), segment.Dir())
	}
	return errors.Join(file.Truncate(size), segment.Sync())
}
