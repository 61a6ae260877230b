//go:build linux && cgo

package nvml

import (
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// reasons are NVML's return codes in the words of the label reason. Return.Error is not used: it calls the library, which may
// be the very thing that is missing.
var reasons = map[nvml.Return]string{
	nvml.ERROR_UNINITIALIZED:             "uninitialized",
	nvml.ERROR_INVALID_ARGUMENT:          "invalid_argument",
	nvml.ERROR_NOT_SUPPORTED:             "not_supported",
	nvml.ERROR_NO_PERMISSION:             "no_permission",
	nvml.ERROR_ALREADY_INITIALIZED:       "already_initialized",
	nvml.ERROR_NOT_FOUND:                 "not_found",
	nvml.ERROR_INSUFFICIENT_SIZE:         "insufficient_size",
	nvml.ERROR_INSUFFICIENT_POWER:        "insufficient_power",
	nvml.ERROR_DRIVER_NOT_LOADED:         "driver_not_loaded",
	nvml.ERROR_TIMEOUT:                   "timeout",
	nvml.ERROR_IRQ_ISSUE:                 "irq_issue",
	nvml.ERROR_LIBRARY_NOT_FOUND:         "library_not_found",
	nvml.ERROR_FUNCTION_NOT_FOUND:        "function_not_found",
	nvml.ERROR_CORRUPTED_INFOROM:         "corrupted_inforom",
	nvml.ERROR_GPU_IS_LOST:               "gpu_is_lost",
	nvml.ERROR_RESET_REQUIRED:            "reset_required",
	nvml.ERROR_OPERATING_SYSTEM:          "operating_system",
	nvml.ERROR_LIB_RM_VERSION_MISMATCH:   "lib_rm_version_mismatch",
	nvml.ERROR_IN_USE:                    "in_use",
	nvml.ERROR_MEMORY:                    "memory",
	nvml.ERROR_NO_DATA:                   "no_data",
	nvml.ERROR_VGPU_ECC_NOT_SUPPORTED:    "vgpu_ecc_not_supported",
	nvml.ERROR_INSUFFICIENT_RESOURCES:    "insufficient_resources",
	nvml.ERROR_FREQ_NOT_SUPPORTED:        "freq_not_supported",
	nvml.ERROR_ARGUMENT_VERSION_MISMATCH: "argument_version_mismatch",
	nvml.ERROR_DEPRECATED:                "deprecated",
	nvml.ERROR_NOT_READY:                 "not_ready",
	nvml.ERROR_GPU_NOT_FOUND:             "gpu_not_found",
	nvml.ERROR_INVALID_STATE:             "invalid_state",
	nvml.ERROR_RESET_TYPE_NOT_SUPPORTED:  "reset_type_not_supported",
	nvml.ERROR_UNKNOWN:                   "unknown",
}

func reasonOf(ret nvml.Return) string {
	if reason, ok := reasons[ret]; ok {
		return reason
	}
	return fmt.Sprintf("code_%d", int(ret))
}

// isUnsupported says that asking again is no use: the device, the driver or the library does not have it.
func isUnsupported(ret nvml.Return) bool {
	switch ret {
	case nvml.ERROR_NOT_SUPPORTED, nvml.ERROR_FUNCTION_NOT_FOUND, nvml.ERROR_ARGUMENT_VERSION_MISMATCH, nvml.ERROR_DEPRECATED,
		nvml.ERROR_VGPU_ECC_NOT_SUPPORTED:
		return true
	}
	return false
}

// isGPULost says that the GPU itself is gone until somebody acts.
func isGPULost(ret nvml.Return) bool {
	switch ret {
	case nvml.ERROR_GPU_IS_LOST, nvml.ERROR_RESET_REQUIRED, nvml.ERROR_GPU_NOT_FOUND:
		return true
	}
	return false
}

// needsInit says that NVML as a whole has to be initialised again.
func needsInit(ret nvml.Return) bool {
	switch ret {
	case nvml.ERROR_UNINITIALIZED, nvml.ERROR_DRIVER_NOT_LOADED, nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		return true
	}
	return false
}

// explain describes a failed call: call, reason, meaning and what to do.
func explain(call string, ret nvml.Return) string {
	advice := map[nvml.Return]string{
		nvml.ERROR_LIBRARY_NOT_FOUND:       "libnvidia-ml.so.1 cannot be loaded: install NVIDIA's driver on this host. In a container, use the NVIDIA container runtime with NVIDIA_DRIVER_CAPABILITIES=utility, or mount the library",
		nvml.ERROR_DRIVER_NOT_LOADED:       "the kernel module nvidia is not loaded or /dev/nvidiactl is missing: load the driver (nvidia-smi does so), or this host has no NVIDIA GPU",
		nvml.ERROR_LIB_RM_VERSION_MISMATCH: "libnvidia-ml.so.1 and the loaded kernel module have different driver versions after a driver update: restart the host or reload the nvidia modules",
		nvml.ERROR_NO_PERMISSION:           "this user may not open NVIDIA's devices: give it read and write access to /dev/nvidiactl and /dev/nvidia*, or run the program as root",
		nvml.ERROR_GPU_IS_LOST:             "the GPU fell off the bus or cannot be reached: check the kernel log for NVRM and Xid lines. Usually the GPU or the host has to be reset",
		nvml.ERROR_RESET_REQUIRED:          "the GPU needs a reset before it can be used again (nvidia-smi --gpu-reset)",
		nvml.ERROR_GPU_NOT_FOUND:           "the GPU was removed: check the kernel log",
		nvml.ERROR_INSUFFICIENT_POWER:      "the GPU's external power cables are not attached",
		nvml.ERROR_IRQ_ISSUE:               "the kernel found a problem with the GPU's interrupts: check the kernel log",
		nvml.ERROR_UNINITIALIZED:           "NVML was shut down",
	}
	text := fmt.Sprintf("%s: %s", call, reasonOf(ret))
	if a, ok := advice[ret]; ok {
		text += ": " + a
	}
	return text
}
