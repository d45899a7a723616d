// The run is the address: links are opened and kept, damaged ones say where, and what a link cannot say travels as a file.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { accessibilityProblems, assertClean, openSite, toSandbox } from './harness.mjs';

const GOLDEN = readFileSync(fileURLToPath(new URL('../golden/links.txt', import.meta.url)), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split(' '));
const digestOf = (part) => GOLDEN.find(([link]) => link.includes(part))[1];
const CURED = '#r=1;sc=order-billing;set=enable.idempotence:true';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

const digest = (page) => page.locator('#digest').getAttribute('data-digest');
const notice = (page) => page.locator('.notice').innerText();
const hash = (page) => page.evaluate(() => decodeURIComponent(location.hash));
/// Waits until the run of a digest is shown.
const shows = (page, digest) =>
  page.waitForFunction((digest) => document.getElementById('digest')?.dataset.digest === digest, digest);

test('a link opens its run, says that it is the one that was shared, and goes to its moment', async () => {
  const known = digestOf('set=enable.idempotence:true');
  const { page, report, close } = await site.visit(`${CURED};t=4000;d=${known}`);
  await shows(page, known);
  await page.waitForSelector('.notice[data-kind=ok]');
  assert.match(await notice(page), /Reproduced exactly/);
  await page.waitForFunction(() => document.querySelector('.now b').textContent.startsWith('4.00'));
  assert.equal(await page.inputValue('[id="set-enable.idempotence"]'), 'true');
  assert.deepEqual(await accessibilityProblems(page), []);
  assertClean(report);
  await close();
});

test('a link of another simulator runs and says that results may differ', async () => {
  const { page, report, close } = await site.visit(`?r=${CURED.slice(3)};d=0000000000000001`);
  await page.waitForSelector('.notice[data-kind=differs]');
  assert.match(await notice(page), /another version of the simulator: results may differ/);
  assert.equal(await digest(page), digestOf('set=enable.idempotence:true'));
  assertClean(report);
  await close();
});

test('a damaged link says where, and the scenario is one press away', async () => {
  const { page, report, close } = await site.visit('#r=1;sc=acks-one;set=acsk');
  await page.waitForSelector('.notice[data-kind=damaged] [role=alert]');
  assert.match(await notice(page), /This link is damaged at `set=acsk`/);
  assert.deepEqual(await accessibilityProblems(page), []);
  await page.click('#from-scenario');
  await page.waitForFunction(() => document.getElementById('scenario')?.value === 'acks-one');
  assert.equal(await page.locator('.notice').count(), 0);
  assertClean(report);
  await close();
});

test('no damaged or hostile link leaves a blank page', async () => {
  const { page, report, close } = await site.visit();
  await page.waitForSelector('#run:enabled');
  for (const link of [
    '#r=2;sc=order-billing',
    '#r=1;sc=nothing',
    '#r=1;sc=order-billing;set=title:%3Cimg%20src=x%20onerror=alert(1)%3E',
    `#r=1;sc=order-billing;set=title:${'x'.repeat(3000)}`,
    '#r=1;sc=order-billing;f=net.reset@99999999999999999999',
    '#r=1;sc=order-billing;f=net.reset.for.18446744073709551615@1',
    '#r=1%3Bsc%3D%ff',
  ]) {
    await page.evaluate((link) => {
      document.getElementById('close-notice')?.click();
      location.hash = link;
    }, link);
    await page.waitForSelector('.notice[data-kind=damaged]');
    await page.click('#close-notice');
    await page.waitForFunction(() => !document.querySelector('.notice'));
    assert.ok((await page.locator('h1').first().innerText()).length > 10, link);
  }
  // What is no link of ours is left alone.
  await page.evaluate(() => (location.hash = '#lesson'));
  assert.equal(await page.locator('.notice').count(), 0);
  assertClean(report);
  await close();
});

test('the address follows what the learner changes, and loading it again gives the same run', async () => {
  const { page, report, close } = await site.visit();
  await toSandbox(page);
  await page.locator('#set-acks').selectOption('"1"');
  await page.click('#again');
  await page.waitForFunction(() => !document.getElementById('again'));
  await page.waitForFunction(() => document.querySelector('.now small').textContent.includes('playing'));
  await page.keyboard.press('End');
  await page.waitForFunction(() => /;set=acks:1;t=\d+;d=[0-9a-f]{16}$/.test(decodeURIComponent(location.hash)));
  const [address, known, at] = [await hash(page), await digest(page), await page.locator('.now b').innerText()];
  assert.ok(address.endsWith(known));
  await page.reload();
  await page.waitForSelector('.notice[data-kind=ok]');
  assert.equal(await digest(page), known);
  await page.waitForFunction((at) => document.querySelector('.now b').textContent === at, at);

  // A fault that is taken out, and one that is put in.
  await page.click('#faults');
  await page.getByRole('button', { name: 'Remove lost-ack' }).click();
  await page.waitForFunction(() => decodeURIComponent(location.hash).includes(';f=-lost-ack'));
  assertClean(report);
  await close();
});

test('the share button gives the link, on the clipboard and to copy by hand', async () => {
  const { page, report, close } = await site.visit(CURED, { permissions: ['clipboard-read', 'clipboard-write'] });
  await page.waitForSelector('#digest');
  await page.click('#share');
  const link = await page.inputValue('#run-link');
  assert.equal(link, `${site.url}${CURED};d=${digestOf('set=enable.idempotence:true')}`);
  await page.waitForFunction((link) => navigator.clipboard.readText().then((text) => text === link), link);
  assert.deepEqual(await accessibilityProblems(page), []);
  await page.click('#close-notice');
  assertClean(report);
  await close();
});

test('what a link cannot say is saved as a run file and opened from one, by choosing and by dropping it', async () => {
  const { page, report, close } = await site.visit('#r=1;sc=acks-one');
  await page.waitForSelector('#share');
  await page.click('#share');
  const file = { r: 1, sc: 'order-billing', patch: { branches: { revenue: null } }, t: 2000 };
  const choose = (text) =>
    page.setInputFiles('#open-run', { name: 'run.json', mimeType: 'application/json', buffer: Buffer.from(text) });
  await choose(JSON.stringify(file));
  await page.waitForFunction(() => document.getElementById('scenario').value === 'order-billing');
  await page.waitForFunction(() => document.querySelector('.now b')?.textContent.startsWith('2.00'));
  await page.waitForFunction(() => location.hash === '');

  await page.click('#share');
  assert.match(await notice(page), /This run travels as a file: a link has no words for/);
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save-run')]);
  const saved = readFileSync(await download.path(), 'utf8');
  assert.deepEqual(JSON.parse(saved), { ...file, d: await digest(page) });

  await page.evaluate(
    (text) => {
      const data = new DataTransfer();
      data.items.add(new File([text], 'run.json'));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    },
    JSON.stringify({ ...JSON.parse(saved), t: 3000 }),
  );
  await page.waitForSelector('.notice[data-kind=ok]');
  await page.waitForFunction(() => document.querySelector('.now b').textContent.startsWith('3.00'));

  await page.click('#share');
  await choose('{"workload": {"orders": 0}}');
  await page.waitForSelector('.notice[data-kind=damaged]');
  assert.match(await notice(page), /This file cannot be read: workload\.orders: 0 is out of range/);
  assertClean(report);
  await close();
});

test('every link that is out in the world gives its recorded digest in the browser', async () => {
  const { page, report, close } = await site.visit(GOLDEN[0][0]);
  for (const [link, known] of GOLDEN) {
    await page.evaluate((link) => (location.hash = link), link);
    await shows(page, known).catch(() => assert.fail(`${link} does not give ${known}`));
  }
  assertClean(report);
  await close();
});
