// Finding one's way in the course: the list of lessons, the search, the words in a text, a lesson of one's own, and paper.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { accessibilityProblems, assertClean, openSite, openTool, SIZES, toSandbox, visitSized } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

const shot = process.env.SHOTS;
const hits = (page) => page.locator('.hits button');
const focused = (page) => page.evaluate(() => document.activeElement?.innerText ?? '');

test('a slash opens the search on every face; arrows and Enter lead to a step, a word, a setting and a scenario', async () => {
  const { page, report, close } = await visitSized(site);
  await page.waitForSelector('#to-course');
  await page.keyboard.press('/');
  await page.waitForSelector('#find:focus');
  assert.equal(await page.locator('.modules [data-lesson]').count(), 24);
  assert.deepEqual(await accessibilityProblems(page), []);

  // A step of a lesson, whose text is fetched now.
  await page.keyboard.type('barrier alignment');
  await page.waitForFunction(() => [...document.querySelectorAll('.hits .kind')].some((kind) => kind.innerText === 'lesson'));
  assert.match(await page.locator('.course [role=status]').innerText(), /place/);
  assert.deepEqual(await accessibilityProblems(page), []);
  await page.keyboard.press('ArrowDown');
  const first = await focused(page);
  await page.keyboard.press('ArrowDown');
  assert.notEqual(await focused(page), first);
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'find');
  const lesson = hits(page).filter({ has: page.locator('.kind', { hasText: 'lesson' }) }).first();
  const title = await lesson.locator('strong').innerText();
  await lesson.click();
  await page.waitForFunction((title) => document.querySelector('#lesson h1')?.innerText === title, title);
  assert.equal(await page.locator('dialog').count(), 0);

  // A word: its entry is open and has the focus.
  await page.keyboard.press('/');
  await page.waitForSelector('#find:focus');
  await page.keyboard.type('LSO');
  await page.waitForSelector('.hits button');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.entries details[open]');
  assert.match(await page.locator('.entries details[open]').innerText(), /last stable offset[\s\S]+read/i);
  assert.match(await focused(page), /last stable offset/);
  assert.deepEqual(await accessibilityProblems(page), []);
  if (shot) await page.screenshot({ path: `${shot}/words.png` });

  // A setting that the scenario at hand has not got: a scenario that has.
  await page.fill('#find', 'hoodie.clean.failed.writes.policy');
  await page.locator('#find').press('Enter');
  await page.waitForFunction(() => document.activeElement?.id === 'set-hoodie.clean.failed.writes.policy');

  // A scenario.
  await page.keyboard.press('Escape');
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('/');
  await page.waitForSelector('#find:focus');
  await page.keyboard.type('acks-one');
  await page.waitForSelector('.hits button');
  await hits(page).filter({ has: page.locator('.kind', { hasText: 'scenario' }) }).first().click();
  await page.waitForFunction(() => document.querySelector('#scenario').value === 'acks-one');
  assert.equal(await page.locator('#rejoin').count(), 1, 'the lesson says that the picture is another one');
  assertClean(report);
  await close();
});

test('the list closes by Escape, the focus comes back, and what nobody has written is not found', async () => {
  const { page, report, close } = await visitSized(site);
  await toSandbox(page);
  await page.click('#browse');
  await page.keyboard.type('xyzzy');
  await page.waitForFunction(() => /Nothing has all of these words/.test(document.querySelector('.course [role=status]')?.innerText));
  // The first empties the field, as in every search field.
  await page.keyboard.press('Escape');
  await page.waitForSelector('.modules');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', { state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement.id), 'browse');
  // Behind it nothing has listened.
  assert.equal(await page.locator('.sql:not([hidden])').count(), 0);
  assertClean(report);
  await close();
});

test('a word in a text opens by mouse, by finger and by keyboard, and Escape closes it', async () => {
  const { page, report, close } = await site.visit('?lesson=acks-ladder&step=2', { viewport: { width: 1440, height: 900 }, hasTouch: true });
  await page.click('#to-lesson');
  const word = page.locator('#lesson .word').first();
  await word.waitFor();
  const button = word.locator('> button');
  await button.focus();
  await page.keyboard.press('Enter');
  const meaning = word.locator('.meaning');
  assert.ok((await meaning.innerText()).length > 40);
  assert.deepEqual(await accessibilityProblems(page), []);
  const [box, column] = await Promise.all([meaning.boundingBox(), page.locator('#lesson').boundingBox()]);
  assert.ok(box.x >= column.x && box.x + box.width <= column.x + column.width, 'inside the column');
  if (shot) await page.screenshot({ path: `${shot}/word.png` });
  await page.keyboard.press('Escape');
  assert.equal(await meaning.count(), 0);
  await page.mouse.move(900, 500);
  await button.hover();
  await meaning.waitFor();
  await meaning.hover();
  assert.equal(await meaning.count(), 1, 'it stays while the mouse is over it');
  await page.mouse.move(900, 500);
  await meaning.waitFor({ state: 'detached' });
  await button.tap();
  await meaning.waitFor();
  await button.tap();
  await meaning.waitFor({ state: 'detached' });
  // It leads to where it is met.
  await button.click();
  const to = meaning.getByRole('button');
  await to.click();
  await page.waitForSelector('.steps button');
  assertClean(report);
  await close();
});

test('a lesson file of one\'s own is opened, walked and kept; a damaged one is told by line, and nothing of it is HTML', async () => {
  const { page, report, close } = await visitSized(site);
  const text = await readFile(new URL('../../lessons/en/guarantees/lost-ack.md', import.meta.url), 'utf8');
  const mine = text.replace('# The lost acknowledgement', '# My own lesson');
  const open = async (text, name = 'mine.md') => {
    await page.setInputFiles('#open-lesson', { name, mimeType: 'text/markdown', buffer: Buffer.from(text) });
    await page.waitForSelector('dialog', { state: 'detached' });
  };
  await page.click('#to-course');
  await open(mine);
  await page.waitForFunction(() => document.querySelector('#lesson h1')?.innerText === 'My own lesson');
  assert.match(await page.locator('#lesson .crumb').first().innerText(), /Opened from a file/);
  await page.locator('.steps button[aria-label*=", predict: "]').first().click();
  const ask = page.locator('[data-ask=p1]');
  await ask.locator('.options input').first().check();
  await ask.locator('.sure input').first().check();
  await ask.locator('button.primary').click();
  await page.locator('.steps button[aria-label*=", run: "]').first().click();
  await page.click('#lesson-run');
  await page.waitForSelector('#lesson .beside', { timeout: 20_000 });
  const kept = JSON.parse(await page.evaluate(() => localStorage.getItem('streamproof.v1')));
  assert.equal(kept.lessons['mine.md'].predictions.p1.sure, 1);

  // What cannot be read: its line, what was expected, the line itself.
  for (const [from, to, says, line] of [
    ['## scene:', '## scenery:', /mine\.md:\d+: no step kind "scenery"; did you mean "scene"\?/, '## scenery:'],
    ['## scene:', '<img src=x onerror=alert(1)>\n\n## scene:', /mine\.md:\d+: .*HTML/, '<img src=x onerror=alert(1)>'],
    ['](check:', '](javascript:', /a link to "javascript:/, 'javascript:'],
  ]) {
    await page.click('#browse, #lesson .problem ~ .do .btn');
    await open(mine.replace(from, to));
    const problem = page.locator('#lesson .problem').filter({ hasText: says });
    await problem.waitFor();
    assert.ok((await problem.locator('pre').innerText()).includes(line));
    assert.equal(await page.locator('#lesson img').count(), 0);
  }
  assert.deepEqual(await accessibilityProblems(page), []);
  await page.getByRole('button', { name: 'The opening lesson' }).click();
  await page.waitForFunction(() => document.querySelector('#lesson h1')?.innerText === 'The lost acknowledgement');

  // Dropped anywhere on the page it opens as well.
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.items.add(new File([text], 'dropped.md', { type: 'text/markdown' }));
    document.querySelector('.stage').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
  }, mine.replace('My own lesson', 'A dropped lesson'));
  await page.waitForFunction(() => document.querySelector('#lesson h1')?.innerText === 'A dropped lesson');
  assertClean(report);
  await close();
});

test('a query is checked by what it finds: another way to write it is right, a close one is told what is wrong', async () => {
  const { page, report, close } = await site.visit('?lesson=four-faults&step=7', { viewport: { width: 1440, height: 900 } });
  await page.click('#to-lesson');
  const s2 = page.locator('[data-ask=s2]');
  await s2.waitFor();
  assert.match(await s2.innerText(), /once the run has come to its outcome/);
  await page.click('#lesson-run');
  await page.waitForSelector('#scrubber', { state: 'attached' });
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('End');
  await s2.getByRole('button', { name: 'Run and check' }).click();
  await s2.locator('.problem').waitFor({ timeout: 20_000 });
  const ask = async (id, sql) => {
    const field = page.locator(`[data-ask=${id}]`);
    await field.locator('textarea').fill(sql);
    await field.locator('textarea').press('Control+Enter');
    await page.waitForFunction((id) => !/Running/.test(document.querySelector(`[data-ask=${id}] [aria-live]`).innerText), id);
    return field;
  };
  await ask('s2', 'SELECT order_id FROM source_orders');
  await s2.locator('.said').waitFor();
  assert.match(await s2.locator('.said').innerText(), /your query finds 60 rows, the answer has 2 rows: 58 too many/);
  await ask('s2', 'SELECT order_id FROM source_orders EXCEPT SELECT order_id FROM sink_orders');
  await s2.locator('.said[data-right=true]').waitFor();
  // A statement that changes the tables is held against what is left.
  const s3 = await ask('s3', 'DELETE FROM sink_orders WHERE order_id IN (SELECT order_id FROM sink_orders GROUP BY order_id HAVING COUNT(*) > 1)');
  await s3.locator('.said').waitFor();
  assert.match(await s3.locator('.said').innerText(), /finds 56 rows, the answer has 58 rows: 2 missing/);
  await ask('s3', 'DELETE FROM sink_orders WHERE rowid NOT IN (SELECT MAX(rowid) FROM sink_orders GROUP BY order_id)');
  await s3.locator('.said[data-right=true]').waitFor();
  await page.locator('[data-ask=s1]').getByRole('button', { name: 'Show an answer' }).click();
  assert.match(await page.locator('[data-ask=s1] .said').innerText(), /GROUP BY order_id/);
  assert.deepEqual(await accessibilityProblems(page), []);
  if (shot) await page.screenshot({ path: `${shot}/sql-ask.png` });
  // The lab beside it has its own tables, whole again.
  await openTool(page, '#query');
  await page.fill('#sql-text', 'SELECT COUNT(*) FROM sink_orders');
  await page.click('#sql-run');
  await page.waitForFunction(() => document.querySelector('.sql-table td')?.innerText === '60');
  assertClean(report);
  await close();
});

test('on paper a lesson is its text, boxes and lines, the answers come last, and nothing of the page is left', async () => {
  const { page, report, close } = await site.visit('?lesson=acks-ladder', { viewport: { width: 1440, height: 900 }, colorScheme: 'dark' });
  await page.click('#to-lesson');
  await page.waitForSelector('.steps button');
  assert.equal(await page.locator('.handout').count(), 0);
  await page.evaluate(() => {
    globalThis.printed = 0;
    globalThis.print = () => {
      globalThis.printed += 1;
    };
  });
  await page.click('#handout');
  await page.waitForFunction(() => globalThis.printed === 1);
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  const paper = page.locator('.handout');
  const text = await paper.innerText();
  const steps = await page.evaluate(() => document.querySelectorAll('.steps li').length);
  assert.equal(await paper.locator('.paper').count(), steps);
  assert.ok(text.indexOf('Answers') > text.indexOf('The settings, as they are at the beginning'));
  for (const hidden of ['.top', '.settings', '.steps', '#controls']) assert.ok(!(await page.locator(hidden).first().isVisible()), hidden);
  assert.ok(await page.locator('.stage .canvas').isVisible(), 'the picture comes along');
  const [ink, ground] = await paper.evaluate((element) => [getComputedStyle(element).color, getComputedStyle(document.body).backgroundColor]);
  assert.deepEqual([ink, ground], ['rgb(0, 0, 0)', 'rgb(255, 255, 255)']);
  const pdf = await page.pdf({ format: 'A4' });
  const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g).length;
  console.log(`acks-ladder: ${pages} pages`);
  assert.ok(pages <= 8, `${pages} pages`);
  if (shot) {
    const { writeFile } = await import('node:fs/promises');
    await writeFile(`${shot}/handout.pdf`, pdf);
  }
  await page.emulateMedia({ media: 'screen' });
  await page.evaluate(() => dispatchEvent(new Event('afterprint')));
  await paper.waitFor({ state: 'detached' });
  assertClean(report);
  await close();
});

test('the list fits everywhere, in both themes', async () => {
  for (const size of Object.keys(SIZES)) {
    for (const colorScheme of ['light', 'dark']) {
      const { page, report, close } = await visitSized(site, size, size === 'frame' ? '?embed=1' : '', { colorScheme });
      if (size === 'frame') {
        await page.waitForSelector('#scrubber', { state: 'attached' });
        await page.keyboard.press('/');
      } else await page.click('#to-course');
      await page.waitForSelector('.modules');
      const over = await page.evaluate(() => {
        const dialog = document.querySelector('dialog');
        const { left, right, top, bottom } = dialog.getBoundingClientRect();
        return { sideways: dialog.scrollWidth - dialog.clientWidth, out: left < 0 || top < 0 || right > innerWidth || bottom > innerHeight };
      });
      assert.deepEqual(over, { sideways: 0, out: false }, `${size} ${colorScheme}`);
      assert.deepEqual(await accessibilityProblems(page), [], `${size} ${colorScheme}`);
      if (shot) await page.screenshot({ path: `${shot}/course-${size}-${colorScheme}.png` });
      await page.fill('#find', 'watermark');
      await page.waitForSelector('.hits button');
      if (shot) await page.screenshot({ path: `${shot}/hits-${size}-${colorScheme}.png` });
      assertClean(report);
      await close();
    }
  }
});
