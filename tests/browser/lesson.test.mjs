// The lesson beside the run, from the first question to the last task.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertClean, openSite, toSandbox } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

test('predict, run, observe, explain, two tasks: each step holds the learner to it and lets them pass', async () => {
  const { page, report, close } = await site.visit('', { viewport: { width: 1440, height: 900 } });
  await page.click('#to-lesson');
  const lesson = page.locator('#lesson');
  const heading = () => lesson.locator('h2').first().innerText();
  const next = () => page.click('#next-step');
  const step = async (name) => {
    const wanted = lesson.locator(`.steps button[aria-label*=", ${name}: "]`).first();
    await wanted.click();
    return wanted;
  };
  const option = (text) => lesson.locator('.options').getByText(text, { exact: true }).click();
  assert.match(await lesson.locator('h1').innerText(), /The lost acknowledgement/);

  await step('run');
  assert.ok(await page.locator('#lesson-run').isDisabled(), 'no run before the prediction');
  await step('predict');
  await option('One');
  const lock = lesson.getByRole('button', { name: 'Lock in my prediction' });
  assert.ok(await lock.isDisabled(), 'how sure comes first');
  await lesson.locator('.sure input').nth(2).check();
  await lock.click();
  await step('run');
  await page.click('#lesson-run');
  await page.waitForSelector('#cure');
  assert.match(await lesson.locator('.beside').innerText(), /You predicted[\s\S]*One[\s\S]*The run shows[\s\S]*Two/);

  await next();
  assert.equal(await heading(), 'What the table says');
  await page.keyboard.press('End');
  await lesson.locator('.typed').fill('1');
  await lesson.getByRole('button', { name: 'Check' }).click();
  assert.match(await lesson.locator('.said').last().innerText(), /Yes: 1/);

  await next();
  const fold = lesson.locator('.fold');
  assert.equal(await fold.getAttribute('open'), null, 'the explanation is folded until asked for');
  await option('The answer of broker 2 got lost.');
  await lesson.getByRole('button', { name: 'Check' }).click();
  assert.notEqual(await fold.getAttribute('open'), null);

  await next();
  await option('Only the break on the way back');
  await lesson.locator('.sure input').nth(1).check();
  await lock.click();
  await next();
  assert.equal(await heading(), 'Trade lost orders for doubled ones');
  const passed = () => lesson.locator('.checks li[data-passed=true]').count();
  assert.equal(await passed(), 0, 'not passed by the run it starts from');
  const retries = page.locator('[id="set-retries"]');
  await retries.fill('2147483647');
  await retries.press('Enter');
  await page.click('#lesson-run');
  await page.waitForFunction(() => document.querySelector('.now small').textContent.includes('paused'));
  await page.waitForFunction(() => document.querySelectorAll('.checks li[data-passed=true]').length === 1);

  await next();
  assert.equal(await passed(), 0);
  if ((await retries.inputValue()) !== '2147483647') {
    await retries.fill('2147483647');
    await retries.press('Enter');
  }
  await page.locator('[id="set-enable.idempotence"]').selectOption('true');
  await page.click('#lesson-run');
  await page.waitForFunction(() => document.querySelectorAll('.checks li[data-passed=true]').length === 2);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('End');
  assert.equal(await page.locator('[data-counter=duplicates] b').innerText(), '0');
  assertClean(report);
  await close();
});

test('a lesson that the course does not have is named, and nothing else breaks', async () => {
  const { page, close } = await site.visit('?lesson=no-such-lesson', { viewport: { width: 1440, height: 900 } });
  await toSandbox(page);
  assert.match(await page.locator('#lesson [role=alert]').innerText(), /"no-such-lesson"/);
  await page.waitForSelector('[data-counter=sent]');
  await close();
});
