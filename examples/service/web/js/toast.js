import { $, h } from './dom.js';

const shown = 20000; // milliseconds; it stays while it has the focus

let timer, undo;

// toast says what was done, and offers to undo it.
export function toast(text, undoing) {
  undo = undoing;
  $('toast').replaceChildren(h('span', {}, text), ...(undoing ? [h('button', { onclick: run }, 'Undo')] : []));
  arm();
}

// undone undoes what the toast offers to, and reports whether there was such a thing.
export function undone() {
  const f = undo;
  if (f) run();
  return Boolean(f);
}

function run() {
  const f = undo;
  close();
  f?.();
}

function close() {
  clearTimeout(timer);
  undo = undefined;
  $('toast').replaceChildren();
}

function arm() {
  clearTimeout(timer);
  timer = setTimeout(() => ($('toast').contains(document.activeElement) ? arm() : close()), shown);
}
