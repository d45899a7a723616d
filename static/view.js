// The view parameters of the address, applied before anything is drawn, on the main page and on the event-time lab's. None of
// them changes a run. In a frame, the script that talks to the course page is fetched. Below: what is said when the program stops.
{
  const root = document.documentElement;
  const parameters = new URLSearchParams(location.search);
  const choose = (name, accepted, put = (value) => root.setAttribute(`data-${name}`, value)) => {
    const value = parameters.get(name);
    if (accepted.includes(value)) put(value);
  };
  // `auto` leaves it to the system. A course page may choose another one later: `static/frame.js`.
  globalThis.streamproofLook = ({ theme, scale }) => {
    if (theme === 'auto') root.removeAttribute('data-theme');
    else if (theme) root.setAttribute('data-theme', theme);
    if (scale) root.style.fontSize = `${scale}%`;
    dispatchEvent(new Event('streamproof:theme'));
  };
  choose('theme', ['light', 'dark', 'projector'], (theme) => globalThis.streamproofLook({ theme }));
  choose('embed', ['1']);
  choose('controls', ['full', 'play', 'none']);
  choose('fit', ['fixed', 'content'], (value) => root.setAttribute('data-height', value));
  const scale = Number(parameters.get('scale'));
  if (scale >= 100 && scale <= 200) globalThis.streamproofLook({ scale });

  if (window.parent !== window) {
    // What the program says before the script that passes it on is there.
    const said = [];
    globalThis.streamproofSaid = said;
    globalThis.streamproofTell = (text) => said.push(text);
    const script = document.createElement('script');
    script.src = './frame.js';
    document.head.append(script);
  }
}

// The page's program has stopped on a mistake of ours: it says so, with the way back to the run and what to report. The page
// as it was stays readable; the run is in the address, so loading it anew brings it back.
{
  const REPORT = 1_000;
  const say = (error) => {
    if (document.querySelector('.broken')) return;
    const make = (name, fields = {}, ...inner) => {
      const made = Object.assign(document.createElement(name), fields);
      made.append(...inner);
      return made;
    };
    const link = make('input', { readOnly: true, value: location.href, id: 'broken-link' });
    const report = make('textarea', {
      readOnly: true,
      id: 'broken-report',
      value: `${location.href}\n${navigator.userAgent}\n${error?.stack ?? error}`.slice(0, REPORT),
    });
    const reload = make('button', { className: 'btn primary', textContent: 'Load this run again' });
    reload.onclick = () => location.reload();
    const close = make('button', { className: 'btn', textContent: 'Close' });
    const box = make(
      'section',
      { className: 'broken' },
      make('p', {}, make('b', {}, 'Streamproof has stopped on a mistake of its own.'), ' Your run is in the address and comes back as it was.'),
      make('label', {}, 'The run', link),
      make('label', {}, 'To report it, send this to whoever gave you the page, or file it where its source is kept', report),
      make('div', { className: 'row' }, reload, close),
    );
    box.setAttribute('role', 'alert');
    close.onclick = () => box.remove();
    // While the program has not come up yet there may be no body.
    (document.body ?? document.documentElement).append(box);
    reload.focus();
  };
  // Whatever else goes wrong in a script of ours stops that script and not the page.
  const stopped = (error) => error instanceof WebAssembly.RuntimeError;
  addEventListener('error', ({ error }) => stopped(error) && say(error));
  addEventListener('unhandledrejection', ({ reason }) => stopped(reason) && say(reason));
}
