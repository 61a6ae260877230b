package captures

// The NVML endpoint's recordings are of the real program on the fake of NVIDIA's library (tests/fakenvml): four GPUs, of which the
// last is divided into two MIG devices. Loaded, GPU 0 has vLLM's process and one of nobody's, GPU 1 a Triton with two models, and
// the first MIG device a vLLM of its own.
var nvml = []sequence{
	{"nvml", "idle", []string{"1-idle", "1-idle"}, []string{"nvml"}},
	{"nvml", "loaded", []string{"1-idle", "2-loaded"}, []string{"nvml"}},
	{"nvml_dcgm_names", "loaded", []string{"1-idle", "2-loaded"}, []string{"dcgm"}},
}
