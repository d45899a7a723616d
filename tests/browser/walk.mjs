// Every lesson of the course from its first step to its last, as a learner goes through it: predict and say how sure, run, look,
// answer, open the explanation, change settings until the tasks pass, run the gauntlets, answer the quiz. What is right comes from
// the lesson's own file (`streamproof lesson show`), what passes the tasks from tests/lessons/solutions.json.
//
// WALK=acks-ladder,barriers walks only these.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { assertClean, openSite, program } from './harness.mjs';

let site;
before(async () => {
  site = await openSite();
});
after(() => site?.close());

const course = JSON.parse(readFileSync(new URL('../../lessons/course.json', import.meta.url), 'utf8'));
const wanted = process.env.WALK?.split(',');
const lessons = course.modules
  .flatMap(({ id, lessons }) => lessons.map((lesson) => [lesson, `lessons/en/${id}/${lesson}.md`]))
  .filter(([lesson]) => !wanted || wanted.includes(lesson));

const GAUNTLET = 120_000; // ms

/// The run at hand to its end, once it is there.
const toTheEnd = async (page) => {
  await page.waitForSelector('#scrubber', { state: 'attached' });
  await page.waitForFunction(() => !document.querySelector('#again')?.disabled);
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press('End');
};

/// Presses End until something holds: a run that is asked for takes its time.
const until = async (page, holds, argument, what) => {
  for (let turn = 0; turn < 60; turn += 1) {
    await toTheEnd(page);
    if (await page.waitForFunction(holds, argument, { timeout: 500 }).catch(() => null)) return;
  }
  assert.fail(`${what}: ${await page.locator('#lesson .body').innerText()}`);
};

const answer = async (page, ask, revealed) => {
  const field = page.locator(`[data-ask="${ask.id}"]`);
  if (ask.kind === 'choice') {
    await field.locator('.options input').nth(ask.answer).check();
    if (ask.sure) {
      assert.ok(await field.locator('> button.primary').isDisabled(), `${ask.id}: how sure comes first`);
      await field.locator('.sure input').nth(1).check();
    }
  } else if (ask.kind === 'number') {
    await until(page, (id) => !document.querySelector(`[data-ask="${id}"] .hint`), ask.id, ask.id);
    await field.locator('.typed').fill(String(ask.answer));
  } else if (ask.kind === 'text') {
    await field.locator('.typed').fill('Because nobody can know.');
  } else {
    await until(page, (id) => !document.querySelector(`[data-ask="${id}"] .hint`), ask.id, ask.id);
    // A query that is close finds something else, and is told what.
    await field.locator('.typed').fill(ask.wrong[0]);
    await field.getByRole('button', { name: 'Run and check' }).click();
    await field.locator('.said[data-right=false]').waitFor({ timeout: 20_000 });
    await field.locator('.typed').fill(ask.answer);
    await field.getByRole('button', { name: 'Run and check' }).click();
    await field.locator('.said[data-right=true]').waitFor({ timeout: 20_000 });
    return;
  }
  await field.locator('> button.primary').click();
  await field.locator('> button.primary').waitFor({ state: 'detached' });
  if (ask.kind === 'choice' && revealed) assert.equal(await field.locator('label[data-right=true]').count(), 1, ask.id);
  if (ask.kind === 'number') assert.match(await field.locator('.said').innerText(), /^Yes/, ask.id);
};

/// Puts what passes a task in force: by its settings, or as a run file where faults or orders change too.
const apply = async (page, { set, file }) => {
  // What an earlier task has changed goes first.
  if (await page.locator('#rejoin').isVisible()) {
    await page.click('#rejoin');
    await toTheEnd(page);
  }
  const reset = page.locator('.reset-all .link');
  if (await reset.isVisible()) await reset.click();
  const fields = (set ?? []).map(([key, value]) => [page.locator(`[id="set-${key}"]`), value]);
  const there = await Promise.all(fields.map(([field]) => field.isVisible()));
  if (set && there.every(Boolean)) {
    for (const [field, value] of fields) {
      if ((await field.evaluate((element) => element.tagName)) === 'SELECT') {
        const options = await field.locator('option').evaluateAll((all) => all.map((option) => option.value));
        await field.selectOption(options.includes(value) ? value : JSON.stringify(value));
      } else {
        await field.fill(value);
        await field.press('Enter');
      }
    }
    return;
  }
  await page.click('#share');
  const text = JSON.stringify(file);
  await page.setInputFiles('#open-run', { name: 'run.json', mimeType: 'application/json', buffer: Buffer.from(text) });
  await page.waitForSelector('.notice[data-kind=share]', { state: 'detached' });
};

const passedTasks = (page) => page.locator('#lesson .checks li[data-passed=true]').count();

const doTasks = async (page, step) => {
  for (const order of step.traced) {
    await toTheEnd(page);
    await page.keyboard.press('1');
    await page.locator('.pick-order', { has: page.locator('b', { hasText: new RegExp(`^#${order}$`) }) }).click();
    await page.waitForFunction(() => document.querySelectorAll('#lesson .checks li[data-passed=true]').length > 0);
    await page.keyboard.press('Escape');
  }
  if ((await passedTasks(page)) === step.tasks.length) return;
  assert.ok(step.passes.length > 0, `${step.heading}: nothing is known to pass it`);
  await apply(page, step.passes[0]);
  const again = page.locator('#lesson-run');
  await again.click();
  await toTheEnd(page);
  for (let turn = 0; turn < 4 && (await page.locator('#gauntlet').count()) > 0; turn += 1) {
    const suite = await page.locator('#gauntlet:enabled').innerText({ timeout: 20_000 });
    await page.click('#gauntlet');
    await page.waitForFunction(
      (suite) => {
        const button = document.querySelector('#gauntlet');
        return button ? button.innerText !== suite : !document.querySelector('.underway');
      },
      suite,
      { timeout: GAUNTLET },
    );
  }
  const all = (count) => document.querySelectorAll('#lesson .checks li[data-passed=true]').length === count;
  await until(page, all, step.tasks.length, step.heading);
};

const walk = async (id, path) => {
  const lesson = JSON.parse(program('lesson', 'show', path, '--solutions', 'tests/lessons/solutions.json'));
  const { page, report, close } = await site.visit(`?lesson=${id}`, { viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(15_000);
  await page.click('#to-lesson');
  await page.waitForSelector('.steps button');
  assert.equal(await page.locator('#lesson h1').first().innerText(), lesson.title);
  let number = 0;
  for (const step of lesson.steps) {
    const place = `${id}, step ${number + 1}, ${step.heading}`;
    assert.equal(await page.locator('#lesson h2').first().innerText(), step.heading, place);
    try {
      const quiet = step.kind === 'predict';
      if (step.kind === 'explain' && step.asks.length > 0) {
        assert.equal(await page.locator('.fold').getAttribute('open'), null, `${place}: folded until asked for`);
      }
      for (const ask of step.asks) await answer(page, ask, !quiet);
      if (step.kind === 'explain') assert.notEqual(await page.locator('.fold').getAttribute('open'), null, place);
      if (step.kind === 'run') {
        await page.click('#lesson-run');
        const seen = (at) => document.querySelectorAll('.steps li')[at].classList.contains('done');
        await until(page, seen, number, place);
      }
      if (step.tasks.length > 0) await doTasks(page, step);
    } catch (error) {
      error.message = `${place}: ${error.message}`;
      throw error;
    }
    number += 1;
    if (number < lesson.steps.length) await page.click('#next-step');
  }
  const undone = await page.locator('.steps li:not(.done) button').evaluateAll((all) => all.map((button) => button.getAttribute('aria-label')));
  assert.ok(undone.length <= 1, `${id}: ${undone.join('; ')}`);
  // What was done is kept: the lesson is through, and comes back for review.
  const kept = JSON.parse(await page.evaluate(() => localStorage.getItem('streamproof.v1')));
  assert.equal(kept.lessons[id].done, true, id);
  assert.equal(kept.lessons[id].review.stage, 0);
  assertClean(report);
  await close();
};

describe('every lesson can be walked from its first step to its last', { concurrency: 2 }, () => {
  for (const [id, path] of lessons) test(id, { timeout: 240_000 }, () => walk(id, path));
});
