import { request } from './api.js';

const most = 4 << 20; // bytes that are loaded to be drawn; a longer recording is a plain line
export const bars = 96;

// peaks returns how loud a recording is in each of so many parts, from 0 to 1, or null if that cannot be told.
export async function peaks(message) {
  if (message.size > most) return null;
  try {
    const body = await (await request('GET', message.recording)).arrayBuffer();
    const audio = await new OfflineAudioContext(1, 1, 8000).decodeAudioData(body);
    return measure(audio.getChannelData(0));
  } catch {
    return null; // what cannot be decoded here is played all the same, or says why it is not
  }
}

function measure(samples) {
  const step = samples.length / bars;
  const list = Array.from({ length: bars }, (_, i) => {
    let peak = 0;
    for (let n = Math.floor(i * step); n < (i + 1) * step && n < samples.length; n++) peak = Math.max(peak, Math.abs(samples[n]));
    return peak;
  });
  const loudest = Math.max(...list, 0.01);
  return list.map((p) => p / loudest);
}

const svg = (tag, attributes) => {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  return e;
};

// Waveform draws a recording and how far it was played. It is a picture only: what is beside it is operated.
export class Waveform {
  #bars = Array.from({ length: bars }, (_, i) => svg('rect', { x: i * 4, width: 2.4, rx: 1.2, y: 19, height: 2 }));

  constructor() {
    this.element = svg('svg', { class: 'wave', viewBox: `0 0 ${bars * 4 - 1.6} 40`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
    this.element.append(...this.#bars);
  }

  draw(peaks) {
    peaks?.forEach((p, i) => {
      const height = Math.max(2, 40 * p);
      this.#bars[i].setAttribute('y', 20 - height / 2);
      this.#bars[i].setAttribute('height', height);
    });
  }

  // progress is from 0 to 1.
  progress(p) {
    this.#bars.forEach((bar, i) => bar.classList.toggle('past', (i + 0.5) / bars <= p));
  }
}
