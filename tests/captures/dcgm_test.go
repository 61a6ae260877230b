package captures

var dcgm = []sequence{
	{"dcgm", "loaded", []string{"1-idle", "2-loaded"}, []string{"dcgm"}},
}
