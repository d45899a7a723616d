// The opening scenario as somebody meets it: an order is billed twice, one setting cures it. By mouse, by keyboard, and
// with the terminal as the witness for every number on the page.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { accessibilityProblems, assertClean, assertPanelsAccessible, openSite, poster, program, SIZES, toSandbox, visitSized } from './harness.mjs';

const CURED = '{"producer": {"enable.idempotence": true}}';

/// What the terminal says of a named scenario.
const named = (id, ...more) => JSON.parse(program('run', id, '--json', ...more));
const terminal = (...more) => named('order-billing', ...more);

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

const visit = (...how) => visitSized(site, ...how);

const counter = (page, name) => page.locator(`[data-counter=${name}] b`).innerText().then(Number);
const counters = async (page) => {
  const names = ['sent', 'stored', 'delivered', 'lost', 'duplicates'];
  const entries = await Promise.all(names.map(async (name) => [name, await counter(page, name)]));
  return Object.fromEntries(entries);
};
const expected = (json) => ({
  sent: json.src,
  stored: json.stored,
  delivered: json.delivered,
  lost: json.lost + json.refused,
  duplicates: json.dup,
});
const digest = (page) => page.locator('#digest').getAttribute('data-digest');
const hasDigest = (page, wanted) =>
  page.waitForFunction((wanted) => document.getElementById('digest')?.dataset.digest === wanted, wanted);
/// Presses End, and waits until the page shows the end.
const toEnd = async (page) => {
  await page.waitForFunction(() => document.querySelector('.now small')?.textContent.includes('playing'));
  await page.keyboard.press('End');
  await ended(page);
};
const ended = (page) => page.waitForFunction(() => document.querySelector('.now small')?.textContent.includes('paused'));

test('with the mouse: run, see order 17 twice, read why, switch idempotence on, see it once', async () => {
  const { page, report, close } = await visit();
  await page.click('#run');
  await page.waitForSelector('#cure');
  assert.match(await page.locator('.verdict').innerText(), /Order 17 was billed twice/);
  assert.equal(await counter(page, 'duplicates'), 1);
  // Two rows of order 17 in the table, one of them marked.
  assert.equal(await page.locator('.diagram .row.surplus').count(), 1);
  const first = await digest(page);

  // A click on the doubled record explains it.
  await page.locator('.diagram .doubled').first().click();
  const explanation = page.locator('.explain');
  assert.match(await explanation.locator('h2').innerText(), /Order 17: in the table twice/);
  const chain = await explanation.locator('.chain').innerText();
  for (const part of ['enable.idempotence=false', 'write.operation=insert', 'the acknowledgement is lost', 'attempt 2']) {
    assert.ok(chain.includes(part), `the chain names "${part}":\n${chain}`);
  }

  await page.click('#cure');
  await page.waitForFunction((first) => document.getElementById('digest').dataset.digest !== first, first);
  await toEnd(page);
  assert.match(await page.locator('.verdict').innerText(), /Same seed, same faults\. 0 duplicates/);
  assert.deepEqual(await counters(page), expected(terminal('--patch', CURED)));
  assert.equal(await digest(page), terminal('--patch', CURED).digest);
  assertClean(report);
  await close();
});

test('with the keyboard alone: the same, and the setting switched in its own field', async () => {
  const { page, report, close } = await visit();
  await page.waitForSelector('#run:enabled');
  const focus = async (id) => {
    for (let presses = 0; presses < 120; presses++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate((id) => document.activeElement?.id === id, id)) return;
    }
    assert.fail(`#${id} cannot be reached with Tab`);
  };
  await focus('run');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#cure');
  await page.keyboard.press('e');
  assert.match(await page.locator('.explain h2').innerText(), /Order 17/);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.explain').count(), 0);

  await focus('set-enable.idempotence');
  await page.keyboard.press('t');
  assert.equal(await page.inputValue('[id="set-enable.idempotence"]'), 'true');
  await focus('set-retries');
  await page.keyboard.press('Shift+Tab');
  // Off the field, R is "run again".
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('r');
  await page.waitForFunction(() => !document.getElementById('again'));
  await toEnd(page);
  assert.equal(await counter(page, 'duplicates'), 0);
  assert.equal(await counter(page, 'sent'), 40);
  assertClean(report);
  await close();
});

test("the page's counters are the terminal's, at the end and whatever is set", async () => {
  const { page, close } = await visit();
  await toSandbox(page);
  for (const [key, value, section] of [
    ['', '', ''],
    ['acks', '"1"', 'producer'],
    ['retries', '0', 'producer'],
  ]) {
    if (key) {
      const field = page.locator(`[id="set-${key}"]`);
      if (value.startsWith('"')) await field.selectOption(value);
      else {
        await field.fill(value);
        await field.press('Enter');
      }
      await page.click('#again');
      await page.waitForFunction(() => !document.getElementById('again'));
    }
    await page.evaluate(() => document.activeElement.blur());
    if (key) await toEnd(page);
    else await page.keyboard.press('End');
    const patch = key ? { [section]: { [key]: JSON.parse(value) } } : {};
    const json = terminal('--patch', JSON.stringify(patch));
    assert.deepEqual(await counters(page), expected(json), key);
    assert.equal(await digest(page), json.digest, key);
    // One change at a time.
    if (key) await page.getByRole('button', { name: 'Reset all' }).click();
  }
  await close();
});

test('every setting shows the value that is in force', async () => {
  const { page, close } = await visit();
  await toSandbox(page);
  for (const [key, value] of [
    ['acks', '"all"'],
    ['enable.idempotence', 'false'],
    ['checkpointLocation', '"kept"'],
    ['hoodie.datasource.write.operation', '"insert"'],
    ['hoodie.datasource.write.recordkey.field', '"order_id"'],
    ['sink.writer', '"native"'],
    ['retries', '2147483647'],
  ]) {
    assert.equal(await page.inputValue(`[id="set-${key}"]`), value, key);
  }
  await close();
});

test('a combination that the real client refuses is refused in its words, and nothing changes', async () => {
  const { page, close } = await visit();
  await toSandbox(page);
  await page.locator('[id="set-enable.idempotence"]').selectOption('true');
  await page.locator('[id="set-acks"]').selectOption('"1"');
  assert.match(await page.locator('.setting .problem').innerText(), /ConfigException/);
  assert.match(await page.locator('.setting .problem').innerText(), /Still in force: all/);
  assert.equal(await page.inputValue('[id="set-acks"]'), '"1"', 'what was chosen is not lost');
  await page.locator('[id="set-linger.ms"]').or(page.locator('[id="set-trigger"]')).first().fill('500');
  await page.keyboard.press('Enter');
  assert.equal(await page.inputValue('[id="set-acks"]'), '"all"', 'the field follows what is in force');
  await close();
});

test('before the program is there the page shows the start at rest, and that picture is the live one', async () => {
  const still = await visit('desk', '', { javaScriptEnabled: false });
  assert.match(await still.page.locator('#shell h1').innerText(), /how often is order 17 billed/);
  const drawn = await poster(still.page, '#shell');
  await still.close();
  const { page, close } = await visit();
  await page.waitForSelector('#run:enabled');
  assert.equal(await page.locator('#shell').count(), 0, 'the shell is gone');
  assert.equal(await poster(page, '#app'), drawn, 'renew it with: node tools/poster.mjs');
  await close();
});

/// Scenarios that stage no mistake and so have no cure of their own.
const NO_MISTAKE = ['order-billing', 'four-branches', 'marketplace', 'decision'];

test('every named scenario comes to the run that the terminal gives, shows what it says, and its cure is offered', async () => {
  const { page, report, close } = await visit();
  await toSandbox(page);
  const presets = program('presets').trim().split('\n');
  assert.ok(presets.length > 20);
  for (const preset of presets) {
    const [id] = preset.split('\t');
    await page.selectOption('#scenario', id);
    await hasDigest(page, named(id).digest);
    await page.keyboard.press('End');
    if (!NO_MISTAKE.includes(id)) assert.match(await page.locator('#cure').innerText(), /^Set .*, run again$/, id);
  }
  await page.selectOption('#scenario', 'read-uncommitted');
  await hasDigest(page, named('read-uncommitted').digest);
  await page.keyboard.press('End');
  await page.click('#cure');
  await page.waitForFunction(() => document.querySelector('.verdict')?.dataset.tone !== 'dup');
  assertClean(report);
  await close();
});

test('where no worker may start, the page does the work and comes to the same run', async () => {
  const context = await visit('desk', 'fonts/OFL-1.1.txt');
  const { page, close } = context;
  await page.addInitScript(() => {
    globalThis.Worker = class {
      constructor() {
        throw new DOMException('no workers here', 'SecurityError');
      }
    };
  });
  await page.goto(site.url);
  await page.click('#run');
  await page.waitForSelector('#cure');
  assert.equal(await digest(page), terminal().digest);
  await close();
});

test('in a frame without storage or origin it runs all the same', async () => {
  const { page, close } = await visit('desk', 'fonts/OFL-1.1.txt');
  await page.setContent(`<iframe sandbox="allow-scripts" width="800" height="600" src="${site.url}"></iframe>`);
  const frame = page.frameLocator('iframe');
  await frame.locator('#run').click();
  await frame.locator('#cure').waitFor();
  assert.equal(await frame.locator('#digest').getAttribute('data-digest'), terminal().digest);
  await close();
});

test('a fault is injected at the playhead, moved and removed', async () => {
  const { page, close } = await visit();
  await toSandbox(page);
  await page.locator('#scrubber').fill('2000');
  await page.click('#faults');
  await page.locator('#fault-kind').selectOption('broker.crash.kept');
  const before = await digest(page);
  await page.click('#inject');
  await page.waitForFunction((before) => document.getElementById('digest').dataset.digest !== before, before);
  const row = page.locator('.fault-panel li', { hasText: 'broker.crash.kept' });
  assert.match(await row.innerText(), /struck at 2\.000 s/);
  const injected = await digest(page);
  const when = row.locator('input');
  await when.fill('3000');
  await when.press('Enter');
  await page.waitForFunction((before) => document.getElementById('digest').dataset.digest !== before, injected);
  assert.match(await row.innerText(), /struck at 3\.000 s/);
  await row.getByRole('button', { name: /Remove/ }).click();
  await page.waitForFunction((before) => document.getElementById('digest').dataset.digest === before, before);
  assert.equal(await row.count(), 0);
  await close();
});

test('a flag is dragged along the strip, and its fault goes along', async () => {
  const { page, close } = await visit();
  await toSandbox(page);
  const flag = page.locator('[data-fault=lost-ack] .grip');
  const { x, y } = await flag.boundingBox();
  const before = await digest(page);
  await page.mouse.move(x + 8, y + 10);
  await page.mouse.down();
  await page.mouse.move(x + 60, y + 10, { steps: 6 });
  await page.mouse.up();
  await page.waitForFunction((before) => document.getElementById('digest').dataset.digest !== before, before);
  assert.ok((await flag.boundingBox()).x > x + 30);
  await close();
});

test('play, pause, step and step back move the playhead exactly', async () => {
  const { page, close } = await visit();
  await toSandbox(page);
  const at = () => page.locator('#scrubber').inputValue().then(Number);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press(' ');
  await page.waitForFunction(() => Number(document.getElementById('scrubber').value) > 500);
  await page.keyboard.press(' ');
  await ended(page);
  const paused = await at();
  assert.ok(paused > 500);
  await page.keyboard.press('.');
  const text = () => page.locator('.now b').innerText();
  const stepped = await text();
  await page.keyboard.press('.');
  await page.keyboard.press(',');
  assert.equal(await text(), stepped);
  await page.keyboard.press('Home');
  assert.equal(await at(), 0);
  await page.keyboard.press('Shift+Period');
  assert.match(await page.locator('.verdict').innerText(), /Order 17 was billed twice/, 'the first outcome');
  await close();
});

test('each plot is sharp, says what it shows, and gives its data as a table and as files', async () => {
  const { page, close } = await visit('desk', '', { deviceScaleFactor: 2 });
  await toSandbox(page);
  await page.keyboard.press('End');
  // The charts are a program of their own, which comes after the first run.
  await page.waitForSelector('.plot canvas[aria-label*=" at 9."]');
  const plots = page.locator('.plot');
  // Four side by side, and two behind a button.
  assert.equal(await plots.count(), 6);
  for (let n = 0; n < 4; n++) {
    const canvas = plots.nth(n).locator('canvas');
    const { ratio, colours } = await canvas.evaluate((canvas) => {
      const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      const colours = new Set();
      for (let i = 0; i < pixels.length; i += 4) colours.add((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
      return { ratio: canvas.width / canvas.getBoundingClientRect().width, colours: colours.size };
    });
    assert.ok(Math.abs(ratio - 2) < 0.02, `plot ${n} has ${ratio} pixels a px`);
    assert.ok(colours > 5, `plot ${n} shows something`);
    assert.match(await canvas.getAttribute('aria-label'), /at 9\.\d\d s/);
    const menu = plots.nth(n).locator('.plot-menu');
    for (const [kind, start] of [['SVG', '<svg'], ['CSV', '"']]) {
      await menu.locator('summary').click();
      const download = page.waitForEvent('download');
      await menu.getByRole('button', { name: kind }).click();
      const file = await (await download).createReadStream();
      let text = '';
      for await (const chunk of file) text += chunk;
      assert.ok(text.startsWith(start), `${kind} of plot ${n}`);
      await menu.locator('summary').click();
    }
    await menu.locator('summary').click();
    await menu.getByRole('button', { name: 'Table' }).click();
    assert.ok((await plots.nth(n).locator('tbody tr').count()) > 0);
    await menu.getByRole('button', { name: 'Table' }).click();
    await menu.locator('summary').click();
  }
  await close();
});

for (const [size, [width, height]] of Object.entries(SIZES)) {
  for (const colorScheme of ['light', 'dark']) {
    test(`${size}, ${colorScheme}: nothing is cut off and no accessibility rule is broken, start to explanation`, async () => {
      const { page, report, close } = await visit(size, '', { colorScheme });
      const overflow = () =>
        page.evaluate(() => {
          const root = document.documentElement;
          return { sideways: root.scrollWidth - innerWidth, down: root.scrollHeight - innerHeight };
        });
      await page.waitForSelector('#run:enabled');
      assert.deepEqual(await accessibilityProblems(page), []);
      assert.ok((await overflow()).sideways <= 0);
      await page.click('#run');
      await page.waitForSelector('#cure');
      assert.equal(await page.locator('#lesson').isVisible(), size === 'desk', 'the lesson covers nothing');
      const { sideways, down } = await overflow();
      assert.ok(sideways <= 0, `${sideways} px wider than ${width}`);
      if (size !== 'phone') assert.ok(down <= 0, `${down} px higher than ${height}`);
      assert.deepEqual(await accessibilityProblems(page), []);
      await assertPanelsAccessible(page, size, async (name) => assert.ok((await overflow()).sideways <= 0, name));
      assertClean(report);
      await close();
    });
  }
}
