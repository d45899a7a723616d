// The built page in a real browser, for the tests in this folder:
//
//   const site = await openSite();                       // serves dist/, starts Chromium
//   const { page, report } = await site.visit('?x=1');   // a fresh profile for every visit
//   assertClean(report);
//   await site.close();

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

import { serve } from '../../tools/serve.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const DIST = join(ROOT, 'dist');

const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // The course pages of the tests lie on another host, and frame this one.
  '--disable-features=LocalNetworkAccessChecks',
  // A request to anywhere else is counted by `report.foreign`, and cannot leave this computer.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

/// Serves dist/ on a free port and starts the browser that ./test found.
export async function openSite() {
  assert.ok(existsSync(DIST), 'there is no dist/; build it with ./run --build-only');
  const server = await serve(DIST, 0);
  const browser = await chromium.launch({
    executablePath: process.env.CHROME ?? '/usr/bin/chromium',
    args: FLAGS,
    // Chromium refuses to start its sandbox as root.
    chromiumSandbox: process.getuid?.() !== 0,
  });
  return {
    url: server.url,
    visit: (path = '', options = {}) => visit(browser, server.url, path, options),
    close: async () => {
      await browser.close();
      await server.close();
    },
  };
}

/// Opens one page with nothing stored. `options` are those of a browser context: viewport,
/// colorScheme, reducedMotion ... `report` keeps growing while the page lives.
async function visit(browser, url, path, options) {
  const report = { errors: [], violations: [], foreign: [], missing: [] };
  const context = await browser.newContext(options);

  context.on('request', (request) => {
    const address = request.url();
    if (!address.startsWith(url) && !/^(data|blob):/.test(address)) report.foreign.push(address);
  });
  context.on('response', (response) => {
    if (response.status() >= 400) report.missing.push(`${response.status()} ${response.url()}`);
  });
  context.on('requestfailed', (request) => {
    // A page that is being closed or left cancels what it was loading.
    const reason = request.failure()?.errorText;
    if (reason !== 'net::ERR_ABORTED') report.missing.push(`${reason} ${request.url()}`);
  });
  context.on('console', (message) => {
    if (message.type() === 'error') report.errors.push(message.text());
  });
  context.on('weberror', (error) => report.errors.push(String(error.error())));
  await context.exposeFunction('__cspViolation', (text) => report.violations.push(text));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      globalThis.__cspViolation(`${event.effectiveDirective} blocked ${event.blockedURI} ${event.sample}`.trim());
    });
    // Trunk's loader fires this once the app's main function has run.
    addEventListener('TrunkApplicationStarted', () => {
      globalThis.__started = true;
    });
  });

  const page = await context.newPage();
  await page.goto(new URL(path, url).href);
  return { page, report, close: () => context.close() };
}

/// The sizes that the page is made for, in CSS pixels: width and height.
export const SIZES = { desk: [1440, 900], tablet: [1024, 768], phone: [390, 844], frame: [800, 600] };

/// Visits a site in one of them.
export const visitSized = (site, size = 'desk', path = '', options = {}) => {
  const [width, height] = SIZES[size];
  return site.visit(path, { viewport: { width, height }, ...options });
};

/// What the terminal program answers, as text.
export const program = (...words) =>
  execFileSync('cargo', ['run', '--quiet', '--locked', '--bin', 'streamproof', '--', ...words], {
    cwd: ROOT,
    encoding: 'utf8',
  });

/// Waits until the WebAssembly module is loaded and its main function has run.
export const started = (page) => page.waitForFunction(() => globalThis.__started === true);

/// Opens the stage, and waits for its run: before that there is nothing that a key could move.
export const toSandbox = async (page) => {
  await page.click('#to-sandbox');
  // In a low frame the timeline itself is dragged, and the scrubber is not shown.
  await page.waitForSelector('#scrubber', { state: 'attached' });
};

/// Presses a tool of the header, which stands behind a button where there is little room.
export const openTool = async (page, id) => {
  const button = page.locator('#tools');
  if (await button.isVisible()) await button.click();
  await page.locator(id).click();
};

/// No accessibility rule is broken in the explanation and, where they are drawers, in the lesson and the settings.
export async function assertPanelsAccessible(page, size, also = () => {}) {
  await page.click('#explain');
  await page.waitForSelector('.explain h2');
  // From the top: what has been scrolled under the bar is no target, and axe takes it for a small one.
  await page.evaluate(() => scrollTo(0, 0));
  assert.deepEqual(await accessibilityProblems(page), []);
  await page.keyboard.press('Escape');
  if (size === 'desk') return;
  for (const name of ['Lesson', 'Settings']) {
    await page.getByRole('button', { name: new RegExp(`^${name}`) }).first().click();
    assert.deepEqual(await accessibilityProblems(page), [], name);
    await also(name);
  }
}

/// The start page's picture, as text that does not depend on how it came about.
export const poster = (page, root) =>
  page.locator(`${root} .poster`).evaluate((place) => place.innerHTML.trim().replaceAll(/<!--.*?-->/gs, ''));

/// Nothing went wrong while the page was open: no error, no blocked or missing file, and not one
/// request to another host.
export function assertClean(report) {
  assert.deepEqual(report, { errors: [], violations: [], foreign: [], missing: [] });
}

/// The accessibility rules of WCAG 2.2 AA that a program can check. Gives what was found, as text.
export async function accessibilityProblems(page) {
  const source = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  await page.evaluate(readFileSync(source, 'utf8'));
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }),
  );
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `${id}: ${help} (${target.join(' ')})`));
}
