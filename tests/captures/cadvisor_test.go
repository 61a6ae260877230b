package captures

var cadvisor = []sequence{
	{"cadvisor", "loaded", []string{"1-idle", "2-loaded"}, []string{"cadvisor"}},
}
