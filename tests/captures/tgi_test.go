package captures

var tgi = []sequence{
	{"tgi", "loaded", []string{"1-metrics-idle", "2-metrics-loaded"}, []string{"tgi"}},
}
