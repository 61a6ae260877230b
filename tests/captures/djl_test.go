package captures

var djl = []sequence{
	{"djl", "loaded", []string{"1-idle", "2-loaded"}, []string{"djl"}},
	{"djl", "idle", []string{"1-idle", "1-idle"}, []string{"djl"}},
}
