package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

// PartKind is what a damaged part of the storage is.
type PartKind string

// The kinds of parts.
const (
	// BlockPart is a folder with the samples of some hours.
	BlockPart PartKind = "block"
	// LogPart is a file or folder of the write-ahead log, or a file that is missing there.
	LogPart PartKind = "log"
	// ChunksPart is a file of chunks_head. The log has its samples, too.
	ChunksPart PartKind = "chunks"
)

// Part is a damaged part of the storage that is not served.
type Part struct {
	Kind PartKind
	// Name is that of the block, file or folder.
	Name string
	// From and To bound the time whose samples may be missing; zero if that is unknown.
	From, To time.Time
	// Folder is where the part was moved; empty if it was missing.
	Folder string
	// At is when it was found.
	At time.Time
}

// SetAside are the damaged parts that are kept in the folder set-aside, and what was missing when the storage opened.
func (s *Store) SetAside() []Part {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.setAside)
}

const asideTime = "20060102T150405Z"

// entryName is how a part is named in the folder set-aside: its kind, name and bounds in unix seconds.
func entryName(kind PartKind, name string, from, to time.Time) string {
	seconds := func(t time.Time) string {
		if t.IsZero() {
			return "0"
		}
		return strconv.FormatInt(t.Unix(), 10)
	}
	return fmt.Sprintf("%s_%s_%s_%s", kind, name, seconds(from), seconds(to))
}

// parsePart reads an entry of the folder set-aside.
func parsePart(folder, entry string, at time.Time) (Part, bool) {
	parts := strings.Split(entry, "_")
	if len(parts) < 4 {
		return Part{}, false
	}
	bounds := parts[len(parts)-2:]
	out := Part{Kind: PartKind(parts[0]), Name: strings.Join(parts[1:len(parts)-2], "_"), Folder: filepath.Join(folder, entry), At: at}
	for i, to := range []*time.Time{&out.From, &out.To} {
		digits, _, _ := strings.Cut(bounds[i], ".")
		seconds, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return Part{}, false
		}
		if seconds > 0 {
			*to = time.Unix(seconds, 0)
		}
	}
	return out, true
}

// listSetAside lists the parts in the folder set-aside, and those that are missing.
func (s *Store) listSetAside(missing []Part) error {
	folder := filepath.Join(s.options.Dir, setAsideFolder)
	times, err := names(folder)
	if err != nil {
		return err
	}
	var found []Part
	for _, name := range times {
		at, err := time.Parse(asideTime, name)
		if err != nil {
			continue
		}
		entries, err := names(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if part, is := parsePart(filepath.Join(folder, name), entry, at); is {
				found = append(found, part)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, part := range s.setAside {
		if part.Folder == "" {
			missing = append(missing, part)
		}
	}
	s.setAside = slices.Concat(found, missing)
	return nil
}

// setAsideWhole sets a part of the folder aside as a whole.
func (s *Store) setAsideWhole(path, name string, why error) error {
	kind := LogPart
	if name == headChunksFolder {
		kind = ChunksPart
	}
	_, err := s.move(path, entryName(kind, name, time.Time{}, time.Time{}))
	s.options.Logger.Warn("A damaged part of the storage was set aside", "part", name, "err", why)
	return errors.Join(err, s.listSetAside(nil))
}

// isDamage is whether an error may come from what is stored, rather than from the file system or another process.
func isDamage(err error) bool {
	return !isDiskFull(err) && !isReadOnly(err) && !errors.Is(err, os.ErrPermission) && !strings.Contains(err.Error(), "lock DB directory")
}

// prepare sets damaged parts aside, so that the TSDB opens with the rest. The error is one of the file system.
func (s *Store) prepare() error {
	folder := s.options.Dir
	found, err := names(folder)
	if err != nil || len(found) == 0 {
		return err
	}
	if free, known := freeBytes(folder); known && free < spareBytes {
		return fmt.Errorf("%w: %d bytes are free in %s, and %d are needed", errNoRoom, free, folder, spareBytes)
	}
	lock, err := tsdbutil.NewDirLocker(folder, "tsdb", s.options.Logger, nil)
	if err != nil {
		return err
	}
	if err := lock.Lock(); err != nil {
		return err
	}
	missing, err := s.setDamagedAside(found)
	return errors.Join(err, s.listSetAside(missing), lock.Release())
}

func (s *Store) setDamagedAside(found []string) (missing []Part, err error) {
	var used chunks.HeadSeriesRef
	if slices.Contains(found, headChunksFolder) {
		if used, err = s.checkHeadChunks(); err != nil {
			return nil, err
		}
	}
	if err := s.checkBlocks(found); err != nil {
		return nil, err
	}
	if slices.Contains(found, logFolder) {
		return s.mendLog(used)
	}
	return nil, nil
}

// checkHeadChunks sets aside what of chunks_head cannot be read: the damaged file and those after it, as the TSDB would delete them, or all.
// Their samples are read from the log.
// The answer is the highest reference of a series in it.
func (s *Store) checkHeadChunks() (used chunks.HeadSeriesRef, err error) {
	folder := filepath.Join(s.options.Dir, headChunksFolder)
	used, err = readHeadChunks(folder)
	if err == nil {
		return used, nil
	}
	if !isDamage(err) {
		return used, err
	}
	var damaged *chunks.CorruptionErr
	if !errors.As(err, &damaged) {
		return used, s.setAsideWhole(folder, headChunksFolder, err)
	}
	files, listing := names(folder)
	if listing != nil {
		return used, listing
	}
	for _, name := range files {
		if index, failed := strconv.Atoi(name); failed != nil || index < damaged.FileIndex {
			continue
		}
		if _, err := s.move(filepath.Join(folder, name), entryName(ChunksPart, name, time.Time{}, time.Time{})); err != nil {
			return used, err
		}
	}
	s.options.Logger.Warn("Damaged files of chunks were set aside; their samples are read from the log", "err", err)
	return used, nil
}

// readHeadChunks reads all of chunks_head. What a damaged file makes the reader do is an error, too.
func readHeadChunks(folder string) (used chunks.HeadSeriesRef, err error) {
	defer recovered(&err)
	files, err := chunks.NewChunkDiskMapper(nil, folder, chunkenc.NewPool(), chunks.DefaultWriteBufferSize, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	newest := map[chunks.HeadSeriesRef]int64{}
	err = files.IterateAllChunks(func(series chunks.HeadSeriesRef, _ chunks.ChunkDiskMapperRef, mint, maxt int64, _ uint16, _ chunkenc.Encoding, late bool) error {
		used = max(used, series)
		if last, known := newest[series]; !late && known && last >= mint {
			return &chunks.CorruptionErr{Err: fmt.Errorf("a chunk of series %d begins before the end of the one before", series)}
		}
		if !late {
			newest[series] = maxt
		}
		return nil
	})
	return used, err
}

// recovered turns a panic of a reader into an error.
func recovered(err *error) {
	if failure := recover(); failure != nil {
		*err = fmt.Errorf("read: %v", failure)
	}
}

// blocks are the blocks in use.
func (s *Store) blocks() []*tsdb.Block {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return nil
	}
	return s.current.db.Blocks()
}
