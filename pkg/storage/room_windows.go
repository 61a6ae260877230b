package storage

import (
	"errors"

	"golang.org/x/sys/windows"
)

// freeBytes is how much may be written to the file system of a folder; false if that is unknown.
func freeBytes(folder string) (uint64, bool) {
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, false
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return 0, false
	}
	return free, true
}

// isDiskFull is whether a write failed for lack of room.
func isDiskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// isReadOnly is whether a file system takes no writes at all.
func isReadOnly(err error) bool { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }

// errNoRoom is the error of a full disk.
var errNoRoom error = windows.ERROR_DISK_FULL
