// Exploring on the page: every crash point, what would have prevented an order's fate. The terminal is the witness.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { accessibilityProblems, assertClean, openSite, program, toSandbox, visitSized } from './harness.mjs';

const terminal = (...words) => JSON.parse(program(...words, '--json'));

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

const visit = (...how) => visitSized(site, ...how);
const digest = (page) => page.locator('#digest').getAttribute('data-digest');
const hasDigest = (page, wanted) =>
  page.waitForFunction((wanted) => document.getElementById('digest')?.dataset.digest === wanted, wanted);
const differs = (page, old) =>
  page.waitForFunction((old) => (document.getElementById('digest')?.dataset.digest ?? old) !== old, old);
const explored = (page) => page.waitForSelector('.strip svg', { timeout: 120_000 });
const line = (page) => page.locator('.proved').innerText();
const said = (page) => page.locator('.strip svg').getAttribute('aria-valuetext');

test('exploring says what the terminal says, names merged points, and one press replays the shortest script', async () => {
  const { page, report, close } = await visit();
  await toSandbox(page);
  assert.match(await line(page), /not explored yet/);
  await page.click('#explore');
  await explored(page);
  const truth = terminal('explore', 'order-billing');
  const text = await line(page);
  assert.match(text, new RegExp(`at-least-once held at all ${truth.points} crash points; exactly-once is refuted`));
  assert.match(text, new RegExp(`${truth.points} points, ${truth.merged} merged`));
  const marks = await page.locator('.marks').innerText();
  assert.match(marks, new RegExp(`${truth.duplicated} duplicated`));
  assert.match(marks, new RegExp(`${truth.exact} exact`));

  const found = truth.counterexamples.find(({ guarantee }) => guarantee === 'at-most-once');
  const replayed = terminal('run', 'order-billing', '--patch', JSON.stringify(found.patch));
  assert.equal(replayed.dup > 0, true);
  await page.click('[data-refutes=at-most-once]');
  await hasDigest(page, replayed.digest);

  // A reason leads to its row, also to one that stands behind "all".
  await page.locator('.changes button').first().click();
  await page.waitForFunction(() => document.activeElement?.id.startsWith('set-'));
  // What the script is does not make the line stale; a setting does.
  assert.doesNotMatch(await line(page), /Changed since/);
  await page.locator('[id="set-hoodie.datasource.write.operation"]').selectOption('"upsert"');
  await page.waitForFunction(() => document.querySelector('.proved')?.innerText.includes('Changed since'));
  assert.equal(await page.locator('.strip').getAttribute('data-stale'), 'true');
  assertClean(report);
  await close();
});

test('by keyboard: one tab stop, arrows from step to step in words, Enter crashes there', async () => {
  const { page, report, close } = await visit();
  await toSandbox(page);
  const calm = await digest(page);
  await page.click('#crash-strip');
  await page.click('#explore-strip');
  await explored(page);
  const strip = page.locator('.strip svg');
  await strip.focus();
  const first = await said(page);
  await page.keyboard.press('ArrowRight');
  assert.notEqual(await said(page), first);
  await page.keyboard.press('Home');
  assert.equal(await said(page), first);
  await page.keyboard.press('PageDown');
  assert.match(await said(page), /^p1: producer crash at .* s (before|after) .*: duplicated$/);
  assert.equal(await page.locator('.strip [tabindex="0"]').count(), 1);
  await page.keyboard.press('Enter');
  await differs(page, calm);
  const forked = await digest(page);
  await page.keyboard.press('ArrowDown');
  assert.match(await said(page), /^b1: /);
  assert.deepEqual(await accessibilityProblems(page), []);

  // By mouse: a cell drawn large.
  const cell = page.locator('.loupe g[data-mark=duplicated]').first();
  await cell.click();
  await differs(page, forked);
  assert.match(await page.locator('.timeline').innerHTML(), /crash/);
  assertClean(report);
  await close();
});

test('a run goes before an exploration, which goes on behind it and can be stopped', async () => {
  const { page, report, close } = await visit();
  await toSandbox(page);
  const before = await digest(page);
  await page.click('#explore');
  await page.waitForFunction(() => document.querySelector('.proved progress')?.value > 0);
  await page.locator('[id="set-enable.idempotence"]').selectOption('true');
  await page.click('#again');
  await differs(page, before);
  const then = await page.locator('.proved progress').evaluate((bar) => bar.value);
  await page.waitForFunction((then) => document.querySelector('.proved progress')?.value > then, then);
  await page.locator('.proved #stop-exploring').click();
  await page.waitForSelector('#explore');
  assert.match(await line(page), /not explored yet/);
  assertClean(report);
  await close();
});

test('where no worker may start, the page explores in slices and still runs', async () => {
  const { page, close } = await visit('desk', 'fonts/OFL-1.1.txt');
  await page.addInitScript(() => {
    globalThis.Worker = class {
      constructor() {
        throw new DOMException('no workers here', 'SecurityError');
      }
    };
  });
  await page.goto(site.url);
  await page.waitForSelector('#run:enabled');
  await toSandbox(page);
  const before = await digest(page);
  await page.click('#explore');
  await page.waitForFunction(() => document.querySelector('.proved progress')?.value > 3);
  await page.locator('[id="set-enable.idempotence"]').selectOption('true');
  await page.click('#again');
  await differs(page, before);
  await page.locator('.proved #stop-exploring').click();
  await page.waitForSelector('#explore');
  await close();
});

test('what would have prevented it is what the terminal finds, and true when it is taken', async () => {
  const { page, report, close } = await visit();
  await toSandbox(page);
  await page.keyboard.press('End');
  await page.click('#explain');
  await page.click('#prevent');
  await page.waitForSelector('.prevents');
  const truth = terminal('prevent', 'order-billing', '--order', '17');
  assert.match(await page.locator('.prevents caption').innerText(), new RegExp(`^${truth.tried} changes tried, seed 42`));
  await page.locator('.explain .link', { hasText: /more$/ }).click();
  const keys = new Set(truth.helps.map(({ setting }) => setting));
  assert.equal(await page.locator('.prevents tbody tr').count(), keys.size);
  const row = page.locator('.prevents tbody tr', { hasText: 'enable.idempotence=true' });
  assert.match(await row.innerText(), /delivered once\s+duplicates 1 → 0, stored 41 → 40/);
  assert.deepEqual(await accessibilityProblems(page), []);
  await row.locator('button').click();
  const cured = terminal('run', 'order-billing', '--patch', '{"producer": {"enable.idempotence": true}}');
  await hasDigest(page, cured.digest);
  assertClean(report);
  await close();
});

test('a gauntlet of a lesson is run on the page, and says which script and seed refuted', async () => {
  const lesson = `# A gauntlet

\`\`\`lesson
{ "scenario": "order-billing", "controls": ["enable.idempotence"], "attacks": ["M4"], "minutes": 5 }
\`\`\`

## gauntlet: Hold it against the network

Every script of the suite, on five seeds each.

\`\`\`check
gauntlet(G-NET, dup == 0 && lost == 0) # It holds in all of them.
\`\`\`
`;
  const { page, report, close } = await visit();
  await page.route('**/lessons/en/**/lost-ack.md', (route) => route.fulfill({ body: lesson, contentType: 'text/markdown' }));
  await page.reload();
  await toSandbox(page);
  await page.click('#gauntlet');
  const tasks = page.locator('.checks');
  await page.waitForFunction(() => /of \d+ runs fail; first .* with seed \d+/.test(document.querySelector('.checks')?.innerText), null, { timeout: 60_000 });
  assert.match(await tasks.innerText(), /acknowledgements lost with seed/);
  await page.locator('[id="set-enable.idempotence"]').selectOption('true');
  await page.click('#again');
  await page.waitForSelector('#gauntlet:enabled');
  await page.click('#gauntlet');
  await page.waitForFunction(() => document.querySelector('.checks')?.innerText.includes('It holds in all of them.'), null, { timeout: 60_000 });
  assertClean(report);
  await close();
});

test('the run before and this one stand side by side, with the first fact that differs', async () => {
  const { page, report, close } = await visit();
  await toSandbox(page);
  await page.keyboard.press('End');
  const before = await digest(page);
  await page.click('#cure');
  await differs(page, before);
  await page.click('#compare');
  await page.waitForSelector('.compare .sides');
  const text = await page.locator('.compare').innerText();
  assert.match(text, /enable\.idempotence=true instead of false/);
  assert.match(text, /The first \d+ facts are the same/);
  assert.match(text, /order 17 is duplicated \(producer_retry\) at .* in A only/);
  assert.deepEqual(await accessibilityProblems(page), []);
  assertClean(report);
  await close();
});

test('the strip fits the small layouts and is accessible in them', async () => {
  for (const size of ['tablet', 'phone', 'frame']) {
    const { page, report, close } = await visit(size, '', { colorScheme: size === 'tablet' ? 'dark' : 'light' });
    await toSandbox(page);
    if (size === 'phone') await page.locator('nav.tabs button', { hasText: 'Plots' }).click();
    await page.click('#crash-tab');
    await page.click('#explore-strip');
    await explored(page);
    const before = await digest(page);
    await page.locator('.strip svg').focus();
    await page.keyboard.press('PageDown');
    await page.click('#crash-here');
    await differs(page, before);
    assert.deepEqual(await accessibilityProblems(page), [], size);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${size} is ${wide} px too wide`);
    assertClean(report);
    await close();
  }
});
