// Presenter mode: one bar and a large picture, slides, hands of the room, the second window, blank screen; and every key.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { SIZES, accessibilityProblems, assertClean, openSite, openTool, toSandbox, visitSized } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

/// The page with its lesson loaded, in presenter mode by its key.
const presenting = async (size = 'desk', query = '', options = {}) => {
  const visited = await visitSized(site, size, query, options);
  const { page } = visited;
  await toSandbox(page);
  await page.waitForSelector('#next-step', { state: 'attached' });
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('p');
  await page.waitForSelector('.presenter');
  return visited;
};
// Behind a slide it is there and not to be seen.
const clock = (page) => page.locator('.now b').textContent();
const slide = (page) => page.locator('#slide b').innerText();
const nothingCutOff = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

for (const size of Object.keys(SIZES)) {
  for (const theme of ['light', 'dark', 'projector']) {
    test(`${size}, ${theme}: the picture is large, nothing is cut off, no accessibility rule is broken`, async () => {
      const { page, report, close } = await presenting(size, `?theme=${theme}`);
      assert.equal(await page.locator('.top').isVisible(), false);
      assert.equal(await page.locator('.settings').isVisible(), false);
      const [width] = SIZES[size];
      await page.keyboard.press('Shift+Period');
      const box = await page.locator('.stage .diagram').boundingBox();
      if (size !== 'frame') assert.ok(box.width > width * 0.9, `${box.width} of ${width} px`);
      assert.ok((await nothingCutOff(page)) <= 0, `${await nothingCutOff(page)} px too wide`);
      if (size === 'desk' || size === 'tablet') {
        const down = await page.locator('.timeline').evaluate((strip) => strip.getBoundingClientRect().bottom - innerHeight);
        assert.ok(down <= 0, `the timeline ends ${down} px below the window`);
      }
      assert.deepEqual(await accessibilityProblems(page), []);
      await page.keyboard.press('l');
      assert.deepEqual(await accessibilityProblems(page), [], 'slide');
      await page.keyboard.press('l');
      for (const key of ['?', 'h']) {
        await page.keyboard.press(key);
        await page.waitForSelector('dialog[open]');
        assert.deepEqual(await accessibilityProblems(page), [], key);
        assert.ok((await nothingCutOff(page)) <= 0);
        await page.keyboard.press('Escape');
        await page.waitForSelector('dialog', { state: 'detached' });
      }
      assertClean(report);
      await close();
    });
  }
}

test('at 1440 px no word in picture and timeline is smaller than 18 px', async () => {
  const { page, close } = await presenting();
  await page.keyboard.press('Shift+Period');
  const smallest = await page.evaluate(() => {
    const sizes = [...document.querySelectorAll('.diagram text, .timeline text')].map((text) => {
      const svg = text.ownerSVGElement;
      return (parseFloat(getComputedStyle(text).fontSize) * svg.getBoundingClientRect().width) / svg.viewBox.baseVal.width;
    });
    return Math.min(...sizes);
  });
  assert.ok(smallest >= 18, `${smallest} px`);
  await close();
});

test('the steps of the lesson are slides, by clicker and by button; one to be watched shows the picture', async () => {
  const { page, report, close } = await presenting();
  assert.match(await slide(page), /^1 of \d+$/);
  await page.keyboard.press('PageDown');
  assert.match(await slide(page), /^2 of/);
  await page.waitForFunction(() => document.querySelector('.page').dataset.panel === 'lesson');
  const heading = page.locator('#lesson h2').first();
  assert.ok(await heading.isVisible());
  assert.ok(parseFloat(await heading.evaluate((h) => getComputedStyle(h).fontSize)) >= 32);
  // On to the first step that runs something.
  for (let n = 0; n < 8 && !(await page.locator('#lesson-run').count()); n++) await page.keyboard.press('PageDown');
  await page.waitForFunction(() => document.querySelector('.page').dataset.panel === 'none');
  await page.click('#slide-back');
  await page.waitForFunction(() => document.querySelector('.page').dataset.panel === 'lesson');
  await page.keyboard.press('l');
  assert.equal(await heading.isVisible(), false);
  await page.keyboard.press('p');
  assert.ok(await page.locator('.top').isVisible());
  assertClean(report);
  await close();
});

test('present=1 opens it, the caption follows the run, and the header has a button for it', async () => {
  const { page, close } = await visitSized(site, 'desk', '?present=1');
  await page.waitForSelector('.presenter');
  await page.waitForSelector('#scrubber', { state: 'attached' });
  await page.keyboard.press('End');
  assert.match(await page.locator('.caption').innerText(), /^\d+\.\d{3} s \S+/);
  await page.click('#leave');
  await openTool(page, '#present');
  assert.ok(await page.locator('.presenter').isVisible());
  await close();
});

test('hands are counted by keys, buttons and typing, and the run marks the truth on the same bars', async () => {
  const { page, report, close } = await presenting();
  await page.keyboard.press('h');
  await page.waitForSelector('.poll[open]');
  const options = page.locator('.poll li');
  const count = await options.count();
  assert.ok(count >= 2);
  for (const key of ['a', 'b', 'b', 'b', 'Shift+B']) await page.keyboard.press(key);
  assert.equal(await options.nth(0).getAttribute('data-hands'), '1');
  assert.equal(await options.nth(1).getAttribute('data-hands'), '2');
  await options.nth(0).getByRole('button', { name: 'One hand more' }).click();
  await options.nth(1).locator('input').fill('14');
  assert.equal(await page.locator('#hands').innerText(), '16 hands.');
  const widths = await page.locator('.poll .bar').evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute('width'))));
  assert.equal(widths[1], 100);
  assert.ok(Math.abs(widths[0] - (2 * 100) / 14) < 0.2, `${widths}`);
  assert.equal(await page.locator('.poll [data-truth=true]').count(), 0, 'nobody knows before the run');
  await page.click('#poll-run');
  assert.match(await page.locator('#poll-chip').innerText(), /^A 2, B 14/);
  await page.waitForFunction(() => /the run shows/.test(document.querySelector('#poll-chip').textContent), null, { timeout: 15_000 });
  await page.keyboard.press('h');
  assert.equal(await page.locator('.poll [data-truth=true]').count(), 1);
  assert.match(await page.locator('#hands').innerText(), /^\d+ of 16 expected what the run shows\.$/);
  await page.click('#clear-hands');
  assert.equal(await page.locator('#hands').innerText(), 'No hand yet.');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('dialog').count(), 0);
  assertClean(report);
  await close();
});

test('the second window has notes, next step and clock, and both steer the same run', async () => {
  const { page, report, close } = await presenting('desk', '?lesson=sink-memory');
  const [speaker] = await Promise.all([page.waitForEvent('popup'), page.keyboard.press('w')]);
  await speaker.waitForFunction(() => document.getElementById('step').textContent.length > 0);
  assert.match(await speaker.locator('#notes').innerText(), /For the whole lesson:[\s\S]*two memories/);
  assert.match(await speaker.locator('#place').innerText(), /^Step 1 of \d+/);
  const next = await speaker.locator('#next').innerText();
  assert.deepEqual(await accessibilityProblems(speaker), []);

  // From there to here.
  await speaker.locator('[data-say=next]').click();
  await page.waitForFunction(() => /^2 of/.test(document.querySelector('#slide b').textContent));
  await speaker.waitForFunction(() => /^Step 2 of/.test(document.getElementById('place').textContent));
  assert.ok(next.includes(await speaker.locator('#step').innerText()));
  await speaker.locator('[data-say=play]').click();
  await page.waitForFunction(() => document.querySelector('.now small').textContent.includes('playing'));
  await speaker.waitForFunction(() => document.getElementById('state').textContent.includes('playing'));
  await speaker.keyboard.press(' ');
  await page.waitForFunction(() => document.querySelector('.now small').textContent.includes('paused'));
  await speaker.waitForFunction((now) => document.getElementById('at').textContent === now, await clock(page));
  await speaker.keyboard.press('b');
  await page.waitForSelector('#blank');
  await speaker.keyboard.press('b');
  await page.waitForSelector('#blank', { state: 'detached' });

  // From here to there.
  await page.bringToFront();
  await page.keyboard.press('End');
  await speaker.waitForFunction((now) => document.getElementById('at').textContent === now, await clock(page));

  // The clock.
  await speaker.locator('#timer-run').click();
  await speaker.waitForFunction(() => document.getElementById('timer').textContent !== '0:00');

  // The page is loaded anew: the window finds it again. It is closed: the window says so.
  await page.goto(page.url().replace('lesson=sink-memory', 'present=1'));
  await page.reload();
  await page.waitForSelector('#scrubber', { state: 'attached' });
  await page.waitForSelector('.presenter');
  await speaker.waitForFunction(() => document.getElementById('lost').hidden);
  await page.keyboard.press('Home');
  await speaker.waitForFunction(() => document.getElementById('at').textContent === '0.000 s');
  assertClean(report);
  await page.close();
  await speaker.waitForSelector('#lost', { state: 'visible', timeout: 10_000 });
  await close();
});

test('a browser that opens no second window is told about, and a stranger steers nothing', async () => {
  const { page, close } = await presenting();
  await page.evaluate(() => {
    globalThis.open = () => null;
  });
  await page.click('#speaker');
  assert.match(await page.locator('.blocked').innerText(), /Allow pop-up windows/);
  const before = await slide(page);
  await page.evaluate(
    () =>
      new Promise((done) => {
        addEventListener('message', () => setTimeout(done, 100));
        dispatchEvent(new MessageEvent('message', { data: 'streamproof-speaker next', origin: 'https://stranger.example' }));
      }),
  );
  assert.equal(await slide(page), before);
  await close();
});

test('the QR code is drawn here, small enough for a seat, and stands beside the link', async () => {
  const { page, report, close } = await presenting();
  await page.click('#code');
  const modules = Number(await page.locator('.sheet .qr').getAttribute('data-modules'));
  assert.ok(modules > 20 && modules <= 77, `${modules}`);
  assert.match(await page.locator('.sheet.code').innerText(), /#r=1;sc=order-billing;/);
  assert.deepEqual(await accessibilityProblems(page), []);
  await page.click('#close-sheet');
  await page.keyboard.press('p');
  await page.keyboard.press('k');
  await page.click('#qr');
  await page.waitForSelector('.sheet .qr');
  assert.deepEqual(await accessibilityProblems(page), []);
  assertClean(report);
  await close();
});

test('every key of the sheet does what it says', async () => {
  const { page, report, close } = await visitSized(site, 'desk');
  await toSandbox(page);
  await page.waitForSelector('#next-step');
  await page.evaluate(() => document.activeElement.blur());
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  const digest = () => page.locator('#digest').getAttribute('data-digest');
  const another = (before) => page.waitForFunction((before) => document.getElementById('digest')?.dataset.digest !== before, before);
  await press('?');
  await page.waitForSelector('.keys dt');
  const listed = await page.locator('.keys dt').allInnerTexts();
  assert.ok(listed.length >= 25, `${listed.length} keys are listed`);
  await press('Escape');
  // Counters.
  for (const [key, name] of [['1', 'sent'], ['2', 'stored'], ['3', 'delivered'], ['4', 'lost'], ['5', 'duplicates'], ['6', 'late']]) {
    await press(key);
    assert.match(await page.locator('.listing h2').innerText(), new RegExp(`^${name}: `));
  }
  await press('Escape');
  assert.equal(await page.locator('.listing').count(), 0);
  // Next seed, and comparing with the run before needs one seed.
  const first = await digest();
  await press('n');
  await another(first);
  assert.match(await page.locator('.top').innerText(), /seed 43/);
  const second = await digest();
  await press('End', 'f');
  await page.selectOption('#fault-kind', 'broker.crash.kept');
  await press('Escape');
  await page.evaluate(() => document.activeElement.blur());
  await press('Escape', 't');
  await page.waitForSelector('[aria-label="Time, in seconds"]:focus');
  await page.keyboard.type('2');
  await press('Enter', 'Shift+F');
  await another(second);
  assert.match(decodeURIComponent((await page.waitForFunction(() => location.hash.includes('broker') && location.hash).then((hash) => hash.jsonValue()))), /broker\.crash\.kept@2000/);
  await press('c');
  await page.waitForSelector('.compare');
  // Search.
  await press('Escape', '/');
  await page.waitForSelector('#find:focus');
  await press('Escape');
  await page.waitForSelector('#find', { state: 'detached' });
  // Link, blank screen.
  await press('k');
  await page.waitForSelector('#run-link');
  await press('b');
  await page.waitForSelector('#blank');
  await press('x');
  await page.waitForSelector('#blank', { state: 'detached' });
  assertClean(report);
  await close();
});

test('single keys can be turned off, and stay off when the page is loaded anew', async () => {
  const { page, close } = await visitSized(site, 'desk');
  await toSandbox(page);
  await openTool(page, '#keys');
  await page.uncheck('#single-keys');
  await page.click('#close-sheet');
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('p');
  await page.waitForTimeout(200);
  assert.equal(await page.locator('.presenter').count(), 0);
  assert.match(page.url(), /keys=0/);
  await page.reload();
  await page.waitForSelector('#keys', { state: 'attached' });
  if (await page.locator('#to-sandbox').isVisible()) await toSandbox(page);
  await page.keyboard.press('p');
  await page.waitForTimeout(200);
  assert.equal(await page.locator('.presenter').count(), 0);
  await openTool(page, '#keys');
  await page.check('#single-keys');
  await page.click('#close-sheet');
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('p');
  await page.waitForSelector('.presenter');
  await close();
});
