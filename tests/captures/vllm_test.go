package captures

var vllm = []sequence{
	{"vllm", "loaded", []string{"1-metrics-idle", "2-metrics-loaded"}, []string{"vllm"}},
	{"vllm", "asleep", []string{"2-metrics-loaded", "3-metrics-asleep"}, []string{"vllm"}},
	{"vllm", "old-names", []string{"4-old-names-idle", "5-old-names-loaded"}, []string{"vllm"}},
}
