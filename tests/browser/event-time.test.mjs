// The event-time lab in a real browser: the plane and its record, import, strategies, the sweep, and the address.
// The terminal, which computes the same natively, is the witness.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { SIZES, accessibilityProblems, assertClean, openSite, program, visitSized } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

/// Opens the lab and waits until the chosen configuration has been run and the plane is drawn.
const lab = async (query = '', size = 'desk', options = {}) => {
  const visited = await visitSized(site, size, `event-time.html${query}`, options);
  await visited.page.waitForSelector('#plane .reading', { state: 'attached', timeout: 60_000 });
  await visited.page.waitForSelector('#late', { state: 'attached', timeout: 60_000 });
  return visited;
};
const text = (page, selector) => page.locator(selector).innerText();
const number = async (page, id) => Number((await page.locator(`#${id} b`).innerText()).replace(/\D/g, ''));
const tab = (page, name) => page.getByRole('tab', { name }).click();
const idle = (page) => page.waitForSelector('#busy', { state: 'detached', timeout: 60_000 });
const open = (page, name, content) => page.setInputFiles('#file', { name, mimeType: 'text/csv', buffer: Buffer.from(content) });

/// A list with `count` events a second apart, every tenth 30 s late.
const list = (count) => {
  const rows = ['event_time,arrival_time,key'];
  for (let n = 0; n < count; n++) {
    const event = 1_772_355_600_000 + n * 100;
    rows.push(`${event},${event + (n % 10 ? 300 : 30_000)},k${n % 3}`);
  }
  return rows.join('\n');
};

test('the lab opens with an example, says what the terminal says, and talks to nobody', async () => {
  const { page, report, close } = await lab();
  const words = ['arrivals', 'phones', '--window', 'tumbling:2s', '--delay', '5s', '--sla', 'p95 < 10s, late <= 1.8%', '--json'];
  const truth = JSON.parse(program(...words));
  const [run] = truth.configurations;
  assert.equal(await number(page, 'events'), run.events);
  assert.equal(await number(page, 'late'), run.late);
  assert.equal(await number(page, 'counted'), run.delivered);
  assert.equal(await text(page, '#p95'), `${Number((run.p95 / 1000).toFixed(1))} s`);
  await tab(page, 'Which delay?');
  await page.waitForSelector('#found');
  const seconds = truth.answers[0].delay_ms;
  assert.equal((await text(page, '#found')).replace(/ /g, ''), seconds % 1000 ? `${seconds}ms` : `${seconds / 1000}s`);
  assert.ok(truth.answers[0].confirmed);
  assertClean(report);
  await close();
});

test('the policy of the page allows no inline script', async () => {
  const { page, report, close } = await lab();
  const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content');
  assert.match(policy, /default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/);
  assert.doesNotMatch(policy, /unsafe-inline|https?:/);
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'globalThis.injected = true';
    document.head.append(script);
  });
  assert.equal(await page.evaluate(() => globalThis.injected), undefined);
  assert.match(report.violations.join(), /script-src-elem blocked inline/);
  await close();
});

test('a record that is dragged past the line is dropped, and says by which window', async () => {
  const { page, report, close } = await lab();
  const plane = page.locator('#plane');
  const box = await plane.boundingBox();
  // The reading nearest to a place in the middle of the cloud.
  const [cx, cy] = await page.locator('#plane .reading').evaluateAll((circles) => {
    const middle = circles[Math.floor(circles.length / 3)];
    return [Number(middle.getAttribute('cx')), Number(middle.getAttribute('cy'))];
  });
  await page.mouse.move(box.x + cx, box.y + cy);
  await page.mouse.down();
  await page.waitForSelector('#plane .taken[data-late=false]');
  assert.match(await text(page, '#said'), /Reading #\d+ took .* counted/);
  await page.mouse.move(box.x + cx, box.y + 40, { steps: 12 });
  await page.waitForSelector('#plane .taken[data-late=true]');
  await page.mouse.up();
  assert.match(await text(page, '#said'), /Reading #\d+ came .* after its window \[\d+, \d+\) closed: dropped\. A delay of [\d.]+ s would have kept it\./);
  await page.click('#note');
  assert.match(await text(page, '#notes'), /dropped: \[\d+, \d+\) closed at/);
  await page.click('#put-back');
  await page.waitForSelector('#plane .taken[data-late=false]');
  assertClean(report);
  await close();
});

test('touch takes and moves a record', async () => {
  const { page, close } = await lab('', 'phone', { hasTouch: true });
  const plane = page.locator('#plane');
  await plane.scrollIntoViewIfNeeded();
  const box = await plane.boundingBox();
  const [cx, cy] = await page.locator('#plane .reading').evaluateAll((circles) => {
    const middle = circles[Math.floor(circles.length / 3)];
    return [Number(middle.getAttribute('cx')), Number(middle.getAttribute('cy'))];
  });
  await page.touchscreen.tap(box.x + cx, box.y + cy);
  await page.waitForSelector('#plane .taken[data-late=false]');
  const devtools = await page.context().newCDPSession(page);
  const touch = (type, y) => devtools.send('Input.dispatchTouchEvent', { type, touchPoints: type === 'touchEnd' ? [] : [{ x: box.x + cx, y }] });
  await touch('touchStart', box.y + cy);
  for (let y = cy; y > 30; y -= 10) await touch('touchMove', box.y + y);
  await page.waitForSelector('#plane .taken[data-late=true]');
  await touch('touchEnd');
  await close();
});

test('keys take, move, put back and note a record', async () => {
  const { page, close } = await lab();
  await page.focus('#plane');
  await page.keyboard.press('ArrowRight');
  await page.waitForSelector('#plane .taken');
  const first = await page.locator('#plane .taken').getAttribute('data-row');
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction((first) => document.querySelector('#plane .taken')?.dataset.row !== first, first);
  for (let n = 0; n < 24; n++) await page.keyboard.press('Shift+ArrowUp');
  await page.waitForSelector('#plane .taken[data-late=true]');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#notes tbody tr');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#plane .taken[data-late=false]');
  // The slider says and does the same.
  await page.focus('#arrival');
  await page.keyboard.press('End');
  await page.waitForSelector('#plane .taken[data-late=true]');
  assert.match(await page.locator('#arrival').getAttribute('aria-valuetext'), /^[\d.]+ s$/);
  await close();
});

test('a file is read in the tab, bad rows are told with line and reason, and the address says nothing of it', async () => {
  const { page, report, close } = await lab();
  await open(page, 'mine.csv', `${list(400)}\nmonday,tuesday,k1\n`);
  await page.waitForSelector('#loaded:has-text("400 arrivals")');
  await page.waitForFunction(() => document.querySelector('#events b')?.textContent === '400');
  assert.match(await text(page, '#loaded'), /1 rows were left out/);
  await page.click('#bad-rows summary');
  assert.match(await text(page, '#bad-rows'), /402\s+event time "monday" is no time/);
  assert.equal(await page.locator('input[name=source][value=own]').isChecked(), true);
  await page.selectOption('#window-kind', 'session');
  await page.waitForFunction(() => location.search.includes('window=session'));
  assert.doesNotMatch(page.url(), /k1|17723|mine|own|example/);
  assertClean(report);
  await close();
});

test('a file that makes no sense says why, and the arrivals before stay', async () => {
  const { page, close } = await lab();
  for (const [content, words] of [
    ['', /is empty/],
    ['[{"ts": 1}]', /a JSON array is not accepted/],
    ['a,b\n1772355600,1772355601\n1772355600,1772355601\n', /no column is known as event_time; there are a, b/],
    ['PK\u0003\u0004\0\0', /not text/],
  ]) {
    await open(page, 'bad.csv', content);
    await page.waitForFunction((source) => new RegExp(source).test(document.querySelector('#load-problem')?.textContent ?? ''), words.source);
    assert.match(await text(page, '#load-problem'), /The arrivals before are still there/);
  }
  assert.equal(await number(page, 'events'), 60_000);
  // The learner says which column is which, and pastes.
  await page.click('#columns summary');
  await page.getByRole('textbox', { name: 'event time' }).fill('a');
  await page.getByRole('textbox', { name: 'arrival time' }).fill('b');
  await page.click('#paste summary');
  await page.fill('#pasted', 'a,b\n1772355600,1772355601\n1772355602,1772355604\n');
  await page.click('#read-text');
  await page.waitForSelector('#loaded:has-text("2 arrivals")');
  await close();
});

test('a million events are generated with progress and can be cancelled', async () => {
  const { page, close } = await lab();
  await page.check('input[name=source][value=model]');
  await page.waitForSelector('#model');
  await page.fill('#events-0', '1000000');
  await page.press('#events-0', 'Enter');
  await page.waitForSelector('#busy:has-text("Generating")');
  // The page answers while the worker is at it.
  await page.click('#cancel');
  await idle(page);
  assert.match(await text(page, '#load-problem'), /Cancelled/);
  assert.equal(await number(page, 'events'), 60_000);
  await close();
});

test('a contract is written by the learner, judged, and swept', async () => {
  const { page, report, close } = await lab();
  await page.waitForSelector('#verdict[data-tone=ok]');
  await page.fill('#contract-0', 'p95 < 3s, late < 1%');
  await page.press('#contract-0', 'Enter');
  await page.waitForSelector('#verdict[data-tone=lost]');
  assert.match(await text(page, '#verdict'), /Breaks 2 promises/);
  await page.fill('#contract-0', 'p59 < 3s');
  await page.press('#contract-0', 'Enter');
  assert.match(await text(page, '#contract-0-why'), /did you mean "p50"\?.*Still in force: p95 < 3s, late < 1%/s);
  await page.fill('#contract-0', 'p95 < 10s, late <= 1.8%');
  await page.press('#contract-0', 'Enter');
  await page.waitForSelector('#verdict[data-tone=ok]');
  await tab(page, 'Sweep');
  await page.click('#run-sweep');
  await page.waitForSelector('#kept', { timeout: 60_000 });
  assert.match(await text(page, '#kept'), /^[1-9]\d* of \d+ settings keep/);
  // A row is chosen by a press, and the run follows.
  await page.locator('.configs .link').first().click();
  await page.waitForFunction(() => location.search.includes('strategy=') || location.search.includes('window='));
  await tab(page, 'Overview');
  assert.ok((await page.locator('#frontier .try').count()) > 20);
  assertClean(report);
  await close();
});

test('strategies and windows stand side by side on the same arrivals', async () => {
  const { page, report, close } = await lab('?example=fleet');
  await tab(page, 'Strategies');
  await page.waitForSelector('#strategies table', { timeout: 60_000 });
  const words = await text(page, '#strategies table');
  for (const name of ['Spark', 'by partition, idle 10 s', 'percentile 99 %', 'K-slack', 'quality-driven', 'allowed lateness']) assert.ok(words.includes(name), name);
  await tab(page, 'Windows');
  await page.waitForSelector('#windows table', { timeout: 60_000 });
  assert.match(await text(page, '#windows table'), /tumbling[\s\S]*sliding[\s\S]*session/);
  await tab(page, 'Delays');
  assert.match(await text(page, '#percentiles'), /P99\.9/);
  assertClean(report);
  await close();
});

test('the address carries the settings and names what it refuses', async () => {
  const { page, close } = await lab('?example=plant&window=sliding:6s:2s&strategy=fixed:1500ms&engine=flink&lateness=1s&theme=dark');
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
  assert.equal(await page.inputValue('#window-0'), '6s');
  assert.equal(await page.inputValue('#lateness-0'), '1s');
  await page.fill('#lateness-0', '2s');
  await page.press('#lateness-0', 'Enter');
  await page.waitForFunction(() => location.search.includes('lateness=2s'));
  await page.selectOption('#engine', 'spark');
  await page.waitForFunction(() => !location.search.includes('engine'));
  assert.match(page.url(), /window=sliding:6s:2s&strategy=fixed:1500ms/);
  await close();

  const wrong = await lab('?window=hopping:1s&widnow=1&strategy=fixed:1s');
  const refused = await text(wrong.page, '#refused');
  assert.match(refused, /window: "hopping:1s" is no window/);
  assert.match(refused, /widnow: no such field; did you mean "window"\?/);
  assert.equal(await wrong.page.inputValue('#strategy-0'), '1s');
  await wrong.close();
});

test('a value that is refused stays in its field with the reason', async () => {
  const { page, close } = await lab();
  await page.fill('#window-0', '2');
  await page.press('#window-0', 'Enter');
  assert.match(await text(page, '#window-0-why'), /"2" is no duration; accepted are ms, s, m and h.*Still in force: 2s/s);
  assert.equal(await page.inputValue('#window-0'), '2');
  await page.fill('#window-0', '5s');
  await page.press('#window-0', 'Enter');
  await page.waitForSelector('#window-0-why', { state: 'detached' });
  await close();
});

test('the main page leads to the lab, and the lab back', async () => {
  const { page, close } = await visitSized(site, 'desk');
  await page.waitForSelector('#to-event-time');
  await page.click('#to-event-time');
  await page.waitForSelector('#plane .reading', { state: 'attached', timeout: 60_000 });
  await page.click('.brand');
  await page.waitForSelector('#to-event-time');
  await close();
});

for (const size of Object.keys(SIZES)) {
  for (const colorScheme of ['light', 'dark']) {
    test(`nothing overflows and no accessibility rule is broken: ${size}, ${colorScheme}`, async () => {
      const { page, close } = await lab('', size, { colorScheme });
      await page.waitForSelector('#late-curve, .figure', { state: 'attached' });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `the page is ${wide} px wider than the window`);
      assert.deepEqual(await accessibilityProblems(page), []);
      await page.focus('#plane').catch(() => {});
      await page.keyboard.press('ArrowRight');
      await page.waitForTimeout(200);
      assert.deepEqual(await accessibilityProblems(page), []);
      await close();
    });
  }
}
