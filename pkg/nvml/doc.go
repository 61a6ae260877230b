// Package nvml reads GPUs through NVIDIA's management library (NVML) and exposes the readings as metrics: by GPU, MIG device,
// process, container, pod and model. docs/nvml.md describes what it measures and how.
//
// A Monitor owns everything: a session for as long as NVML is usable, in it one worker for each GPU (the only goroutine that
// calls NVML for that GPU, so that a GPU that hangs holds up nobody else) and one that waits for events. What needs cgo is
// only built on Linux with cgo; the plugin does not import this package.
package nvml
