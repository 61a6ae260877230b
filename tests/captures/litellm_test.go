package captures

var litellm = []sequence{
	{"litellm", "loaded", []string{"1-metrics-idle", "2-metrics-loaded"}, []string{"litellm"}},
}
