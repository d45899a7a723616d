// Engines, sinks and instances as they are drawn, how they are switched, and which faults can be placed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { accessibilityProblems, assertClean, openSite, SIZES, visitSized } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

/// Opens a preset's run at a moment.
const opened = async (id, at, size = 'desk', options = {}) => {
  const context = await visitSized(site, size, `#r=1;sc=${id};t=${at}`, options);
  await context.page.waitForSelector('.diagram');
  await context.page.waitForSelector('#use-engine', { state: 'attached' });
  // The run is there before the playhead is where the link says.
  await context.page.waitForFunction((at) => at === 0 || Number(document.getElementById('scrubber')?.value) > 0, at);
  return context;
};

const told = (page) => page.locator('#picture-in-words').innerText();

/// What stands over something else in the picture, or beyond its edge, as text. Records on their way are left out.
const crowded = (page) =>
  page.evaluate(() => {
    const svg = [...document.querySelectorAll('.diagram')].find((one) => one.getBoundingClientRect().width > 0);
    const frame = svg.getBoundingClientRect();
    const scale = frame.width / svg.viewBox.baseVal.width;
    const box = (element) => {
      const { left, right, top, bottom } = element.getBoundingClientRect();
      return { left, right, top, bottom };
    };
    // A line of text is higher than its letters.
    const letters = (element) => {
      const all = box(element);
      const off = (all.bottom - all.top) * 0.24;
      return { ...all, top: all.top + off, bottom: all.bottom - off };
    };
    const meet = (a, b) =>
      Math.min(a.right, b.right) - Math.max(a.left, b.left) > scale && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > scale;
    const texts = [...svg.querySelectorAll('text')].filter((text) => text.textContent.trim() && !text.closest('.flying'));
    const found = [];
    for (const [n, text] of texts.entries()) {
      const own = letters(text);
      if (own.left < frame.left - 1 || own.right > frame.right + 1 || own.bottom > frame.bottom + 1) found.push(`beyond the edge: ${text.textContent}`);
      for (const other of texts.slice(n + 1)) {
        if (meet(own, letters(other))) found.push(`${text.textContent} over ${other.textContent}`);
      }
    }
    for (const flag of svg.querySelectorAll('.flag')) {
      const cloth = box(flag.querySelector('.cloth'));
      if (cloth.left < frame.left || cloth.right > frame.right) found.push(`flag beyond the edge: ${flag.textContent}`);
      for (const text of texts) {
        const own = letters(text);
        if (flag.contains(text)) {
          if (own.left < cloth.left + 2 || own.right > cloth.right - 2) found.push(`words at the flag's edge: ${text.textContent}`);
        } else if (meet(own, cloth)) found.push(`flag over ${text.textContent}`);
      }
    }
    return found;
  });

const SCENES = [
  ['order-billing', 0],
  ['order-billing', 4200],
  ['flink-ahead-of-the-barrier', 3150],
  ['flink-ahead-of-the-barrier', 6000],
  ['flink-transaction-timeout', 3100],
  ['flink-transaction-timeout', 11150],
  ['flink-tolerated', 5000],
  ['flink-refires', 6000],
  ['exactly-once-topic', 5000],
  ['shared-transactional-id', 3000],
  ['read-optimized-view', 8500],
  ['old-versions-replayed', 8000],
  ['garbage-stays', 6000],
  ['four-branches', 5000],
  ['zombie-consumer', 5000],
  ['acks-one', 0],
  ['acks-one', 4000],
  ['unclean-election', 6000],
  ['two-applications', 5000],
  ['last-window-waits', 8000],
];

/// Three partitions with three replicas each: two consumers, an engine before a table; two brokers that fall, and a broker that
/// answers nothing while records pile up before it.
const WIDE = [
  ['#r=1;sc=zombie-consumer;set=partitions:3;f=broker.crash.kept@3000:b2,broker.crash.kept@3300:b3', 4000],
  ['#r=1;sc=order-billing;set=partitions:3;f=-lost-ack,broker.crash.kept@3000:b2,broker.crash.kept@3300:b3', 3600],
  ['#r=1;sc=order-billing;set=partitions:3;f=-lost-ack,broker.pause.1500@2500:b1,broker.pause.1500@2500:b2,broker.pause.1500@2500:b3', 3900],
];

/// Makes the window another size, and waits until the picture is drawn for it.
const resized = async (page, size) => {
  const [width, height] = SIZES[size];
  await page.setViewportSize({ width, height });
  await page.waitForFunction((vertical) => {
    const shown = [...document.querySelectorAll('.diagram')].find((one) => one.getBoundingClientRect().width > 0);
    return shown?.classList.contains('vertical') === vertical;
  }, size === 'phone');
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
};

test('nothing stands over anything else in the picture, in any size', async () => {
  const found = {};
  for (const [id, at] of SCENES) {
    const { page, close } = await opened(id, at);
    for (const size of Object.keys(SIZES)) {
      await resized(page, size);
      const crowd = await crowded(page);
      if (crowd.length > 0) found[`${id} at ${at}, ${size}`] = crowd;
    }
    await close();
  }
  assert.deepEqual(found, {});
});

test('three partitions and what waits for their brokers stand beside each other, in any size', async () => {
  const found = {};
  for (const [link, at] of WIDE) {
    const { page, close } = await visitSized(site, 'desk', `${link};t=${at}`);
    await page.waitForSelector('.diagram');
    await page.waitForFunction(() => Number(document.getElementById('scrubber')?.value) > 0);
    for (const size of Object.keys(SIZES)) {
      await resized(page, size);
      const crowd = await crowded(page);
      // Numbers of records on their way are left out above; here they must be legible beside each other.
      const flying = await page.evaluate(() => {
        const shown = [...document.querySelectorAll('.diagram .flying text')].map((text) => [text.textContent, text.getBoundingClientRect()]);
        const pairs = shown.flatMap((one, n) => shown.slice(n + 1).map((other) => [one, other]));
        const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
        return pairs.filter(([[, a], [, b]]) => meet(a, b)).map(([[a], [b]]) => `#${a} over #${b}`);
      });
      if (crowd.length + flying.length > 0) found[`${link} at ${at}, ${size}`] = [...crowd, ...flying];
    }
    await close();
  }
  assert.deepEqual(found, {});
});

test('a barrier is seen in the topic, and who waits for it in the job', async () => {
  const { page, report, close } = await opened('flink-ahead-of-the-barrier', 3150);
  assert.match(await told(page), /checkpoint 3[\s\S]*tm1: tm2 is late/);
  assert.ok((await page.locator('.diagram .barrier').count()) >= 3);
  assert.equal(await page.locator('.diagram .tab').count(), 3);
  assertClean(report);
  await close();
});

test('the transactions of a sink stand at the sink, and its producer has none', async () => {
  const { page, report, close } = await opened('flink-transaction-timeout', 3050);
  assert.match(await told(page), /Output topic, 0-3: pre-committed/);
  await page.locator('#scrubber').fill('11150');
  await page.waitForFunction(() => /commit refused/.test(document.getElementById('picture-in-words').textContent));
  assert.doesNotMatch(await told(page), /Producer p1 (open|committed|aborted)/);
  assertClean(report);
  await close();
});

test('the instants of a table are seen as requested, inflight and completed', async () => {
  const { page, close } = await opened('order-billing', 4060);
  const states = new Set();
  for (let at = 4000; at < 4300; at += 10) {
    await page.locator('#scrubber').fill(String(at));
    for (const [, state] of (await told(page)).matchAll(/commit (\w+)/g)) states.add(state);
  }
  assert.deepEqual([...states].sort(), ['completed', 'inflight', 'requested']);
  await close();
});

test('engine and sink are switched by mouse, and what does not fit is refused with the reason', async () => {
  const { page, report, close } = await opened('acks-one', 0);
  await page.selectOption('#use-engine', 'consumer');
  const refused = page.locator('.pipeline [role=alert]');
  assert.match(await refused.innerText(), /Refused: plain consumer with Hudi table\. sink\.use: /);
  assert.equal(await page.inputValue('#use-engine'), 'spark');
  await refused.getByRole('button', { name: 'plain consumer with effects' }).click();
  await page.waitForFunction(() => document.getElementById('use-engine').value === 'consumer');
  assert.equal(await refused.count(), 0);
  await page.click('#again');
  await page.waitForFunction(() => /Consumers/.test(document.querySelector('.diagram').textContent));
  await page.selectOption('#use-sink', 'kafka_topic');
  assert.match(page.url(), /r=1/);
  await page.selectOption('#use-engine', 'flink');
  await page.click('#again');
  await page.waitForFunction(() => /Flink/.test(document.querySelector('.diagram').textContent));
  assertClean(report);
  assert.deepEqual(await accessibilityProblems(page), []);
  await close();
});

test('the engine is switched by keyboard, and its settings wait for who comes back', async () => {
  const { page, report, close } = await opened('acks-one', 0);
  await page.focus('#use-engine');
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction(() => document.getElementById('use-engine').value === 'flink');
  assert.equal(await page.locator('.setting', { hasText: 'execution.checkpointing.interval' }).count() > 0, true);
  await page.focus('#use-engine');
  await page.keyboard.press('ArrowUp');
  await page.waitForFunction(() => document.getElementById('use-engine').value === 'spark');
  assert.equal(await page.locator('.pipeline .tag').count(), 0);
  assertClean(report);
  await close();
});

for (const id of ['order-billing', 'flink-no-commit', 'zombie-consumer', 'read-optimized-view']) {
  test(`every fault of the menu that fits can be placed (${id})`, async () => {
    const { page, report, close } = await opened(id, 2000);
    await page.click('#faults');
    const names = await page.locator('#fault-kind option').evaluateAll((options) => options.map((option) => option.value));
    assert.ok(names.length > 20, names.join());
    const removers = () => page.locator('.fault-panel li button[aria-label^="Remove "]').evaluateAll((all) => all.map((one) => one.ariaLabel));
    const holds = (count) => page.waitForFunction((count) => document.querySelectorAll('.fault-panel li').length === count, count);
    for (const name of names) {
      await page.selectOption('#fault-kind', name);
      const before = await removers();
      await page.click('#inject');
      await holds(before.length + 1);
      const [own] = (await removers()).filter((one) => !before.includes(one));
      await page.getByRole('button', { name: own, exact: true }).click();
      await holds(before.length);
    }
    assertClean(report);
    await close();
  });
}
