//go:build !(linux && cgo)

// The NVML endpoint is for Linux and needs cgo, through which NVIDIA's library is called. See docs/nvml.md.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "modelserving-nvml: this build cannot load NVIDIA's library: build it on Linux with CGO_ENABLED=1 and a C compiler")
	os.Exit(1)
}
