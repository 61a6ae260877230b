package captures

var llmD = []sequence{
	{"llm_d", "loaded", []string{"1-idle", "2-loaded"}, []string{"llm_d"}},
}
