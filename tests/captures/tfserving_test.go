package captures

var tfserving = []sequence{
	{"tfserving", "loaded", []string{"1-idle", "2-loaded"}, []string{"tfserving"}},
	{"tfserving", "idle", []string{"1-idle", "1-idle"}, []string{"tfserving"}},
}
