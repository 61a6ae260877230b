package captures

var envoy = []sequence{
	{"envoy", "loaded", []string{"1-idle", "2-loaded"}, []string{"envoy"}},
}
