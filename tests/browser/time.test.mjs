// Time: speeds, typing a time, loops, from outcome to outcome, and runs that were left and come back whole.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { accessibilityProblems, assertClean, openSite, toSandbox, visitSized } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

const sandbox = async (size = 'desk', query = '') => {
  const visited = await visitSized(site, size, query);
  // A link opens the stage by itself.
  if (!query.includes('#r=')) await toSandbox(visited.page);
  await visited.page.evaluate(() => document.activeElement.blur());
  return visited;
};
/// Where a time is typed, once it has the focus.
const FIELD = '[aria-label="Time, in seconds"]:focus';
const clock = (page) => page.locator('.now b').innerText();
const at = (page) => page.locator('#scrubber').inputValue().then(Number);
const digest = (page) => page.locator('#digest').getAttribute('data-digest');
const another = (page, before) => page.waitForFunction((before) => document.getElementById('digest')?.dataset.digest !== before, before);

test('speeds from a tenth to the maximum, by keys and by choice', async () => {
  const { page, close } = await sandbox();
  assert.deepEqual(await page.locator('#speed option').allInnerTexts(), ['0.1×', '0.25×', '0.5×', '1×', '4×', 'max']);
  for (const key of ['[', '[', '[', '[']) await page.keyboard.press(key);
  assert.equal(await page.locator('#speed').inputValue(), '10');
  for (let n = 0; n < 7; n++) await page.keyboard.press(']');
  await page.keyboard.press(' ');
  // Within a second the whole run of ten is through.
  await page.waitForFunction(() => document.querySelector('.now small').textContent.includes('paused'), null, { timeout: 1_500 });
  const end = Number(await page.locator('#scrubber').getAttribute('max'));
  assert.ok((await at(page)) >= end - 10);
  await close();
});

test('a time is typed, and one beyond the end is the end', async () => {
  const { page, close } = await sandbox();
  await page.keyboard.press('t');
  const field = page.getByRole('spinbutton', { name: 'Time, in seconds' });
  await field.fill('3.2');
  await page.keyboard.press('Enter');
  assert.equal(await clock(page), '3.200 s');
  await page.click('#clock');
  await field.fill('999');
  await page.keyboard.press('Enter');
  const end = (await page.locator('.now small').innerText()).match(/of ([\d.]+ s)/)[1];
  assert.equal(await clock(page), end);
  await page.click('#clock');
  await field.fill('1');
  await page.keyboard.press('Escape');
  assert.equal(await clock(page), end, 'given up');
  await close();
});

test('a stretch is played again and again until it is taken away', async () => {
  const { page, close } = await sandbox();
  const type = async (seconds) => {
    await page.keyboard.press('t');
    await page.waitForSelector(FIELD);
    await page.keyboard.type(seconds);
    await page.keyboard.press('Enter');
  };
  await type('1');
  await page.keyboard.press('o');
  assert.equal(await page.locator('#loop').getAttribute('aria-label'), 'Loop up to here');
  await type('1.3');
  await page.click('#loop');
  await page.waitForSelector('.looped');
  const seen = await page.evaluate(
    () =>
      new Promise((done) => {
        const seen = [];
        const watch = setInterval(() => seen.push(Number(document.getElementById('scrubber').value)), 20);
        setTimeout(() => (clearInterval(watch), done(seen)), 1_400);
      }),
  );
  assert.ok(seen.every((ms) => ms >= 990 && ms <= 1_310), `${Math.min(...seen)} to ${Math.max(...seen)}`);
  assert.ok(seen.filter((ms, n) => ms < seen[n - 1]).length >= 2, 'it began anew at least twice');
  await page.keyboard.press('o');
  await page.waitForFunction(() => Number(document.getElementById('scrubber').value) > 1_500);
  await close();
});

test('from outcome to outcome, forth and back', async () => {
  const { page, close } = await sandbox('desk', '#r=1;sc=acks-one');
  await page.waitForSelector('#digest');
  await page.keyboard.press('Home');
  const forth = [];
  for (let n = 0; n < 3; n++) {
    await page.keyboard.press('Shift+Period');
    forth.push(await clock(page));
  }
  const distinct = [...new Set(forth)];
  for (const expected of distinct.toReversed().slice(1)) {
    await page.keyboard.press('Shift+Comma');
    assert.equal(await clock(page), expected);
  }
  await page.keyboard.press('Shift+Comma');
  assert.equal(await clock(page), '0.000 s');
  await close();
});

test('a run that is left for another one stays as a track, and comes back with its settings, its link and its digest', async () => {
  const { page, report, close } = await sandbox();
  await page.keyboard.press('Shift+Period');
  const [first, moment] = [await digest(page), await clock(page)];
  assert.equal(await page.locator('.track').count(), 0);
  await page.click('#cure');
  await another(page, first);
  const second = await digest(page);
  const track = page.locator('.track');
  assert.match(await track.getAttribute('title'), /Back to run 1: as the scenario is\. 1 duplicates, 0 lost\. The same up to \d\.\d{3} s/);
  assert.deepEqual(await accessibilityProblems(page), []);

  // By mouse: the moment that is looked at stays.
  await page.keyboard.press('t');
  await page.waitForSelector(FIELD);
  await page.keyboard.type(moment.replace(' s', ''));
  await page.keyboard.press('Enter');
  await track.click();
  await another(page, second);
  assert.equal(await digest(page), first);
  assert.equal(await clock(page), moment);
  assert.match(await page.locator('.verdict').innerText(), /Order 17 was billed twice/);
  await page.waitForFunction((digest) => location.hash.includes(`d=${digest}`), first);
  assert.doesNotMatch(decodeURIComponent(page.url()), /enable\.idempotence/);

  // By keyboard: and forth again.
  await track.focus();
  assert.match(await track.getAttribute('title'), /Back to run 2: enable\.idempotence=true/);
  await page.keyboard.press('Enter');
  await another(page, first);
  assert.equal(await digest(page), second);
  await page.waitForFunction(() => decodeURIComponent(location.hash).includes('enable.idempotence:true'));

  // No more than three are kept.
  for (let n = 0; n < 4; n++) {
    const before = await digest(page);
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('n');
    await another(page, before);
  }
  assert.equal(await page.locator('.track').count(), 3);
  assertClean(report);
  await close();
});

test('a fault that is put in while the past is looked at forks, and the old branch is there', async () => {
  const { page, close } = await sandbox();
  const first = await digest(page);
  await page.keyboard.press('t');
  await page.waitForSelector(FIELD);
  await page.keyboard.type('2');
  await page.keyboard.press('Enter');
  await page.keyboard.press('f');
  await page.selectOption('#fault-kind', 'broker.crash.kept');
  await page.click('#inject');
  await another(page, first);
  assert.equal(await clock(page), '2.000 s', 'it stays at the fork');
  const label = await page.locator('.track').getAttribute('title');
  const same = Number(label.match(/The same up to ([\d.]+) s/)[1]);
  assert.ok(same <= 2 && same > 1.5, label);
  await page.keyboard.press('Escape');
  await page.locator('.track').click();
  await page.waitForFunction((first) => document.getElementById('digest').dataset.digest === first, first);
  await close();
});

for (const size of ['tablet', 'phone', 'frame']) {
  test(`${size}: tracks fit and break no accessibility rule`, async () => {
    const { page, close } = await visitSized(site, size);
    await page.click('#run');
    await page.waitForSelector('#cure');
    const before = await page.evaluate(() => document.getElementById('digest').dataset.digest);
    await page.click('#cure');
    await another(page, before);
    await page.waitForSelector('.track', { state: 'attached' });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
    assert.deepEqual(await accessibilityProblems(page), []);
    await close();
  });
}
