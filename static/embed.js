// <streamproof-lab>: a frame with Streamproof in it, for course pages. See docs/embedding.md.
//
//   <script type="module" src="https://HOST/embed.js"></script>
//   <streamproof-lab lesson="lost-ack" height="auto"></streamproof-lab>
//
// What the frame says comes out as events that bubble: streamproof:ready, :size, :progress, :prediction, :run, :error, :ok.

const HOME = new URL('.', import.meta.url);
const VIEW = ['lesson', 'step', 'theme', 'scale', 'lang', 'controls', 'autoplay', 'keys'];
const TYPES = ['ready', 'size', 'progress', 'prediction', 'run', 'error', 'ok'];
let frames = 0;

class StreamproofLab extends HTMLElement {
  #frame;
  #id;
  #seq = 0;
  #hear = (event) => this.#heard(event);

  connectedCallback() {
    if (this.#frame) return addEventListener('message', this.#hear);
    this.#id = `lab-${++frames}`;
    const auto = this.getAttribute('height') === 'auto';
    const address = new URL('./', HOME);
    const parameters = address.searchParams;
    parameters.set('embed', '1');
    for (const name of VIEW) if (this.hasAttribute(name)) parameters.set(name, this.getAttribute(name));
    parameters.set('fit', auto ? 'content' : 'fixed');
    parameters.set('frame', this.#id);
    parameters.set('origin', location.origin);
    const link = this.getAttribute('link');
    if (link) address.hash = link;

    const frame = document.createElement('iframe');
    frame.title = this.getAttribute('title') ?? `Streamproof: ${this.getAttribute('lesson') ?? 'a streaming pipeline'}`;
    frame.width = '100%';
    frame.height = auto ? '600' : (this.getAttribute('height') ?? '600');
    frame.loading = 'lazy';
    frame.allow = 'fullscreen; clipboard-write';
    // On the origin of the course page itself the frame must not have it too.
    const same = HOME.origin === location.origin ? '' : ' allow-same-origin';
    frame.setAttribute('sandbox', `allow-scripts${same} allow-downloads allow-popups allow-popups-to-escape-sandbox`);
    frame.style.border = '0';
    frame.style.display = 'block';
    frame.src = address.href;
    this.#frame = frame;
    addEventListener('message', this.#hear);
    this.append(frame);
  }

  disconnectedCallback() {
    removeEventListener('message', this.#hear);
  }

  /// Sends a message to the frame: send('seek', { t: 5000 }). Gives its number, which the answer names as `re`.
  send(type, payload = {}) {
    const message = { ns: 'streamproof', v: 1, type, id: this.#id, seq: ++this.#seq, payload };
    // Without an origin of its own the frame can only be reached as whoever it is.
    this.#frame.contentWindow?.postMessage(message, HOME.origin === location.origin ? '*' : HOME.origin);
    return message.seq;
  }

  #heard({ source, origin, data }) {
    if (source !== this.#frame.contentWindow) return;
    if (origin !== (HOME.origin === location.origin ? 'null' : HOME.origin)) return;
    if (data?.ns !== 'streamproof' || data.v !== 1 || data.id !== this.#id || !TYPES.includes(data.type)) return;
    const { height } = data.payload ?? {};
    if (data.type === 'size' && this.getAttribute('height') === 'auto' && height > 0 && height < 20_000) {
      this.#frame.height = String(height);
    }
    const detail = { seq: data.seq, re: data.re, ...data.payload };
    this.dispatchEvent(new CustomEvent(`streamproof:${data.type}`, { bubbles: true, detail }));
  }
}

customElements.define('streamproof-lab', StreamproofLab);
