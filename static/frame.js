// The page in a frame: messages to and from the course page, as docs/embedding.md has them.
//
// Here is what holds for every message: who may send it, whom it is sent to, its envelope, its size and how many there may be.
// What a message says is read by `src/app/frame.rs`, which puts `streamproofAct` here and calls `streamproofTell`.

{
  const parameters = new URLSearchParams(location.search);
  const page = window.parent;
  const frame = parameters.get('frame') ?? '';
  const MOST_BYTES = 65_536;
  const MOST_A_SECOND = 20;
  const FIELDS = ['ns', 'v', 'type', 'id', 'seq', 're', 'payload'];
  /// What may be asked; a page without a run names less.
  let can = ['play', 'pause', 'step', 'seek', 'set', 'theme', 'load', 'get', 'restore'];

  /// The origin that whoever wrote the frame has named: whole, and nothing that somebody else could speak for.
  const pin = (text) => {
    try {
      const url = new URL(text);
      const trusted = url.protocol === 'https:' || (url.protocol === 'http:' && url.hostname === 'localhost');
      return trusted && url.origin === text ? text : undefined;
    } catch {
      return undefined;
    }
  };
  const pinned = pin(parameters.get('origin'));

  let count = 0;
  const post = (type, payload, to, re) => {
    if (!to) return;
    const message = { ns: 'streamproof', v: 1, type, id: frame, seq: ++count, payload };
    if (re !== undefined) message.re = re;
    page.postMessage(message, to);
  };
  const refuse = (code, message, re) => post('error', { code, message }, '*', re);

  // ---- what the page tells ----------------------------------------------------------------------------------------

  let ready = false;
  let progress = null;
  const waiting = [];
  const others = 'BroadcastChannel' in window ? new BroadcastChannel('streamproof') : undefined;
  // A run that is dragged along is told once it rests.
  let timer;
  globalThis.streamproofTell = (text) => {
    const { type, payload } = JSON.parse(text);
    if (type === 'ready') {
      ready = true;
      can = payload.can ?? can;
      post('ready', { ...payload, lesson: parameters.get('lesson'), can }, '*');
      if (parameters.has('origin') && !pinned) {
        refuse('bad-origin', 'origin is no origin such as https://course.example; nothing about the learner is sent');
      }
      for (const message of waiting.splice(0)) obey(message);
      autoplay();
      measure();
      return;
    }
    if (type === 'error') return post('error', payload, '*');
    if (type === 'progress') progress = payload;
    if (type === 'run') {
      if (payload.state === 'playing') others?.postMessage(frame);
      clearTimeout(timer);
      timer = setTimeout(() => post(type, payload, pinned), 100);
      return;
    }
    post(type, payload, pinned);
  };

  const act = (type, payload = {}) => JSON.parse(globalThis.streamproofAct(JSON.stringify({ type, payload })));
  const pause = () => ready && can.includes('pause') && act('pause');
  // Only one of several frames plays, and none that nobody sees.
  if (others) others.onmessage = pause;
  new IntersectionObserver((entries) => {
    if (!entries.at(-1).isIntersecting) pause();
  }).observe(document.documentElement);

  const autoplay = () => {
    if (parameters.get('autoplay') !== '1' || !can.includes('play') || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    let tries = 0;
    const begin = () => {
      if (act('play').error) return ++tries < 50 && setTimeout(begin, 200);
      const stop = setTimeout(pause, 5_000);
      for (const sign of ['pointerdown', 'keydown']) addEventListener(sign, () => clearTimeout(stop), { once: true });
    };
    begin();
  };

  // ---- what the page is asked ----------------------------------------------------------------------------------------

  const isPlain = (value) => Object.prototype.toString.call(value) === '[object Object]';
  const whole = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;

  /// What is done here and not in the program: [fields, what to do]; an answer that is a text says what is wrong.
  const here = {
    theme: [
      ['mode', 'scale'],
      ({ mode, scale }) => {
        if (mode === undefined && scale === undefined) return 'theme says neither mode nor scale';
        if (mode !== undefined && !['light', 'dark', 'projector', 'auto'].includes(mode)) return 'mode is none of light, dark, projector, auto';
        if (scale !== undefined && !whole(scale, 100, 200)) return 'scale is no whole number from 100 to 200';
        globalThis.streamproofLook({ theme: mode, scale });
      },
    ],
    load: [
      ['lesson', 'step'],
      ({ lesson, step = 1 }) => {
        if (typeof lesson !== 'string' || !/^[a-z0-9-]{1,64}$/.test(lesson)) return 'lesson is no name of a lesson';
        if (!whole(step, 1, 99)) return 'step is no whole number from 1 to 99';
        const url = new URL(location.href);
        url.searchParams.set('lesson', lesson);
        url.searchParams.set('step', step);
        url.hash = '';
        // The answer goes out first.
        setTimeout(() => location.replace(url), 0);
      },
    ],
    restore: [
      ['progress'],
      ({ progress: kept }) => {
        if (!isPlain(kept) || kept.lesson !== progress?.lesson) return 'this is no progress of the lesson that is open';
        if (!whole(kept.step, 1, progress.steps)) return `step is no whole number from 1 to ${progress.steps}`;
        globalThis.streamproofRestore(kept.step);
      },
    ],
  };

  const obey = ({ type, payload = {}, seq }) => {
    const fail = (problem) => refuse('refused', problem, seq);
    const done = (result) => post('ok', result === null || result === undefined ? {} : { result }, pinned ?? '*', seq);
    if (type === 'get' && payload.what === 'progress' && Object.keys(payload).length === 1) return done(progress);
    const [fields, doIt] = (type !== 'load' || 'lesson' in payload) && Object.hasOwn(here, type) ? here[type] : [];
    if (doIt) {
      const strange = Object.keys(payload).find((key) => !fields.includes(key));
      const problem = strange === undefined ? doIt(payload) : `"${type}" has no field "${strange.slice(0, 40)}"`;
      return problem ? fail(problem) : done();
    }
    const { ok, error } = act(type, payload);
    return error === undefined ? done(ok) : fail(error);
  };

  /// What is wrong with the envelope, if anything is.
  const flaw = (data, origin) => {
    if (!isPlain(data)) return 'the message is no plain object';
    const strange = Object.keys(data).find((key) => !FIELDS.includes(key));
    if (strange !== undefined) return `a message has no field "${strange.slice(0, 40)}"`;
    if (data.v !== 1) return 'v is not 1';
    if (!can.includes(data.type)) return `no message of type "${String(data.type).slice(0, 40)}"`;
    if (data.id !== undefined && data.id !== frame) return 'id is not the name of this frame';
    if (data.seq !== undefined && !whole(data.seq, 0, Number.MAX_SAFE_INTEGER)) return 'seq is no whole number';
    if (data.re !== undefined) return 're belongs into answers';
    if (data.payload !== undefined && !isPlain(data.payload)) return 'payload is no object';
    const personal = data.type === 'get' || data.type === 'restore';
    if (personal && (!pinned || origin !== pinned)) return `${data.type} is answered to the origin named by origin= only`;
    return undefined;
  };

  let second = 0;
  let heard = 0;
  addEventListener('message', ({ data, source, origin }) => {
    if (source !== page) return;
    if (resize(data)) return;
    if (data?.ns !== 'streamproof') return;
    const now = Math.floor(performance.now() / 1_000);
    if (now !== second) [second, heard] = [now, 0];
    if (++heard > MOST_A_SECOND) {
      if (heard === MOST_A_SECOND + 1) refuse('flood', `more than ${MOST_A_SECOND} messages a second`);
      return;
    }
    let problem = 'the message is no JSON';
    try {
      problem = JSON.stringify(data).length > MOST_BYTES ? `more than ${MOST_BYTES} bytes` : flaw(data, origin);
    } catch {
      // What cannot be JSON was none.
    }
    if (problem) return refuse('refused', problem, whole(data.seq, 0, Number.MAX_SAFE_INTEGER) ? data.seq : undefined);
    if (ready) obey(data);
    else waiting.push(data);
  });

  // ---- height -----------------------------------------------------------------------------------------------------------

  const box = () => {
    const content = document.querySelector('.page:not(#shell)') ?? document.body;
    return { width: Math.ceil(content.scrollWidth), height: Math.ceil(content.getBoundingClientRect().height) };
  };
  /// How each of the resizers that asked is told.
  const resizers = {};

  /// Whether the message is a resizer's, which is answered in its own words and only if it asks.
  const resize = (data) => {
    if (typeof data === 'string' && data.startsWith('[iFrameSizer]')) {
      const id = data.slice('[iFrameSizer]'.length).split(':')[0];
      const tell = (why) => {
        const { width, height } = box();
        page.postMessage(`[iFrameSizer]${id}:${height}:${width}:${why}`, '*');
      };
      if (!resizers.iframe) tell('init');
      resizers.iframe = () => tell('resizeObserver');
      return true;
    }
    if (data?.type === 'iframe-child-init') {
      resizers.open = () => page.postMessage({ type: 'iframe-resized', ...box() }, '*');
      resizers.open();
      return true;
    }
    if (data?.context === 'h5p') {
      const { height } = box();
      const tell = (action, more) => page.postMessage({ context: 'h5p', action, ...more }, '*');
      const prepare = () => tell('prepareResize', { scrollHeight: box().height, clientHeight: innerHeight });
      if (data.action === 'hello') {
        resizers.h5p = prepare;
        prepare();
      } else if (data.action === 'resizePrepared') tell('resize', { height });
      return true;
    }
    return false;
  };
  page.postMessage({ context: 'h5p', action: 'hello' }, '*');

  let last = 0;
  let told = -Infinity;
  let later;
  const measure = () => {
    const { height } = box();
    if (!ready || Math.abs(height - last) < 8) return;
    // Ten times a second at most.
    const wait = told + 100 - performance.now();
    clearTimeout(later);
    if (wait > 0) {
      later = setTimeout(measure, wait);
      return;
    }
    [last, told] = [height, performance.now()];
    post('size', { height }, '*');
    for (const tell of Object.values(resizers)) tell();
  };
  const observer = new ResizeObserver(measure);
  const observe = () => {
    observer.observe(document.body);
    observer.observe(document.querySelector('#app, #lab'));
  };
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', observe);
  else observe();

  for (const text of globalThis.streamproofSaid) globalThis.streamproofTell(text);
}
