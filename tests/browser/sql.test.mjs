// The SQL lab: a real engine over the tables of the run that is looked at. The terminal is the witness.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { accessibilityProblems, assertClean, openSite, openTool, program, SIZES, toSandbox, visitSized } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

/// Opens the lab at the end of the opening run.
const opened = async (size = 'desk', options = {}) => {
  const visited = await visitSized(site, size, '', options);
  const { page } = visited;
  await toSandbox(page);
  await page.keyboard.press('End');
  await openTool(page, '#query');
  await page.waitForSelector('#sql-text');
  return visited;
};

/// The answer as rows of text; a problem as text.
const answer = async (page) => {
  await page.waitForSelector('.sql-found[aria-busy=false] :is(table, .problem, .sql-words, .hint)');
  const problem = page.locator('.sql-found .problem');
  if ((await problem.count()) > 0) return problem.innerText();
  return page.locator('.sql-table tbody tr').evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText)));
};
const ask = async (page, sql) => {
  await page.fill('#sql-text', sql);
  await page.click('#sql-run');
  return answer(page);
};

test('the queries to begin with find what the terminal counts, and SQLite is fetched only then', async () => {
  const visited = await visitSized(site);
  const { page, report, close } = visited;
  const fetched = [];
  page.on('request', (request) => fetched.push(request.url()));
  await toSandbox(page);
  await page.keyboard.press('End');
  await page.keyboard.press('q');
  await page.waitForSelector('#sql-text');
  assert.equal(fetched.filter((address) => address.includes('sqlite')).length, 0);

  const truth = JSON.parse(program('run', 'order-billing', '--json'));
  await page.keyboard.press('Control+Enter');
  assert.deepEqual(await answer(page), [['17', '2']]);
  assert.ok(fetched.some((address) => address.endsWith('sqlite3.wasm')));

  const names = await page.locator('#sql-kit option:not([disabled])').evaluateAll((options) => options.map((option) => option.value));
  assert.ok(names.length >= 11);
  const answers = {};
  for (const name of names) {
    await page.selectOption('#sql-kit', name);
    await page.click('#sql-run');
    answers[name] = await answer(page);
    assert.ok(Array.isArray(answers[name]), `${name}: ${answers[name]}`);
  }
  assert.deepEqual(answers.E2, [[String(truth.rows), String(truth.rows - truth.dup), String(truth.dup)]]);
  assert.match(answers.E4[0][2], /^several offsets/);
  assert.equal(answers.E5.length, truth.lost + truth.refused + truth.pending + truth.late);
  assert.equal(answers.E7[0][0], String(truth.src));
  assert.equal(answers.E7[0][6], String(truth.billed - truth.owed));
  assert.deepEqual(answers.E9.map(([order, , , verdict]) => [order, verdict]), [['17', 'DUPLICATED']]);
  assert.equal(answers.L1[0][0], '17');
  assertClean(report);
  await close();
});

test('tables are those of the moment that is looked at', async () => {
  const { page, report, close } = await opened();
  const count = async () => Number((await ask(page, 'SELECT COUNT(*) FROM sink_orders'))[0][0]);
  const all = await count();
  await page.locator('#share').focus();
  await page.keyboard.press('Home');
  await page.waitForFunction(() => / 0\.0+ s$/.test(document.querySelector('.sql h2').innerText));
  assert.equal(await count(), 0);
  await page.locator('#share').focus();
  await page.keyboard.press('End');
  await page.waitForFunction(() => !/ 0\.0+ s$/.test(document.querySelector('.sql h2').innerText));
  assert.equal(await count(), all);
  assertClean(report);
  await close();
});

test('an error is the engine’s own, what is typed stays, and changed tables come back fresh', async () => {
  const { page, report, close } = await opened();
  assert.match(await ask(page, 'SELECT order_id FROM sink_order'), /no such table: sink_order/);
  assert.match(await ask(page, 'SELEC 1'), /near "SELEC": syntax error/);
  assert.equal(await page.inputValue('#sql-text'), 'SELEC 1');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.sql').isVisible(), false);
  await openTool(page, '#query');
  assert.equal(await page.inputValue('#sql-text'), 'SELEC 1');

  const surplus = 'SELECT COUNT(*) - COUNT(DISTINCT order_id) FROM sink_orders';
  const repaired = `DELETE FROM sink_orders WHERE rowid NOT IN (SELECT MIN(rowid) FROM sink_orders GROUP BY order_id); ${surplus}`;
  assert.deepEqual(await ask(page, repaired), [['0']]);
  assert.deepEqual(await ask(page, surplus), [['0']]);
  await page.click('text=Fresh tables, run');
  assert.deepEqual(await answer(page), [['1']]);
  assertClean(report);
  await close();
});

test('a query without an end is stopped, and the next one works', async () => {
  const { page, report, close } = await opened();
  await page.fill('#sql-text', 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n');
  await page.click('#sql-run');
  await page.click('.sql-do >> text=Stop');
  assert.match(await answer(page), /stopped/);
  assert.deepEqual(await ask(page, 'SELECT COUNT(*) > 0 FROM sink_orders'), [['1']]);
  // More than is shown is counted.
  await ask(page, 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) SELECT i FROM n');
  assert.match(await page.locator('.sql-words').innerText(), /2500 rows; the first 1000 are shown/);
  assertClean(report);
  await close();
});

test('a row lights its order in the picture, by mouse and keyboard, and the result is saved without formulas', async () => {
  const { page, report, close } = await opened();
  await ask(page, "SELECT order_id, '=1+1' AS trap FROM sink_orders WHERE order_id IN (3, 5) ORDER BY order_id");
  await page.locator('.sql-table button').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('.sql-table tr[data-lit=true]');
  assert.equal(await page.locator('.sql-table button[aria-pressed=true]').innerText(), '3');
  assert.match(await page.locator('#explain').innerText(), /#/);
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('.sql-words >> text=CSV')]);
  const csv = await readFile(await download.path(), 'utf8');
  assert.match(csv, /^"order_id","trap"\r\n"3","'=1\+1"\r\n/);
  assertClean(report);
  await close();
});

test('in a frame without an origin, where no worker starts, the page itself answers and gives up in time', async () => {
  const { page, report, close } = await visitSized(site, 'desk', 'fonts/OFL-1.1.txt');
  await page.setContent(`<iframe src="${site.url}" sandbox="allow-scripts" width="800" height="600"></iframe>`);
  const frame = page.frameLocator('iframe');
  await frame.locator('#to-sandbox').click();
  await frame.locator('#scrubber').waitFor({ state: 'attached' });
  await openTool(frame, '#query');
  await frame.locator('#sql-text').fill('SELECT 6 * 7');
  await frame.locator('#sql-run').click();
  await frame.locator('.sql-table td >> text=42').waitFor({ timeout: 30_000 });
  await frame.locator('#sql-text').fill('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n');
  await frame.locator('#sql-run').click();
  await frame.locator('.sql-found .problem').waitFor({ timeout: 30_000 });
  assert.match(await frame.locator('.sql-found .problem').innerText(), /interrupt/);
  assert.deepEqual(report.violations, []);
  await close();
});

for (const size of Object.keys(SIZES)) {
  test(`${size}: nothing sticks out, and the accessibility rules hold`, async () => {
    const { page, report, close } = await opened(size);
    await page.selectOption('#sql-kit', 'E7');
    await page.click('#sql-run');
    await answer(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0);
    assert.deepEqual(await accessibilityProblems(page), []);
    assertClean(report);
    await close();
  });
}
