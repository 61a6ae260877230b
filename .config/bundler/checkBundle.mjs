// Fails when the built module.js cannot run on every Grafana that the plugin supports.
import fs from 'node:fs';
import path from 'node:path';

const dist = path.resolve(process.cwd(), 'dist');
const modulePath = path.join(dist, 'module.js');
const forbidden = {
  'jsx-runtime':
    'Grafana before 11 does not provide it and a bundled copy breaks React 19: use the classic JSX transform',
  __SECRET_INTERNALS: 'React itself was bundled: it must stay external',
};

const sameContent = (a, b) => fs.existsSync(a) && fs.readFileSync(a).equals(fs.readFileSync(b));

const problems = [];
for (const file of ['module.js', 'module.js.map', 'plugin.json', 'README.md', 'LICENSE', 'CHANGELOG.md']) {
  if (!fs.existsSync(path.join(dist, file))) {
    problems.push(`dist/${file} is missing: run "npm run build"`);
  }
}

if (fs.existsSync(modulePath)) {
  const bundle = fs.readFileSync(modulePath, 'utf8');
  for (const [text, reason] of Object.entries(forbidden)) {
    if (bundle.includes(text)) {
      problems.push(`dist/module.js contains "${text}". ${reason}`);
    }
  }
  if (!bundle.includes('sourceMappingURL=module.js.map')) {
    problems.push('dist/module.js does not name its source map');
  }
}

const pluginPath = path.join(dist, 'plugin.json');
if (fs.existsSync(pluginPath)) {
  const plugin = JSON.parse(fs.readFileSync(pluginPath, 'utf8'));
  const packaged = [
    plugin.info.logos.small,
    plugin.info.logos.large,
    ...plugin.info.screenshots.map(({ path: screenshot }) => screenshot),
    ...plugin.includes.filter(({ type }) => type === 'dashboard').map(({ path: dashboard }) => dashboard),
  ];
  for (const file of packaged) {
    if (!fs.existsSync(path.join(dist, file))) {
      problems.push(`dist/${file}, which plugin.json names, is missing`);
    }
  }
  for (const { path: dashboard } of plugin.includes.filter(({ type }) => type === 'dashboard')) {
    // The bundler's cache compares times, which a copied or checked-out tree may have changed.
    if (!sameContent(path.join(dist, dashboard), path.resolve(process.cwd(), dashboard))) {
      problems.push(`dist/${dashboard} is not ${dashboard}: remove node_modules/.cache and build again`);
    }
  }
  const { version } = JSON.parse(fs.readFileSync(path.resolve(process.cwd(), 'package.json'), 'utf8'));
  if (plugin.info.version !== version) {
    problems.push(`dist/plugin.json has version ${plugin.info.version}, package.json has ${version}`);
  }
}

if (problems.length > 0) {
  process.stderr.write(`The bundle is not fit to ship:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\n`);
  process.exit(1);
}
process.stdout.write('The bundle is fit to ship.\n');
