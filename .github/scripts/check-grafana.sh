#!/usr/bin/env bash
# Checks the plugin in a running Grafana with the provisioned data source: the plugin is loaded, the data source recognizes the
# metrics page, a query returns a frame, and every dashboard imports.
# Usage: check-grafana.sh http://127.0.0.1:3000
set -euo pipefail
cd "$(dirname "$0")/../.."

url=$1
id=$(jq -r .id plugin.json)
login=admin:admin

request() { curl --silent --show-error --user "$login" --header 'Content-Type: application/json' "$@"; }

# await retries a check for two minutes. The check prints what it has seen.
await() {
  local what=$1 seen
  shift
  for _ in $(seq 60); do
    if seen=$("$@" 2>&1); then
      echo "ok: $what"
      return
    fi
    sleep 2
  done
  echo "FAILED: $what: $seen"
  exit 1
}

running() { request --fail "$url/api/health"; }

recognized() {
  local health
  health=$(request "$url/api/datasources/uid/modelserving/health")
  echo "$health"
  jq --exit-status '.status == "OK" and (.message | test("Triton"))' <<< "$health" > /dev/null
}

answered() {
  local body result
  body='{"from":"now-5m","to":"now","queries":[{"refId":"A","datasource":{"type":"'$id'","uid":"modelserving"},
    "queryType":"signal","signal":"memory_usage","intervalMs":15000,"maxDataPoints":100}]}'
  result=$(request --data "$body" "$url/api/ds/query")
  echo "$result"
  jq --exit-status '.results.A.error == null and ([.results.A.frames[].data.values[]?] | length) > 1' <<< "$result" > /dev/null
}

await 'Grafana runs' running
await 'the plugin is loaded' request --fail "$url/api/plugins/$id/settings"
await 'the data source recognizes the metrics page' recognized
await 'a query returns a frame' answered
for path in $(jq -r '.includes[].path' plugin.json); do
  await "the dashboard $path imports" request --fail --data "{\"pluginId\":\"$id\",\"path\":\"$path\",\"inputs\":[],\"overwrite\":true}" \
    "$url/api/dashboards/import"
done
