// The spacetime diagram: messages that really went over the network, lit for the order that is followed; the same as a list and
// as a file. And the small one of an explanation.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { accessibilityProblems, assertClean, openSite, openTool, SIZES, toSandbox, visitSized } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

/// Opens the diagram around the lost acknowledgement of the opening run, with its messages there.
const opened = async (size = 'desk', options = {}, scenario = null, at = 3200) => {
  const visited = await visitSized(site, size, '', options);
  const { page } = visited;
  await toSandbox(page);
  if (scenario) {
    await page.selectOption('#scenario', scenario);
    await page.waitForFunction((id) => document.querySelector('.about.mono')?.textContent === id && document.querySelector('#digest'), scenario);
  }
  await page.locator('#scrubber').evaluate((input, value) => {
    input.value = String(value);
    input.dispatchEvent(new Event('input', { bubbles: true }));
  }, at);
  await openTool(page, '#spacetime');
  await page.waitForSelector('.spacetime svg .st-lane', { state: 'attached' });
  await page.waitForFunction(() => document.querySelectorAll('.spacetime > svg .st-arrow').length > 3, null, { timeout: 30_000 });
  return visited;
};
const said = (page) => page.locator('.st-say p').innerText();
const diagram = '.spacetime > svg';

test('the lost acknowledgement is an answer that never left, found by keyboard and told in words', async () => {
  const { page, report, close } = await opened();
  assert.equal(await page.locator(`${diagram} .st-cross`).count(), 1);
  await page.focus(diagram);
  await page.keyboard.press('PageDown');
  assert.match(await said(page), /^broker 2 to producer: produce response, about #17, sent at 3\.115 s, never left/);
  assert.equal(await page.locator(`${diagram} .st-picked`).count(), 1);
  await page.keyboard.press('ArrowRight');
  assert.doesNotMatch(await said(page), /never left/);
  await page.keyboard.press('PageUp');
  assertClean(report);
  await close();
});

test('the followed order lights its messages and dims the rest, here and in the picture, and the other way round', async () => {
  const { page, report, close } = await opened();
  await page.focus(diagram);
  await page.keyboard.press('PageDown');
  await page.keyboard.press('Enter');
  assert.ok((await page.locator(`${diagram} .st-arrow.st-lit`).count()) >= 4);
  assert.ok((await page.locator(`${diagram} .st-arrow.st-dim`).count()) >= 1);
  assert.equal(await page.locator('[data-follow="17"]').getAttribute('aria-pressed'), 'true');
  // Another order, from the list of a counter.
  await page.keyboard.press('1');
  await page.locator('.pick-order').nth(15).click();
  await page.waitForFunction(() => /about #16/.test(document.querySelector('.spacetime > svg').getAttribute('aria-label')));
  assertClean(report);
  await close();
});

test('mouse and keyboard move and zoom the window, and one key goes back to the playhead', async () => {
  const { page, report, close } = await opened();
  const window_ = () => page.locator('.st-window-words').innerText();
  const first = await window_();
  const box = await page.locator(diagram).boundingBox();
  await page.mouse.move(box.x + 400, box.y + 100);
  await page.mouse.down();
  await page.mouse.move(box.x + 300, box.y + 100, { steps: 5 });
  await page.mouse.up();
  const dragged = await window_();
  assert.notEqual(dragged, first);
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -200);
  await page.keyboard.up('Control');
  await page.waitForFunction((before) => document.querySelector('.st-window-words').textContent !== before, dragged);
  await page.focus(diagram);
  const span = async () => {
    const [from, to] = (await window_()).match(/[\d.]+/g).map(Number);
    return to - from;
  };
  const zoomed = await span();
  await page.keyboard.press('-');
  assert.ok((await span()) > zoomed * 1.5);
  await page.keyboard.press('Shift+ArrowRight');
  await page.keyboard.press('0');
  assert.equal(await page.locator('#st-now').isDisabled(), true);
  // Pointing tells what is there.
  const arrow = await page.locator(`${diagram} .st-arrow.st-lost`).boundingBox();
  await page.mouse.move(arrow.x + arrow.width / 2, arrow.y + arrow.height / 2);
  await page.waitForFunction(() => /never left/.test(document.querySelector('.st-say p').textContent));
  assertClean(report);
  await close();
});

test('the list and the file have what the picture has', async () => {
  const { page, report, close } = await opened();
  await page.click('#st-list');
  const rows = await page.locator('.st-entries li').count();
  assert.ok(rows > 10);
  assert.equal(await page.locator('.st-entries li[data-kind=lost]').count(), 1);
  const facts = await page.locator('.st-entries li[data-kind=append]').allInnerTexts();
  assert.ok(facts.some((text) => /broker 2 at 3\.109 s: appends #17 at offset 8/.test(text)), facts.join('\n'));
  const saving = page.waitForEvent('download');
  await page.click('#st-svg');
  const svg = await readFile(await (await saving).path(), 'utf8');
  assert.match(svg, /^<svg xmlns[\s\S]*st-cross[\s\S]*run [0-9a-f]{16}, seed[\s\S]*<\/svg>$/);
  assert.doesNotMatch(svg, /<script|foreignObject|href|http:\/\/(?!www\.w3\.org)/);
  await page.locator('.st-entries .when').first().click();
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.spacetime').count(), 0);
  assertClean(report);
  await close();
});

test('a crash is a gap in its lane, in the whole run and without a stall', async () => {
  const { page, report, close } = await opened('desk', {}, 'append-after-write', 6000);
  for (let n = 0; n < 6; n += 1) await page.click('#st-out');
  await page.waitForSelector(`${diagram} .st-down`, { state: 'attached' });
  // The whole run has beads instead of hundreds of lines.
  assert.ok((await page.locator(`${diagram} .st-bundle`).count()) > 0);
  assert.ok((await page.locator(`${diagram} *`).count()) < 2500);
  assertClean(report);
  await close();
});

test('an explanation has its thread as a diagram', async () => {
  const { page, report, close } = await opened();
  await page.keyboard.press('End');
  await page.keyboard.press('e');
  await page.waitForSelector('.thread svg');
  const told = await page.locator('.thread svg').getAttribute('aria-label');
  assert.match(told, /p1 > b2: the connection breaks[\s\S]*producer: sends #17, attempt 2[\s\S]*2 rows of #17 become visible/);
  assert.equal(await page.locator('.thread .th-twice-word').innerText().catch(() => page.locator('.thread .th-twice-word').textContent()), '×2');
  assertClean(report);
  await close();
});

test('no rule of accessibility is broken in any size and either theme', async () => {
  for (const size of Object.keys(SIZES)) {
    for (const colorScheme of ['light', 'dark']) {
      const { page, report, close } = await opened(size, { colorScheme });
      await page.click('#st-list');
      assert.deepEqual(await accessibilityProblems(page), [], `${size}, ${colorScheme}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${size} scrolls sideways`);
      assertClean(report);
      await close();
    }
  }
});
