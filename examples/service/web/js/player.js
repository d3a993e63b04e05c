import { ticket } from './api.js';
import { h, show } from './dom.js';
import { clock, spoken } from './format.js';
import { Waveform, peaks } from './waveform.js';

const step = 2, stride = 10; // seconds that keys seek by
const speeds = [1, 1.5, 2];

let playing; // one recording at a time

// Player plays the recording of a message, or what else has recording, size and durationMs. onplay is called whenever it begins to play. What the controls are called begins with label.
export class Player {
  #audio = new Audio();
  #wave = new Waveform();
  #message;
  #length;
  #label;
  #start = 0; // where to begin, in seconds, while nothing is loaded

  constructor(message, onplay, label = '') {
    this.#label = label;
    this.#message = message;
    this.#length = message.durationMs / 1000;
    this.#audio.preload = 'auto';
    this.button = h('button', { class: 'play', type: 'button', onclick: () => this.toggle() });
    this.slider = h('input', { type: 'range', min: 0, step: 0.01, value: 0, 'aria-label': `${label}Position`, oninput: () => this.seek(Number(this.slider.value)), onkeydown: (e) => this.#key(e) });
    this.time = h('span', { class: 'clock' });
    this.speed = h('button', { class: 'quiet speed', type: 'button', onclick: () => this.#faster() });
    this.problem = h('p', { class: 'notice', role: 'alert', hidden: true });
    this.element = h('div', { class: 'player' }, this.button, h('div', { class: 'track' }, this.#wave.element, this.slider), this.time, this.speed, this.problem, this.#audio); // which stops when it is taken out of the page
    const audio = this.#audio;
    audio.addEventListener('durationchange', () => {
      if (Number.isFinite(audio.duration)) this.#length = audio.duration;
      this.#render();
    });
    for (const event of ['timeupdate', 'seeked', 'ended']) audio.addEventListener(event, () => this.#render());
    audio.addEventListener('play', () => {
      if (playing !== this) playing?.pause();
      playing = this;
      this.#frame();
      onplay();
    });
    for (const event of ['play', 'pause', 'ended']) audio.addEventListener(event, () => this.#render());
    audio.addEventListener('error', () => this.#failed());
    this.#render();
    peaks(message).then((list) => this.#wave.draw(list));
  }

  get position() { return this.#audio.src ? this.#audio.currentTime : this.#start; }

  toggle() {
    if (this.#audio.paused) this.play();
    else this.pause();
  }

  pause() { this.#audio.pause(); }

  async play() {
    show(this.problem);
    try {
      if (!this.#audio.src) await this.#load();
      await this.#audio.play();
    } catch (err) {
      if (err.name !== 'AbortError' && !this.#audio.error) show(this.problem, err.message); // an abort is a pause
    }
  }

  seek(seconds) {
    const to = Math.min(Math.max(seconds, 0), this.#length);
    if (this.#audio.src) this.#audio.currentTime = to;
    else this.#start = to;
    this.#render();
  }

  close() {
    this.#audio.pause();
    this.#audio.removeAttribute('src');
    this.#audio.load();
    if (playing === this) playing = undefined;
  }

  async #load() {
    const url = await ticket(this.#message.recording);
    this.#audio.src = url;
    this.#audio.currentTime = this.#start;
    this.#audio.playbackRate = this.#audio.defaultPlaybackRate;
  }

  // A ticket is too old after minutes; then it goes on from here with a new one. The error says why otherwise.
  async #failed() {
    if (!this.#audio.src) return;
    const began = this.#start, played = !this.#audio.paused;
    this.#start = this.#audio.currentTime;
    this.#audio.removeAttribute('src');
    this.#render();
    if (this.#start > began) {
      if (played) await this.play();
      return;
    }
    show(this.problem, 'The recording cannot be played here, or is not there any more.');
  }

  #faster() {
    const rate = speeds[(speeds.indexOf(this.#audio.defaultPlaybackRate) + 1) % speeds.length];
    this.#audio.defaultPlaybackRate = this.#audio.playbackRate = rate;
    this.#render();
  }

  #key(e) {
    const by = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageDown: -stride, PageUp: stride }[e.key];
    if (by === undefined || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    this.seek(this.position + by);
  }

  // timeupdate comes four times a second, which is no smooth line.
  #frame() {
    this.#render();
    if (!this.#audio.paused) requestAnimationFrame(() => this.#frame());
  }

  #render() {
    const at = this.position, paused = this.#audio.paused;
    this.button.setAttribute('aria-label', `${this.#label}${paused ? 'Play' : 'Pause'}`);
    this.button.classList.toggle('on', !paused);
    this.slider.max = this.#length;
    this.slider.value = at;
    this.slider.setAttribute('aria-valuetext', `${spoken(at)} of ${spoken(this.#length)}`);
    this.#wave.progress(this.#length ? at / this.#length : 0);
    this.time.textContent = `${clock(at)} / ${clock(this.#length)}`;
    this.speed.textContent = `${this.#audio.defaultPlaybackRate}×`;
    this.speed.setAttribute('aria-label', `${this.#label}Speed ${this.#audio.defaultPlaybackRate}×`);
  }
}
