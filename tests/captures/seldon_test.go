package captures

var seldon = []sequence{
	{"seldon", "loaded", []string{"1-idle", "2-loaded"}, []string{"seldon"}},
	{"seldon", "idle", []string{"1-idle", "1-idle"}, []string{"seldon"}},
}
