// The decision framework on the page: questions, path, profile, what is measured, the record. The terminal is the witness.

import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { SIZES, accessibilityProblems, assertClean, openSite, openTool, program, toSandbox, visitSized } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

const visit = (...how) => visitSized(site, ...how);

const open = async (page) => {
  await toSandbox(page);
  await openTool(page, '#decide');
  await page.waitForSelector('.asking form');
};

/// Answers the question that is open by mouse, and goes on.
const answer = async (page, id, value) => {
  await page.check(`.asking input[name="${id}"][value="${value}"]`);
  await page.click('#decide-next');
};

/// The answers to everything that is asked, in order; those that are left out stay as they are.
const ANSWERS = { missing: 'money', doubled: 'money', id: 'before', sink: 'table', replace: 'no', fresh: 'second' };

const answerAll = async (page, answers) => {
  for (let left = 12; left > 0; left -= 1) {
    const input = page.locator('.asking input').first();
    if ((await input.count()) === 0) return;
    const id = await input.getAttribute('name');
    if (answers[id]) await answer(page, id, answers[id]);
    else await page.click('#decide-next');
  }
};

const words = (answers) => Object.entries(answers).flatMap(([id, value]) => ['--answer', `${id}=${value}`]);

test('the answers lead to a profile, which is measured, applied, and recorded as the terminal records it', async () => {
  const { page, report, close } = await visit();
  await open(page);
  await answerAll(page, ANSWERS);
  await page.waitForSelector('[data-leaf="P3"]');
  assert.equal(await page.locator('.tree [aria-current]').innerText().then((text) => /P3/.test(text)), true);
  const settings = await page.locator('.layer').allInnerTexts();
  assert.match(settings.join('\n'), /enable\.idempotence[\s\S]*true/);
  await page.click('#decide-measure');
  await page.waitForSelector('#decide-record', { timeout: 180_000 });
  const download = page.waitForEvent('download');
  await page.click('#decide-record');
  const mine = readFileSync(await (await download).path(), 'utf8');
  const file = join(tmpdir(), `streamproof-decide-${process.pid}.md`);
  const truth = JSON.parse(program('decide', ...words(ANSWERS), '--json', '--record', file));
  assert.equal(mine, readFileSync(file, 'utf8'));
  rmSync(file);
  assert.match(await page.locator('.kept').innerText(), new RegExp(`exactly-once held at all ${truth.promises[0].points} crash points`));
  assert.equal(await page.locator('.costs dt').count(), truth.costs.length);
  await page.click('#decide-apply');
  await page.waitForFunction((digest) => document.getElementById('digest')?.dataset.digest === digest, truth.digest);
  assert.equal(await page.locator('.decide').count(), 0);
  assertClean(report);
  await close();
});

test('a pipeline of two segments is decided, measured and recorded as the terminal does it', async () => {
  const billing = { missing: 'money', doubled: 'money', id: 'before', sink: 'table', replace: 'no' };
  const monitoring = { missing: 'nothing', doubled: 'nothing', sink: 'effect' };
  const { page, report, close } = await visit();
  await open(page);
  await page.click('#decide-add');
  const names = () => page.locator('.segments [aria-current], .segments .btn.quiet').allInnerTexts();
  assert.deepEqual(await names(), ['billing', 'monitoring']);
  // The second one is open, and reads the topic until somebody says otherwise.
  assert.deepEqual(await page.locator('#decide-from option').allInnerTexts(), ['the topic', 'what billing writes']);
  await answerAll(page, monitoring);
  // What is missing in another segment is said with its name.
  assert.match(await page.locator('.outcome [role=alert]').innerText(), /^billing\.missing/);
  await page.getByRole('button', { name: 'billing', exact: true }).click();
  await answerAll(page, billing);
  await page.waitForSelector('[data-leaf="P3"]');
  assert.equal(await page.locator('.outcome > [data-leaf]').count(), 2);
  assert.deepEqual(await accessibilityProblems(page), []);
  await page.click('#decide-measure');
  await page.waitForSelector('#decide-record', { timeout: 240_000 });
  const download = page.waitForEvent('download');
  await page.click('#decide-record');
  const mine = readFileSync(await (await download).path(), 'utf8');
  const file = join(tmpdir(), `streamproof-tiers-${process.pid}.md`);
  const named = (name, answers) => Object.entries(answers).flatMap(([id, value]) => ['--answer', `${name}.${id}=${value}`]);
  program('decide', ...named('billing', billing), ...named('monitoring', monitoring), '--record', file);
  assert.equal(mine, readFileSync(file, 'utf8'));
  rmSync(file);
  // Without its second segment it is what it was with one.
  await page.getByRole('button', { name: 'monitoring', exact: true }).click();
  await page.click('#decide-remove');
  await page.waitForFunction(() => document.querySelectorAll('.outcome > [data-leaf]').length === 1);
  assert.equal(await page.locator('.segments [aria-current]').count(), 0);
  assertClean(report);
  await close();
});

test('by keyboard alone, and what contradicts is said with its question', async () => {
  const { page, report, close } = await visit();
  await open(page);
  // The question that is open has the focus; its answers come next.
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'H2');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.isChecked('input[name="missing"][value="money"]'), true);
  await page.keyboard.press('Enter');
  await page.waitForSelector('input[name="doubled"]');
  await answerAll(page, { missing: 'money', doubled: 'removed', sink: 'table', late: 'drop' });
  const alert = await page.locator('.outcome [role=alert]').innerText();
  assert.match(alert, /^late: "drop" throws late events away, and missing=money/);
  // The answer is opened again and changed.
  await page.locator('.given button', { hasText: 'late' }).click();
  await answer(page, 'late', 'any');
  await answerAll(page, {});
  await page.waitForSelector('[data-leaf="P2"]');
  await page.click('#decide-close');
  await page.waitForFunction(() => !document.querySelector('.decide'));
  assertClean(report);
  await close();
});

test('in every size and both themes nothing runs over, and the rules of accessibility hold', async () => {
  for (const size of Object.keys(SIZES)) {
    for (const colorScheme of ['light', 'dark']) {
      const { page, report, close } = await visit(size, '', { colorScheme });
      await open(page);
      const over = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(await over(), 0, `${size}: the question`);
      assert.deepEqual(await accessibilityProblems(page), [], `${size} ${colorScheme}: the question`);
      await answerAll(page, ANSWERS);
      assert.equal(await over(), 0, `${size}: the profile`);
      assert.deepEqual(await accessibilityProblems(page), [], `${size} ${colorScheme}: the profile`);
      assertClean(report);
      await close();
    }
  }
});
