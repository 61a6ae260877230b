#!/usr/bin/env bash
# Builds the plugin for all platforms and packs it: artifacts/<id>-<version>.zip, whose root folder is the plugin's id.
# Signs it if GRAFANA_ACCESS_POLICY_TOKEN is set. The backend is built last, because its manifest has the hash of each Go file.
set -euo pipefail
cd "$(dirname "$0")/../.."

npm ci
npm run build
go tool mage buildAll
if [ -n "${GRAFANA_ACCESS_POLICY_TOKEN:-}" ]; then
  npx --yes @grafana/sign-plugin@3.3.3
else
  echo "GRAFANA_ACCESS_POLICY_TOKEN is not set: the plugin is not signed."
fi

id=$(jq -r .id dist/plugin.json)
version=$(jq -r .info.version dist/plugin.json)
root=$PWD
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
cp -r dist "$staging/$id"
chmod 0755 "$staging/$id"/gpx_*
mkdir -p artifacts
rm -f "artifacts/$id-$version.zip"
(cd "$staging" && zip -qr "$root/artifacts/$id-$version.zip" "$id")
echo "artifacts/$id-$version.zip"
