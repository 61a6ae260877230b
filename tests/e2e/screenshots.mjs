// Takes the documentation's pictures of the dashboards from a running Grafana, such as the demo's:
//
//   GRAFANA_URL=http://127.0.0.1:3000 node tests/e2e/screenshots.mjs [folder]
//
// CHROMIUM names a browser where Playwright has not installed its own, RANGE the beginning of the time range and TO its end.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';

const grafanaUrl = process.env.GRAFANA_URL ?? 'http://127.0.0.1:3000';
const folder = process.argv[2] ?? fileURLToPath(new URL('../../docs/img', import.meta.url));
const largestBytes = 300_000;

/** The pictures: a dashboard, its window and what is selected. The demo's GPUs are fakes. */
const pictures = [
  { name: 'fleet', width: 1600, height: 1500 },
  { name: 'model', width: 1500, height: 1320, query: 'var-deployment=long-tail&var-model=demand-de' },
  { name: 'metrics', width: 1500, height: 1150 },
  { name: 'autoscaling', width: 1500, height: 1300, query: 'var-deployment=demo' },
  { name: 'gpu', width: 1500, height: 1250, query: 'var-deployment=demo' },
];

/** Waits until no panel is loading any more, and what is drawn has been drawn. */
async function settle(page) {
  await page
    .getByTestId(/^data-testid Panel header /)
    .first()
    .waitFor();
  const loading = page.getByLabel('Panel loading bar');
  for (let quiet = 0; quiet < 8;) {
    await page.waitForTimeout(250);
    quiet = (await loading.count()) === 0 ? quiet + 1 : 0;
  }
}

async function take(browser, { name, width, height, query = '' }) {
  const page = await browser.newPage({ viewport: { width, height } });
  const range = process.env.RANGE ?? 'now-15m';
  const end = process.env.TO ?? 'now';
  await page.goto(`${grafanaUrl}/d/modelserving-${name}?from=${range}&to=${end}&refresh=1h&${query}`);
  await settle(page);
  let picture = await page.screenshot();
  // A picture that is too large loses its foot.
  for (let cut = height; picture.length > largestBytes;) {
    cut = Math.floor(cut * 0.95);
    picture = await page.screenshot({ clip: { x: 0, y: 0, width, height: cut } });
  }
  await page.close();
  const file = path.join(folder, `${name}.png`);
  await writeFile(file, picture);
  process.stdout.write(`${file}: ${Math.round(picture.length / 1000)} kB\n`);
}

await mkdir(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || undefined,
  args: [
    '--no-sandbox',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
  ],
});
try {
  for (const picture of pictures) {
    await take(browser, picture);
  }
} finally {
  await browser.close();
}
