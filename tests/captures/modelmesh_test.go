package captures

var modelmesh = []sequence{
	{"modelmesh", "loaded", []string{"1-idle", "2-loaded"}, []string{"modelmesh"}},
	{"modelmesh", "idle", []string{"1-idle", "1-idle"}, []string{"modelmesh"}},
}
