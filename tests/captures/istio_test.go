package captures

var istio = []sequence{
	{"istio", "loaded", []string{"1-idle", "2-loaded"}, []string{"istio"}},
	{"istio", "seconds", []string{"3-seconds-idle", "4-seconds-loaded"}, []string{"istio"}},
}
