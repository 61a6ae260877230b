package captures

var llamacpp = []sequence{
	{"llamacpp", "loaded", []string{"1-metrics-idle", "2-metrics-loaded"}, []string{"llamacpp"}},
	{"llamacpp", "old", []string{"3-old-idle", "4-old-loaded"}, []string{"llamacpp"}},
}
