// Package state keeps small values on disk for the embedded engine: what it has to remember beside the scraped data, and apart from it.
//
// A value is replaced as a whole. Its two newest versions are in two files, each with a generation and a checksum. A new version is
// written to a third file, synced, and renamed over the older of the two. A process that is killed at any moment, a full disk or a file
// that was damaged later therefore cost at most the version that was being written, and a damaged file falls back to the version before it.
//
// Files are opened through Prometheus's wlog package, whose segments are named by numbers. Its log itself is not used: it would need a
// goroutine and a replay, and could not skip a damaged record without the records behind it.
package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/tsdb/fileutil"
	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"
)

// MaxBytes bounds one value. A key takes at most four times as much on disk.
const MaxBytes = 4 << 20

// The files of a key. Versions alternate between the slots.
const (
	// discarded takes what an interrupted write left, so that the next one begins with an empty file.
	discarded = iota
	firstSlot
	secondSlot
	incoming
)

// segmentBytes is the smallest that wlog allows. No segment is ever written by it.
const segmentBytes = 32 << 10

var validKey = regexp.MustCompile(`^[a-z][a-z_]{0,31}$`)

// Store keeps values by key in a folder. It serves any number of goroutines. Only one process may write to a folder at a time: its owner
// must hold a lock.
type Store struct {
	folder string

	mu      sync.Mutex
	entries map[string]*entry
}

// entry is the newest version of a value.
type entry struct {
	generation uint64
	// slot is the file of the newest version, 0 if there is none.
	slot   int
	data   []byte
	damage error
}

// DamageError says which files of a value could not be used. The value is the newest version among the others.
type DamageError struct {
	Key   string
	files []string
}

// Error is a sentence with the files and what is wrong with each.
func (e *DamageError) Error() string {
	return fmt.Sprintf("the state %q is damaged and its last version or all of it is lost: %s", e.Key, strings.Join(e.files, "; "))
}

// Open makes a store over a folder, which is created when something is stored. Nothing is read yet.
func Open(folder string) *Store { return &Store{folder: folder, entries: map[string]*entry{}} }

// Get returns the value that was stored last, nil if there is none. Beside a *DamageError the value is valid, but may be an older one, or
// nil.
func (s *Store) Get(key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.load(key)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(found.data), found.damage
}

// Put stores a value. After an error the value before it is still there, also for the next process.
func (s *Store) Put(key string, data []byte) error {
	if len(data) > MaxBytes {
		return fmt.Errorf("the state %q has %d bytes, and at most %d are stored", key, len(data), MaxBytes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last, err := s.load(key)
	if err != nil {
		return err
	}
	if last.slot != 0 && last.damage == nil && bytes.Equal(last.data, data) {
		return nil
	}
	next := &entry{generation: max(last.generation+1, uint64(time.Now().UnixNano())), slot: firstSlot, data: bytes.Clone(data)}
	if last.slot == firstSlot {
		next.slot = secondSlot
	}
	folder := s.folderOf(key)
	if err := writeVersion(folder, next); err != nil {
		return fmt.Errorf("the state in %s cannot be written: %w", folder, err)
	}
	s.entries[key] = next
	return nil
}

func (s *Store) folderOf(key string) string { return filepath.Join(s.folder, key) }

// load reads a value when it is first used. The caller holds mu.
func (s *Store) load(key string) (*entry, error) {
	if found, known := s.entries[key]; known {
		return found, nil
	}
	if !validKey.MatchString(key) {
		return nil, fmt.Errorf("the state's key %q is not made of lower-case letters and underscores", key)
	}
	newest, damage := &entry{}, &DamageError{Key: key}
	for _, slot := range []int{firstSlot, secondSlot} {
		name := wlog.SegmentName(s.folderOf(key), slot)
		frame, err := readFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		var found entry
		if err == nil {
			found.generation, found.data, err = decodeFrame(frame)
		}
		if err != nil {
			damage.files = append(damage.files, fmt.Sprintf("%s: %s", name, err))
			continue
		}
		if found.slot = slot; newest.slot == 0 || found.generation > newest.generation {
			newest = &found
		}
	}
	if len(damage.files) > 0 {
		newest.damage = damage
	}
	s.entries[key] = newest
	return newest, nil
}

// readFile reads a whole file, but no more than a frame can have and one byte.
func readFile(name string) ([]byte, error) {
	file, err := wlog.OpenReadSegment(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, int64(headerBytes+MaxBytes+trailerBytes+1)))
}

// writeVersion writes a version beside the others and puts it in its slot's place.
func writeVersion(folder string, e *entry) error {
	if err := createFolder(folder); err != nil {
		return err
	}
	file, err := createIncoming(folder)
	if err != nil {
		return err
	}
	_, err = file.Write(encodeFrame(e.generation, e.data))
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return fileutil.Rename(wlog.SegmentName(folder, incoming), wlog.SegmentName(folder, e.slot))
}

// createIncoming opens the file for the next version. It is empty: segments are appended to, so what an interrupted write left has to go.
func createIncoming(folder string) (*wlog.Segment, error) {
	for range 2 {
		file, err := wlog.CreateSegment(folder, incoming)
		if err != nil {
			return nil, err
		}
		info, err := file.Stat()
		if err == nil && info.Size() == 0 {
			return file, nil
		}
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
		if err := fileutil.Rename(wlog.SegmentName(folder, incoming), wlog.SegmentName(folder, discarded)); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("another process writes there at the same time")
}

// createFolder makes a folder with an empty discarded file, unless it is there.
func createFolder(folder string) error {
	if _, _, err := wlog.Segments(folder); !errors.Is(err, os.ErrNotExist) {
		return nil // what is wrong with it otherwise shows when it is written to
	}
	log, err := wlog.NewSize(nil, nil, folder, segmentBytes, compression.None)
	if err != nil {
		return err
	}
	return log.Close()
}
