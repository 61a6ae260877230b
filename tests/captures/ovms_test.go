package captures

var ovms = []sequence{
	{"ovms", "loaded", []string{"1-metrics-idle", "2-metrics-loaded"}, []string{"ovms"}},
}
