package captures

var dynamo = []sequence{
	{"dynamo", "frontend", []string{"1-frontend-idle", "2-frontend-loaded"}, []string{"dynamo"}},
	{"dynamo", "worker", []string{"3-worker-idle", "4-worker-loaded"}, []string{"dynamo"}},
}
