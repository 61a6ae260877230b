//go:build !linux

package engine_test

// runHelper runs the process of another test, of which there are none here.
func runHelper() bool { return false }
