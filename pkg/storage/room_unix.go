//go:build unix

package storage

import (
	"errors"

	"golang.org/x/sys/unix"
)

// freeBytes is how much may be written to the file system of a folder; false if that is unknown.
func freeBytes(folder string) (uint64, bool) {
	var found unix.Statfs_t
	if err := unix.Statfs(folder, &found); err != nil || found.Blocks == 0 {
		return 0, false
	}
	return uint64(found.Bavail) * uint64(found.Bsize), true //nolint:unconvert // Other systems have other types.
}

// isDiskFull is whether a write failed for lack of room: on the file system, or in a quota.
func isDiskFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// isReadOnly is whether a file system takes no writes at all.
func isReadOnly(err error) bool { return errors.Is(err, unix.EROFS) }

// errNoRoom is the error of a full disk.
var errNoRoom error = unix.ENOSPC
