package engine_test

import "os"

// runHelper runs the process of another test, if this is one.
func runHelper() bool {
	address := os.Getenv(pagesTarget)
	if address == "" {
		return false
	}
	runPages(address, os.Getenv(pagesFolder))
	return true
}
