// What is measured: metric cards at faults, state and cost, pictures as files, and the same scenario over many seeds.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { accessibilityProblems, assertClean, openSite, openTool, program, SIZES, toSandbox, visitSized } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

const opened = async (size = 'desk', options = {}, at = null) => {
  const visited = await visitSized(site, size, '', options);
  const { page } = visited;
  await toSandbox(page);
  if (at !== null) await seek(page, at);
  return visited;
};
const seek = (page, at) =>
  page.locator('#scrubber').evaluate((input, value) => {
    input.value = String(value);
    input.dispatchEvent(new Event('input', { bubbles: true }));
  }, at);

test('a fault has a chip once the playhead has passed it, and its card names metric, change and fact', async () => {
  const { page, report, close } = await opened('desk', {}, 3000);
  await page.waitForSelector('.cards', { state: 'attached' });
  assert.equal(await page.locator('.metric-chip').count(), 0, 'nothing has struck yet');
  await seek(page, 3210);
  const chip = page.locator('.metric-chip');
  await chip.waitFor();
  assert.match(await chip.getAttribute('aria-label'), /record-retry-total 0 → 1/);
  await chip.focus();
  await page.keyboard.press('Enter');
  const row = page.locator('[data-metric="record-retry-total"]');
  assert.match(await row.innerText(), /0\s+1\s+\+1\s+3\.112 s\s*fact 202, producer: .*NETWORK_EXCEPTION/);
  assert.deepEqual(await accessibilityProblems(page), []);
  await page.locator('[data-metric="record-send-total"] .when').click();
  assert.match(await page.locator('.now b').innerText(), /3\.201 s/);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.metric-card').count(), 0);
  // The flag itself opens it as well.
  await page.locator('.timeline .on-strip .grip').click({ force: true }); // the flag's cloth is drawn over it
  await page.waitForSelector('.metric-card');
  assertClean(report);
  await close();
});

test('state and cost are plots like the others, and every plot can be had as table, PNG, SVG and CSV', async () => {
  const { page, report, close } = await opened('desk', {}, 9000);
  await page.waitForSelector('#more-plots');
  await page.click('#more-plots');
  for (const [name, told] of [
    ['State', /rows? of state; the newest visible order is/],
    ['Cost', /Produce requests.*replica copies.*data files.*commits/],
    ['Latency', /P95/],
  ]) {
    const plot = page.locator(`figure[aria-label="${name}"]`);
    await plot.locator('canvas[aria-label]').waitFor();
    assert.match(await plot.locator('canvas').getAttribute('aria-label'), told);
    await plot.locator('summary').click();
    const saved = async (kind) => {
      const saving = page.waitForEvent('download');
      await plot.locator('.plot-menu button', { hasText: kind }).click();
      const file = await saving;
      assert.equal(file.suggestedFilename(), `streamproof-${name.toLowerCase()}.${kind.toLowerCase()}`);
      return readFile(await file.path());
    };
    const png = await saved('PNG');
    assert.deepEqual([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    assert.ok(png.length > 2000, 'there is something on it');
    assert.match((await saved('SVG')).toString(), /^<svg[\s\S]*<\/svg>\s*$/);
    assert.match((await saved('CSV')).toString(), /^"/);
    await plot.locator('.plot-menu button', { hasText: 'Table' }).click();
    assert.ok((await plot.locator('.plot-table tbody tr').count()) > 0);
    await plot.locator('.plot-menu button', { hasText: 'Table' }).click();
    await plot.locator('summary').click();
  }
  const cost = page.locator('figure[aria-label="Cost"] canvas');
  const orders = JSON.parse(program('run', 'order-billing', '--json')).src;
  assert.match(await cost.getAttribute('aria-label'), new RegExp(`${orders + 1} Produce requests`));
  assertClean(report);
  await close();
});

test('many seeds show the spread that the terminal counts, and a bar opens a seed of it', async () => {
  const { page, report, close } = await opened();
  await openTool(page, '#seeds');
  await page.selectOption('#seeds-number', '50');
  await page.click('#seeds-run');
  await page.waitForSelector('.shares li', { timeout: 60_000 });
  const truth = JSON.parse(program('seeds', 'order-billing', '--seeds', '50', '--json'));
  const refuted = truth.refuted['at-most-once'].runs;
  const held = await page.locator('[data-guarantee="at-most-once"]').innerText();
  assert.ok(held.startsWith(`at-most-once held in ${50 - refuted} of 50 seeds`), held);
  assert.equal(await page.locator('.spread canvas').count(), 3);
  const dup = page.locator('.spread').first();
  assert.match(await dup.locator('canvas').getAttribute('aria-label'), /seeds?/);
  const button = dup.locator('.spread-seeds button').last();
  const seed = (await button.innerText()).match(/seed (\d+)/)[1];
  await button.focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction((seed) => [...document.querySelectorAll('.about')].some((one) => one.textContent.startsWith(`seed ${seed} `)), seed);
  // The report stays: it is of the same settings.
  assert.equal(await page.locator('.shares').count(), 1);
  assert.equal(await dup.locator(`[aria-pressed=true]`).count(), 1);
  const other = page.locator('.spread-over rect').first();
  const before = await other.getAttribute('data-seed');
  await other.click();
  await page.waitForFunction((seed) => [...document.querySelectorAll('.about')].some((one) => one.textContent.startsWith(`seed ${seed} `)), before);
  assertClean(report);
  await close();
});

test('many seeds can be cancelled', async () => {
  const { page, report, close } = await opened();
  await page.keyboard.press('m');
  await page.waitForSelector('#seeds-number');
  await page.selectOption('#seeds-number', '5000');
  await page.click('#seeds-run');
  await page.click('#stop-exploring');
  await page.waitForSelector('#seeds-run');
  assert.equal(await page.locator('.shares').count(), 0);
  assertClean(report);
  await close();
});

test('no rule of accessibility is broken in any size and either theme', async () => {
  for (const size of Object.keys(SIZES)) {
    for (const colorScheme of ['light', 'dark']) {
      const { page, report, close } = await opened(size, { colorScheme }, 4000);
      await openTool(page, '#seeds');
      await page.selectOption('#seeds-number', '50');
      await page.click('#seeds-run');
      await page.waitForSelector('.shares li', { timeout: 60_000 });
      assert.deepEqual(await accessibilityProblems(page), [], `${size}, ${colorScheme}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${size} scrolls sideways`);
      assertClean(report);
      await close();
    }
  }
});
