// Before the page's own program is there: the worker starts, which `src/app/runner.rs` takes over, and the view parameters of
// the address are applied. None of them changes a run. Where no worker may start nothing is left behind, and the page does
// the work itself.
try {
  const worker = new Worker('./worker_loader.js');
  const early = { worker, heard: [] };
  worker.onmessage = ({ data }) => early.heard.push(data);
  worker.onerror = () => delete globalThis.streamproofEarly;
  globalThis.streamproofEarly = early;
} catch {
  // A sandboxed frame refuses.
}

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
