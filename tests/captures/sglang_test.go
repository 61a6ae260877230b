package captures

var sglang = []sequence{
	{"sglang", "loaded", []string{"1-metrics-idle", "2-metrics-loaded"}, []string{"sglang"}},
	{"sglang", "old-names", []string{"3-old-names-idle", "4-old-names-loaded"}, []string{"sglang"}},
}
