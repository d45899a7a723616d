// What a learner did is there again after a reload, in a file, and for review; and the page works where nothing can be kept.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { accessibilityProblems, assertClean, openSite, SIZES, visitSized } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

const KEY = 'streamproof.v1';
const DAY = 24 * 60 * 60 * 1000;
const shot = process.env.SHOTS;
const kept = (page) => page.evaluate((key) => localStorage.getItem(key), KEY);
const begun = async (page) => {
  await page.click('#to-lesson');
  await page.waitForSelector('.steps button');
};
const step = (page, n) => page.locator('.steps button').nth(n).click();
/// The first prediction of the opening lesson, answered and locked in.
const predict = async (page) => {
  await page.locator('.steps button[aria-label*=", predict: "]').first().click();
  const ask = page.locator('[data-ask=p1]');
  await ask.locator('.options input').first().check();
  await ask.locator('.sure input').nth(2).check();
  await ask.locator('button.primary').click();
};
/// Every prediction before the first task.
const predictAll = async (page) => {
  await predict(page);
  await page.locator('.steps button[aria-label*=", predict: "]').nth(1).click();
  const ask = page.locator('[data-ask=p2]');
  await ask.locator('.options input').first().check();
  await ask.locator('.sure input').nth(0).check();
  await ask.locator('button.primary').click();
};
const today = () => Math.floor((Date.now() - new Date().getTimezoneOffset() * 60_000) / DAY);
/// Progress in which a lesson was finished so many days ago.
const finished = (days, seed = 42) =>
  JSON.stringify({
    format: 'streamproof-progress',
    v: 1,
    lessons: {
      'lost-ack': {
        opened: today() - days,
        step: 6,
        steps: 12,
        touched: 1,
        tasks: { 'Trade lost orders for doubled ones/1': { day: today() - days, seed } },
        review: { stage: 0, day: today() - days },
      },
    },
  });
const stored = (page, text) => page.addInitScript(([key, text]) => localStorage.getItem(key) ?? localStorage.setItem(key, text), [KEY, text]);

test('step, answers, passed tasks and changed settings are there after a reload, and whoever only looks in leaves nothing', async () => {
  const { page, report, close } = await visitSized(site);
  await begun(page);
  assert.equal(await kept(page), null, 'nothing was done yet');
  await predictAll(page);
  await page.locator('.steps button[aria-label*=", task: Trade lost"]').click();
  await page.locator('[id="set-retries"]').fill('2147483647');
  await page.locator('[id="set-retries"]').press('Enter');
  await page.click('#lesson-run');
  await page.waitForFunction(() => document.querySelectorAll('.checks li[data-passed=true]').length === 1);
  const before = JSON.parse(await kept(page));
  assert.equal(before.format, 'streamproof-progress');
  assert.equal(before.v, 1);
  const record = before.lessons['lost-ack'];
  assert.equal(record.predictions.p1.sure, 3);
  assert.equal(record.tasks['Trade lost orders for doubled ones/1'].seed, 42);
  assert.equal(record.changed.producer.retries, 2147483647);

  // No link can say what this step begins with, so the address has no run: the start page leads back, whichever way one comes.
  for (const again of [() => page.reload(), () => page.goto(site.url)]) {
    await again();
    await page.click('#continue');
    await page.waitForSelector('.steps button');
    await page.waitForFunction(() => document.querySelector('#lesson h2')?.innerText === 'Trade lost orders for doubled ones');
    assert.equal(await page.locator('.checks li[data-passed=true]').count(), 1);
    await page.waitForFunction(() => document.querySelector('[id="set-retries"]')?.value === '2147483647');
    assert.match(await page.locator('.reset-all').innerText(), /1 changed/);
    assert.equal(await page.locator('#rejoin').count(), 0, 'the picture is that of the step');
    await page.locator('.steps button[aria-label*=", predict: "]').first().click();
    assert.ok(await page.locator('[data-ask=p1] .options input').first().isChecked());
    assert.ok(await page.locator('[data-ask=p1] .options input').first().isDisabled());
    await page.locator('.steps button[aria-label*=", task: Trade lost"]').click();
  }
  assertClean(report);
  await close();
});

test('the start page says where to go on, how each lesson stands, and what is due with another seed', async () => {
  const { page, report, close } = await visitSized(site);
  await stored(page, finished(3));
  await page.goto(site.url);
  await page.waitForSelector('#continue');
  assert.match(await page.locator('.study').innerText(), /Continue: 2\.2 The lost acknowledgement\s+all tasks passed/);
  assert.match(await page.locator('.due').innerText(), /The lost acknowledgement with seed 1, for 2 days/);
  assert.deepEqual(await accessibilityProblems(page), []);
  if (shot) for (const size of Object.keys(SIZES)) {
    await page.setViewportSize({ width: SIZES[size][0], height: SIZES[size][1] });
    await page.screenshot({ path: `${shot}/study-${size}.png`, fullPage: true });
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.locator('.due .link').click();
  await page.waitForSelector('.review');
  assert.match(await page.locator('.review').innerText(), /with seed 1/);
  assert.match(await page.locator('.top').innerText(), /seed 1\b/);
  assert.equal(await page.locator('.checks li[data-passed=true]').count(), 0, 'a review begins anew');
  await page.locator('[id="set-retries"]').fill('2147483647');
  await page.locator('[id="set-retries"]').press('Enter');
  await page.click('#lesson-run');
  await page.waitForFunction(() => /It comes back in 3 days/.test(document.querySelector('.review')?.innerText));
  const record = JSON.parse(await kept(page)).lessons['lost-ack'];
  assert.deepEqual(record.review, { stage: 1, day: today() });
  assert.equal(record.tasks['Trade lost orders for doubled ones/1'].seed, 42, 'the first pass stays what it was');
  await page.goto(site.url);
  await page.waitForSelector('#continue');
  assert.equal(await page.locator('.due').count(), 0, 'not due any more');
  assertClean(report);
  await close();
});

test('who does not remember gets the lesson again, and it comes back tomorrow', async () => {
  const { page, report, close } = await visitSized(site);
  await stored(page, finished(1));
  await page.goto(site.url);
  await page.locator('.due .link').click();
  await page.getByRole('button', { name: 'I need the lesson again' }).click();
  await page.waitForSelector('.review', { state: 'detached' });
  assert.match(await page.locator('.step-no').innerText(), /Step 1 of/);
  assert.deepEqual(JSON.parse(await kept(page)).lessons['lost-ack'].review, { stage: 0, day: today() });
  assertClean(report);
  await close();
});

test('progress is saved as a file, opened from one, erased by a typed word and had back', async () => {
  const { page, report, close } = await visitSized(site);
  await begun(page);
  await predict(page);
  await page.click('#browse');
  await page.getByRole('button', { name: 'Your progress' }).click();
  const coming = page.waitForEvent('download');
  await page.click('#save-progress');
  const file = await (await coming).path();
  const text = await readFile(file, 'utf8');
  assert.equal(JSON.parse(text).lessons['lost-ack'].predictions.p1.sure, 3);

  assert.ok(await page.locator('#erase-progress').isDisabled());
  await page.fill('#erase-word', 'erase');
  await page.click('#erase-progress');
  assert.deepEqual(JSON.parse(await kept(page)).lessons, {});
  await page.click('#undo-erase');
  assert.equal(JSON.parse(await kept(page)).lessons['lost-ack'].predictions.p1.sure, 3);
  await page.fill('#erase-word', 'erase');
  await page.click('#erase-progress');

  const open = (text) => page.setInputFiles('#open-progress', { name: 'p.json', mimeType: 'application/json', buffer: Buffer.from(text) });
  await open(text.replace('"v":1', '"v":2'));
  await page.waitForFunction(() => /v: 2 is not known here/.test(document.querySelector('.keeping [role=status]').innerText));
  await open('nonsense');
  await page.waitForFunction(() => /line 1/.test(document.querySelector('.keeping [role=status]').innerText));
  await open(`${' '.repeat(256 * 1024)}${text}`);
  await page.waitForFunction(() => /larger than 256 kB/.test(document.querySelector('.keeping [role=status]').innerText));
  assert.deepEqual(JSON.parse(await kept(page)).lessons, {}, 'what is refused changes nothing');
  await open(text);
  await page.waitForFunction(() => /has 1 lesson\./.test(document.querySelector('.keeping [role=status]').innerText));
  assert.equal(JSON.parse(await kept(page)).lessons['lost-ack'].predictions.p1.sure, 3);
  assert.deepEqual(await accessibilityProblems(page), []);
  if (shot) await page.screenshot({ path: `${shot}/keeping.png` });
  assertClean(report);
  await close();
});

test('a lesson is begun anew after a second press', async () => {
  const { page, report, close } = await visitSized(site);
  await begun(page);
  await predict(page);
  await page.click('.anew summary');
  await page.click('#anew');
  await page.waitForFunction(() => /Step 1 of/.test(document.querySelector('.step-no').innerText));
  await page.locator('.steps button[aria-label*=", predict: "]').first().click();
  assert.equal(await page.locator('[data-ask=p1] input:checked').count(), 0);
  assertClean(report);
  await close();
});

for (const [name, break_, words] of [
  ['blocked', () => Object.defineProperty(globalThis, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } }), /cannot keep your progress/],
  ['full', () => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }; }, /has no room left/],
]) {
  test(`with storage that is ${name} the lesson works, and the page says so once`, async () => {
    const { page, report, close } = await visitSized(site);
    await page.addInitScript(break_);
    await page.goto(site.url);
    await begun(page);
    await predict(page);
    await page.waitForSelector('#lesson .warning');
    assert.match(await page.locator('#lesson .warning').innerText(), words);
    await page.getByRole('button', { name: 'I know' }).click();
    await page.waitForSelector('.warning', { state: 'detached' });
    // In this tab it is there, and goes into a file.
    await page.click('#browse');
    await page.getByRole('button', { name: 'Your progress' }).click();
    assert.equal(await page.locator('.warning').count(), 0, 'once');
    const coming = page.waitForEvent('download');
    await page.click('#save-progress');
    const text = await readFile(await (await coming).path(), 'utf8');
    assert.equal(JSON.parse(text).lessons['lost-ack'].predictions.p1.sure, 3);
    assertClean(report);
    await close();
  });
}

test('a text that cannot be read stays as it is until somebody erases it', async () => {
  const { page, report, close } = await visitSized(site);
  const damaged = '{"format":"streamproof-progress","v":1,"lessons":{"lost-ack":{"opened":"monday"}}}';
  await stored(page, damaged);
  await page.goto(site.url);
  await page.waitForSelector('.study .warning');
  assert.match(await page.locator('.warning').innerText(), /lessons\.lost-ack\.opened/);
  const coming = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save that text as a file' }).click();
  assert.equal(await readFile(await (await coming).path(), 'utf8'), damaged);
  await begun(page);
  await predict(page);
  assert.equal(await kept(page), damaged);
  await page.click('#browse');
  await page.getByRole('button', { name: 'Your progress' }).click();
  await page.fill('#erase-word', 'erase');
  await page.click('#erase-progress');
  assert.deepEqual(JSON.parse(await kept(page)).lessons, {});
  assertClean(report);
  await close();
});

test('what another tab does is seen here', async () => {
  const { page, report, close } = await visitSized(site);
  await begun(page);
  await page.click('#browse');
  const other = await page.context().newPage();
  await other.goto(site.url);
  await begun(other);
  await predict(other);
  await page.waitForFunction(() => /step \d+ of/.test(document.querySelector('[data-lesson=lost-ack]').parentElement.innerText));
  assertClean(report);
  await close();
});
