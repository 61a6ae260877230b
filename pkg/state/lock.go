package state

import (
	"fmt"
	"log/slog"

	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

// Lock makes this process the only writer of a key until release. A lock ends with the process that holds it. It is for stores in folders
// that nothing else locks.
func (s *Store) Lock(key string) (release func() error, err error) {
	folder := s.folderOf(key)
	if err := createFolder(folder); err != nil {
		return nil, fmt.Errorf("the state in %s cannot be written: %w", folder, err)
	}
	lock, err := tsdbutil.NewDirLocker(folder, "state", slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return nil, fmt.Errorf("the state in %s cannot be locked: %w", folder, err)
	}
	if err := lock.Lock(); err != nil {
		return nil, fmt.Errorf("the state in %s is in use by another process: %w", folder, err)
	}
	return lock.Release, nil
}
