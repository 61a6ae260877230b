package captures

var baseten = []sequence{
	{"baseten", "loaded", []string{"1-idle", "2-loaded"}, []string{"baseten"}},
}
