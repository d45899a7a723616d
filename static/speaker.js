// The speaker's window: notes of the step, the next one, a clock, and the controls of the presentation. It knows nothing by
// itself; the page that opened it says everything, and is asked once a second (`src/app/components/present.rs`).

{
  const MARK = 'streamproof-speaker';
  const element = (id) => document.getElementById(id);
  const page = window.opener;

  const say = (word) => {
    if (page && !page.closed) page.postMessage(`${MARK} ${word}`, location.origin);
  };

  // ---- what the page says -------------------------------------------------------------------------------------------

  const NAMES = ['p', 'pre', 'ul', 'ol', 'li', 'code', 'em', 'strong', 'span'];
  /// Text, or [name of an element, what is in it]; nothing else becomes an element.
  const build = (part) => {
    if (typeof part === 'string') return document.createTextNode(part);
    const [name, inner] = part;
    const made = document.createElement(NAMES.includes(name) ? name : 'span');
    made.append(...inner.map(build));
    return made;
  };
  const line = (name, text) => build([name, [text]]);

  const show = (told) => {
    const { lesson, question, options } = told;
    element('title').textContent = lesson?.title ?? told.scenario;
    element('place').textContent = lesson ? `Step ${lesson.number} of ${lesson.of}: ${lesson.step.kind}` : 'No lesson is open.';
    element('step').textContent = lesson?.step.heading ?? '';
    const notes = lesson?.step.notes ?? [];
    const rest = notes.length === 0 ? (lesson?.notes ?? []) : [];
    element('notes').replaceChildren(
      ...notes.map(build),
      ...(rest.length > 0 ? [line('p', 'For the whole lesson:'), ...rest.map(build)] : []),
      ...(notes.length + rest.length === 0 ? [line('p', 'No notes for this step.')] : []),
    );
    const answers = options.map(([text, right], n) => {
      const item = line('li', `${String.fromCharCode(65 + n)}  ${text.replaceAll('`', '')}`);
      if (right) item.append(line('strong', ' (the run shows this)'));
      return item;
    });
    const list = document.createElement('ol');
    list.append(...answers);
    element('question').replaceChildren(line('p', question.replaceAll('`', '')), list);
    element('at').textContent = told.at;
    element('state').textContent = `of ${told.end}, ${told.playing ? 'playing' : 'paused'}`;
    element('caption').textContent = told.caption;
    const next = lesson?.next;
    element('next').replaceChildren(
      ...(next ? [line('p', `${next.kind}: ${next.heading}`), ...next.notes.map(build)] : [line('p', 'The last step.')]),
    );
    const button = (word) => document.querySelector(`[data-say=${word}]`);
    button('play').firstChild.data = told.playing ? 'Pause' : 'Play';
    button('blank').setAttribute('aria-pressed', told.blank);
    button('slide').setAttribute('aria-pressed', told.slide);
    button('next').disabled = !next;
    button('back').disabled = !lesson || lesson.number === 1;
  };

  let heard = -Infinity;
  addEventListener('message', ({ source, origin, data }) => {
    if (source !== page || origin !== location.origin || typeof data !== 'string' || !data.startsWith(`${MARK} `)) return;
    heard = performance.now();
    element('lost').hidden = true;
    let told;
    try {
      told = JSON.parse(data.slice(MARK.length + 1));
    } catch {
      // The page has nothing to say yet.
      return;
    }
    show(told);
  });

  const ask = () => {
    if (performance.now() - heard > 3_000) element('lost').hidden = false;
    say('hello');
  };
  heard = performance.now();
  ask();
  setInterval(ask, 1_000);

  // ---- what the page is asked ------------------------------------------------------------------------------------------

  for (const button of document.querySelectorAll('[data-say]')) button.addEventListener('click', () => say(button.dataset.say));
  const KEYS = {
    PageDown: 'next', PageUp: 'back', ' ': 'play', '.': 'step', ',': 'step-back', '>': 'outcome', ':': 'outcome', Home: 'start',
    b: 'blank', h: 'poll', l: 'slide',
  };
  addEventListener('keydown', (event) => {
    const word = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    const own = event.target.tagName === 'BUTTON' && event.key === ' ';
    if (!word || own || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    say(word);
  });

  // ---- how long the talk has lasted ---------------------------------------------------------------------------------------

  let spoken = 0;
  let since;
  const tick = () => {
    const seconds = Math.floor((spoken + (since === undefined ? 0 : performance.now() - since)) / 1_000);
    element('timer').textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  };
  element('timer-run').addEventListener('click', () => {
    if (since === undefined) since = performance.now();
    else [spoken, since] = [spoken + performance.now() - since, undefined];
    element('timer-run').textContent = since === undefined ? 'Go on' : 'Pause';
    tick();
  });
  element('timer-reset').addEventListener('click', () => {
    [spoken, since] = [0, since === undefined ? undefined : performance.now()];
    tick();
  });
  setInterval(tick, 250);
}
