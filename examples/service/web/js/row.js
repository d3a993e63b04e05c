import { get, messagePath, request } from './api.js';
import { attribute, h, show } from './dom.js';
import { caller, clock, moment, spoken, when } from './format.js';
import { Player } from './player.js';

const titles = { comment: 'Comment', note: 'Note', transcript: 'Transcript' };

// Row is a message in the list: one line, and the player with everything else below it while it is open. does are what can be done with a message: heard, read, urgent, forward, trash, restore, destroy; each
// gets the row.
export class Row {
  #does;
  #player;
  #spoken = []; // players of comments

  constructor(message, does, named) {
    this.#does = does;
    this.message = message;
    this.id = message.id;
    this.key = `${message.mailbox}/${message.id}`;
    this.lamp = h('span', { class: 'lamp' });
    this.name = h('span', { class: 'name' });
    this.number = h('span', { class: 'number' });
    this.tags = h('span', { class: 'tags' });
    this.time = h('time', { datetime: message.receivedAt, title: moment(message.receivedAt) });
    this.line = h('button', { class: 'line', type: 'button', 'aria-expanded': 'false', onclick: () => (this.opened ? this.close() : this.open()) },
      this.lamp, h('span', { class: 'who' }, this.name, ' ', this.number), this.tags, this.time,
      h('span', { class: 'length' }, h('span', { 'aria-hidden': 'true' }, clock(message.durationMs / 1000)), h('span', { class: 'unseen' }, spoken(message.durationMs / 1000))));
    this.detail = h('div', { class: 'detail', hidden: true });
    this.element = h('li', { onkeydown: (e) => this.#key(e) }, this.line, this.detail);
    this.named = named;
    this.update(message);
  }

  get opened() { return !this.detail.hidden; }

  update(message) {
    this.message = message;
    const who = caller(message.caller);
    this.name.textContent = who.name;
    this.number.textContent = who.number;
    this.time.textContent = when(message.receivedAt);
    this.element.classList.toggle('new', !message.read);
    this.lamp.replaceChildren(h('span', { class: 'unseen' }, message.read ? '' : 'New '));
    show(this.tags, message.urgent && h('span', { class: 'tag urgent' }, 'Urgent'), message.pending && h('span', { class: 'tag' }, 'Pending'), message.held && h('span', { class: 'tag' }, 'Held'), message.private && h('span', { class: 'tag' }, 'Private'),
      this.named && h('span', { class: 'tag' }, `Mailbox ${message.mailbox}`));
    if (this.opened) this.#actions();
  }

  open() {
    if (this.opened) return;
    this.#player = new Player(this.message, () => this.#does.heard(this));
    this.actions = h('div', { class: 'actions', role: 'group', 'aria-label': 'Message' });
    this.#actions();
    const beside = h('div', { class: 'beside' });
    show(this.detail, this.#player.element, this.actions, beside, facts(this.message));
    this.line.setAttribute('aria-expanded', 'true');
    this.#beside(beside).catch(() => {}); // what is beside a message that went meanwhile
  }

  close() {
    for (const p of [this.#player, ...this.#spoken]) p?.close();
    this.#player = undefined;
    this.#spoken = [];
    show(this.detail);
    this.line.setAttribute('aria-expanded', 'false');
  }

  #actions() {
    const m = this.message, does = this.#does;
    const action = (name, label, pressed, kind) => {
      const old = this.actions.querySelector(`[data-does=${name}]`); // stays, with the focus that it may have
      const b = old ?? h('button', { 'data-does': name, type: 'button', class: kind ?? 'quiet', onclick: () => does[name](this) });
      b.textContent = label;
      attribute(b, 'aria-pressed', pressed === undefined ? null : String(pressed));
      return b;
    };
    const list = m.trashed
      ? [action('restore', 'Restore'), action('destroy', 'Delete for good', undefined, 'quiet danger')]
      : [action('read', m.read ? 'Mark as new' : 'Mark as heard'), action('urgent', 'Urgent', m.urgent), !m.private && action('forward', 'Forward'), action('trash', 'Trash')].filter(Boolean);
    for (const b of [...this.actions.children]) if (!list.includes(b)) b.remove();
    list.forEach((b) => b.isConnected || this.actions.append(b));
  }

  // What others said or wrote of the message, and who heard it first. It is in no list.
  async #beside(place) {
    const path = messagePath(this.message);
    const [{ firstReader }, { parts }] = await Promise.all([get(path), get(`${path}/parts`)]);
    const last = (kind) => parts.filter((p) => p.kind === kind).slice(-1); // the newest of these counts
    const shown = [];
    for (const part of [...parts.filter((p) => p.kind === 'comment'), ...last('note'), ...last('transcript')]) {
      const title = h('span', {}, titles[part.kind]);
      if (part.contentType.startsWith('audio/')) shown.push(h('div', { class: 'said' }, title, this.#speak(part)));
      else if (part.contentType.startsWith('text/plain')) shown.push(h('p', { class: 'said' }, title, await (await request('GET', part.content)).text()));
    }
    if (firstReader?.user) shown.push(h('p', { class: 'hint' }, `First heard by ${firstReader.user}, ${moment(firstReader.at)}`));
    if (place.isConnected) place.replaceChildren(...shown);
  }

  #speak(part) {
    const player = new Player({ recording: part.content, size: part.size, durationMs: 0 }, () => {}, 'Comment: ');
    this.#spoken.push(player);
    return player.element;
  }

  #key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest('dialog')) return;
    const trashed = this.message.trashed;
    const act = {
      ArrowDown: () => this.#focus('nextElementSibling'),
      ArrowUp: () => this.#focus('previousElementSibling'),
      p: () => { this.open(); this.#player.toggle(); },
      n: !trashed && (() => this.#does.read(this)),
      u: !trashed && (() => this.#does.urgent(this)),
      f: !trashed && !this.message.private && (() => this.#does.forward(this)),
      Delete: !trashed && (() => this.#does.trash(this)),
    }[e.key.length === 1 ? e.key.toLowerCase() : e.key];
    if (!act) return;
    e.preventDefault();
    act();
  }

  #focus(where) { this.element[where]?.querySelector('.line').focus(); }
}

// facts are what else is known of a message.
function facts(m) {
  const fact = (name, value) => value && h('div', {}, h('dt', {}, name), h('dd', {}, value));
  const party = (p) => p && [p.name, p.number].filter(Boolean).join(', ');
  return h('dl', { class: 'facts' },
    fact('Received', moment(m.receivedAt)), fact('Called', party(m.called)), fact('Redirected by', party(m.redirecting)),
    fact('Forwarded from', m.copiedFrom && `mailbox ${m.copiedFrom.mailbox}`), fact('Kept until', m.expires && moment(m.expires)), fact('In the trash since', m.trashedAt && moment(m.trashedAt)));
}
