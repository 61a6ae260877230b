package captures

var otelGenai = []sequence{
	{"otel_genai", "server", []string{"1-server-idle", "2-server-loaded"}, []string{"otel_genai"}},
	{"otel_genai", "client", []string{"3-client-idle", "4-client-loaded"}, []string{"otel_genai"}},
}
