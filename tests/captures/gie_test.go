package captures

var gie = []sequence{
	{"gie", "before-the-rename", []string{"1-before-the-rename-idle", "2-before-the-rename-loaded"}, []string{"gie"}},
	{"gie", "loaded", []string{"3-idle", "4-loaded"}, []string{"gie"}},
}
