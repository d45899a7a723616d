// How long the event-time lab takes with a million arrivals, in Chromium, on the built page:
//
//   ./run --with node tools/event-time.mjs [RECORDS]      default: 1000000, after ./run --build-only
//
// Import of a generated CSV, the picture of the plane, and a sweep of fifty settings for each kind of window. The longest
// gap between two frames says how far the page stood still meanwhile.

import { openSite } from '../tests/browser/harness.mjs';

const records = Number(process.argv[2] ?? 1_000_000);
const site = await openSite();
const { page } = await site.visit('event-time.html', { viewport: { width: 1440, height: 900 } });
await page.waitForSelector('#late', { timeout: 60_000 });

/// As the profile mobile: log-normal delays, one record in a hundred 20 to 120 s. Small steps of a plain generator.
function csv() {
  let state = 42;
  const draw = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  const rows = ['event_time,arrival_time,key'];
  for (let n = 0; n < records; n++) {
    const event = 1_772_355_600_000 + n * 5;
    const normal = Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
    const delay = draw() < 0.01 ? 20_000 + 100_000 * draw() : 1_200 * Math.exp(0.704 * normal);
    rows.push(`${event},${event + Math.round(delay)},d${n % 1_000}`);
  }
  return Buffer.from(rows.join('\n'));
}

async function timed(name, work) {
  await page.evaluate(() => {
    globalThis.gap = 0;
    let last = performance.now();
    globalThis.watching = true;
    const frame = (now) => {
      globalThis.gap = Math.max(globalThis.gap, now - last);
      last = now;
      if (globalThis.watching) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  const began = performance.now();
  await work();
  const took = performance.now() - began;
  const gap = await page.evaluate(() => {
    globalThis.watching = false;
    return globalThis.gap;
  });
  console.log(`${name.padEnd(44)}${`${Math.round(took)} ms`.padStart(10)}   longest gap between frames ${Math.round(gap)} ms`);
}

const idle = async () => {
  await page.waitForTimeout(50);
  await page.waitForSelector('#busy', { state: 'detached', timeout: 300_000 });
};
const file = csv();
// Larger than what the driver hands over at once, so it goes by a path.
const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
const folder = mkdtempSync('/tmp/streamproof-');
writeFileSync(`${folder}/arrivals.csv`, file);
const shown = records.toLocaleString('en').replaceAll(',', '\u202f');
await timed(`import of ${Math.round(file.length / 1e6)} MB of CSV, and the delays`, async () => {
  await page.setInputFiles('#file', `${folder}/arrivals.csv`);
  await page.waitForSelector(`#loaded:has-text("${shown} arrivals")`, { timeout: 300_000 });
});
rmSync(folder, { recursive: true });
await timed('the chosen setting, the late-drop curve', async () => {
  await page.waitForFunction((shown) => document.querySelector('#events b')?.textContent === shown, shown, { timeout: 300_000 });
  await page.waitForSelector('#late-curve', { timeout: 300_000 });
  await idle();
});
await page.getByRole('tab', { name: 'Sweep' }).click();
for (const [kind, by] of [['tumbling', 'all'], ['tumbling', 'key'], ['sliding', 'key'], ['session', 'key']]) {
  await page.selectOption('#window-kind', kind);
  await page.selectOption('#windows-by', by);
  await idle();
  await page.waitForTimeout(1_000);
  await idle();
  await timed(`sweep of 50 settings, ${kind}, by ${by}`, async () => {
    await page.click('#run-sweep');
    await page.waitForSelector('#busy', { timeout: 10_000 });
    await page.waitForSelector('#busy', { state: 'detached', timeout: 300_000 });
  });
}
await page.focus('#plane');
await page.keyboard.press('ArrowRight');
await page.waitForSelector('#plane .taken');
await timed('ten steps of a record on the plane', async () => {
  for (let n = 0; n < 10; n++) {
    const before = await page.locator('#plane .ring').getAttribute('d');
    await page.keyboard.press('ArrowUp');
    await page.waitForFunction((before) => document.querySelector('#plane .ring')?.getAttribute('d') !== before, before);
  }
});
await site.close();
