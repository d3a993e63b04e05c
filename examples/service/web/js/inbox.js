import { get, mailboxPath, messagePath, patch, post, remove } from './api.js';
import { $, arrange, attribute, buttons, dialog, h, show } from './dom.js';
import { caller, count } from './format.js';
import { listen } from './live.js';
import { Row } from './row.js';
import { signedIn } from './session.js';
import { toast, undone } from './toast.js';

const page = 50; // messages
const perRequest = 200;
const gather = 80; // milliseconds in which changes are gathered
const look = 30000; // how often the list is read without any, for those that leave the counts as they are

const boxes = new Map(); // by ID: {id, group, counts}
const rows = new Map(); // of the list
let place = { mailbox: undefined, folder: 'inbox' }; // or {caller}: what was searched for, which is in no URL
let wanted = page;
let expected; // the row that gets the focus when it is there
let turn = 0; // of the list: the answer to an earlier request is not shown

// The address is #/mailbox/folder.

function addressed() {
  const [, mailbox, folder] = location.hash.split('/').map(decoded);
  return { mailbox: boxes.has(mailbox) ? mailbox : inOrder()[0]?.id, folder: folder === 'trash' ? 'trash' : 'inbox' };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return ''; // what somebody typed
  }
}

const address = (mailbox, folder) => `#/${encodeURIComponent(mailbox)}${folder === 'trash' ? '/trash' : ''}`;

function go(to) {
  place = to;
  wanted = page;
  expected = undefined;
  for (const row of rows.values()) row.close();
  rows.clear();
  arrange($('messages'), []);
  show($('none'));
  renderMailboxes();
  renderPlace();
  return refresh();
}

// The mailboxes, and what waits in them.

// Personal ones come first. They become known in any order.
const inOrder = () => [...boxes.values()].sort((a, b) => a.group - b.group || a.id.localeCompare(b.id, undefined, { numeric: true }));

async function readBoard() {
  const board = await get('/mailboxes');
  const known = new Set(board.mailboxes.map((b) => b.id));
  for (const id of boxes.keys()) if (!known.has(id)) boxes.delete(id);
  for (const b of board.mailboxes) boxes.set(b.id, b);
  renderMailboxes();
}

function renderMailboxes() {
  const items = new Map([...$('mailboxes').children].map((li) => [li.dataset.id, li]));
  const list = inOrder().map((b) => {
    const li = items.get(b.id) ?? h('li', { 'data-id': b.id }, h('a', { href: address(b.id) }, h('span', { class: 'id' }, b.id), h('span', { class: 'kind' }, b.group ? 'Group' : 'Personal'), h('span', { class: 'badge' })));
    attribute(li.firstChild, 'aria-current', place.mailbox === b.id && 'page');
    const badge = li.querySelector('.badge');
    badge.classList.toggle('urgent', b.counts.newUrgent > 0);
    show(badge, b.counts.new > 0 && h('span', { 'aria-hidden': 'true' }, String(b.counts.new)), b.counts.new > 0 && h('span', { class: 'unseen' }, waiting(b.counts)));
    return li;
  });
  arrange($('mailboxes'), list);
  const all = [...boxes.values()].reduce((n, b) => n + b.counts.new, 0);
  document.title = all ? `(${all}) Voicemail` : 'Voicemail';
}

const waiting = (c) => `${c.new} new${c.newUrgent ? `, ${c.newUrgent} urgent` : ''}`;

function changed(lamp) {
  const before = boxes.get(lamp.id);
  if (lamp.gone) boxes.delete(lamp.id);
  else boxes.set(lamp.id, lamp);
  if (before && !lamp.gone && lamp.counts.new > before.counts.new) say(`Mailbox ${lamp.id}: ${waiting(lamp.counts)}`);
  renderMailboxes();
  if (place.mailbox === lamp.id || place.caller) soon();
}

const say = (text) => { $('live').textContent = text; };

let timer;
function soon() {
  timer ??= setTimeout(() => {
    timer = undefined;
    refresh();
  }, gather);
}

// The list.

function renderPlace() {
  const { mailbox, folder } = place;
  $('place').textContent = place.caller ? `Messages of ${place.caller}` : mailbox ? `Mailbox ${mailbox}` : 'No mailbox';
  const link = (f, text) => h('a', { href: address(mailbox, f), 'aria-current': folder === f && 'page' }, text);
  show($('folders'), mailbox && [link('inbox', 'Messages'), link('trash', 'Trash')], place.caller && h('button', { class: 'quiet', onclick: () => go(addressed()) }, 'Close'));
  say('');
}

async function read() {
  if (place.caller) {
    const found = await post('/search', { caller: place.caller, limit: wanted });
    return { ...found, more: found.more && wanted < perRequest };
  }
  if (!place.mailbox) return { messages: [], damaged: [] };
  const all = { messages: [], damaged: [] };
  let before = '';
  do {
    const query = new URLSearchParams({ limit: Math.min(perRequest, wanted - all.messages.length), trash: place.folder === 'trash' ? 'only' : 'without' });
    if (before) query.set('before', before);
    const next = await get(`${mailboxPath(place.mailbox)}/messages?${query}`);
    all.messages.push(...next.messages);
    all.damaged.push(...next.damaged);
    before = next.next;
  } while (before && all.messages.length < wanted);
  all.more = Boolean(before);
  return all;
}

async function refresh() {
  const mine = ++turn;
  let list;
  try {
    list = await read();
  } catch (err) {
    if (mine === turn) show($('problem'), err.message);
    return;
  }
  if (mine !== turn) return;
  show($('problem'), list.damaged.length > 0 && `${count(list.damaged.length, 'message')} cannot be read.`);
  const shown = list.messages.map((m) => {
    const key = `${m.mailbox}/${m.id}`;
    const row = rows.get(key);
    if (!row) rows.set(key, new Row(m, does, Boolean(place.caller)));
    else row.update(m);
    return rows.get(key);
  });
  for (const row of [...rows.values()]) if (!shown.includes(row)) leave(row);
  arrange($('messages'), shown.map((row) => row.element));
  if (rows.has(expected)) {
    rows.get(expected).line.focus();
    expected = undefined;
  }
  $('older').hidden = !list.more;
  show($('none'), shown.length === 0 && (place.caller ? 'There is nothing of this caller in your mailboxes.' : place.folder === 'trash' ? 'The trash is empty.' : place.mailbox ? 'No messages.' : 'You have no mailbox.'));
}

// leave takes a row away. If it has the focus, the next one gets it.
function leave(row) {
  const focused = row.element.contains(document.activeElement);
  const next = row.element.nextElementSibling ?? row.element.previousElementSibling;
  turn++; // a list that is on its way may still have it
  row.close();
  rows.delete(row.key);
  row.element.remove();
  if (focused) (next?.querySelector('.line') ?? $('place')).focus();
}

// What can be done with a message. What fails is said, and the list is read again, so that it shows what is.

async function change(row, members) {
  row.update(await patch(messagePath(row.message), members));
}

const attempt = (f) => async (row) => {
  try {
    await f(row);
  } catch (err) {
    toast(err.message);
    soon();
  }
};

const bring = (row, members) => attempt(async () => {
  await change(row, members);
  expected = row.key;
  await refresh();
})(row);

const of = (row) => caller(row.message.caller).name;

const does = {
  heard: attempt(async (row) => { if (!row.message.read && !row.message.trashed) await change(row, { read: true }); }),
  read: attempt((row) => change(row, { read: !row.message.read })),
  urgent: attempt((row) => change(row, { urgent: !row.message.urgent })),
  trash: attempt(async (row) => {
    await change(row, { trashed: true });
    leave(row);
    toast(`The message of ${of(row)} is in the trash.`, () => bring(row, { trashed: false }));
    soon();
  }),
  restore: attempt(async (row) => {
    await change(row, { trashed: false });
    leave(row);
    toast(`The message of ${of(row)} is back in mailbox ${row.message.mailbox}.`, () => bring(row, { trashed: true }));
    soon();
  }),
  destroy: attempt(async (row) => {
    const sure = await dialog('Delete for good?', h('form', {}, h('p', {}, `The message of ${of(row)} cannot be brought back then.`), buttons('Delete', 'danger')), async () => {
      await remove(messagePath(row.message));
      return true;
    });
    if (!sure) return;
    leave(row);
    toast(`The message of ${of(row)} is deleted.`);
    soon();
  }),
  forward: attempt(async (row) => {
    const to = h('input', { id: 'to', required: true, autocomplete: 'off', spellcheck: 'false', maxlength: 2000, list: 'known', 'aria-describedby': 'to-hint' });
    const note = h('textarea', { id: 'note', rows: 3, maxlength: 4000 });
    const form = h('form', {},
      h('p', {}, `The message of ${of(row)}`),
      h('label', { for: 'to' }, 'To mailboxes'), to,
      h('p', { id: 'to-hint', class: 'hint' }, 'Several with commas between them, at most 20'),
      h('datalist', { id: 'known' }, [...boxes.keys()].filter((id) => id !== row.message.mailbox).map((id) => h('option', { value: id }))),
      h('label', { for: 'note' }, 'Comment'), note,
      buttons('Forward'));
    const id = uuid(); // the same if it is tried again, so that nobody gets it twice
    const results = await dialog('Forward', form, async () => {
      const answer = await post(`${messagePath(row.message)}/copies`, { id, to: to.value.split(/[\s,;]+/).filter(Boolean), ...(note.value.trim() && { note: note.value.trim() }) });
      const failed = answer.results.filter((r) => r.problem);
      if (failed.length === answer.results.length) throw new Error(failed.map(refusal).join(' '));
      return answer.results;
    });
    if (!results) return;
    const done = results.filter((r) => !r.problem).map((r) => r.to);
    toast([`Forwarded to ${done.join(', ')}.`, ...results.filter((r) => r.problem).map(refusal)].join(' '));
  }),
};

// uuid returns a new UUID of version 7.
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  new DataView(bytes.buffer).setBigUint64(0, (BigInt(Date.now()) << 16n) | 0x7000n | BigInt((bytes[6] & 0x0f) << 8 | bytes[7]));
  bytes[8] = bytes[8] & 0x3f | 0x80;
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');
}

const refusal = (r) => `${r.to}: ${r.problem.title}.`;

// The page.

$('search').addEventListener('submit', (e) => {
  e.preventDefault();
  const number = $('caller').value.trim();
  if (number) go({ caller: number });
});
$('older').addEventListener('click', () => {
  wanted += page;
  refresh();
});
addEventListener('hashchange', async () => {
  await go(addressed());
  $('place').focus();
});
for (const id of ['mailboxes', 'folders']) {
  $(id).addEventListener('click', (e) => { // what is found has no address, so the way back may be none
    if (place.caller && e.target.closest('a')?.hash === location.hash) go(addressed());
  });
}
addEventListener('keydown', (e) => {
  if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'z' && !e.target.closest('input, dialog') && undone()) e.preventDefault();
});

await signedIn();
$('desk').hidden = false;
let connected;
listen(changed, async (on) => {
  const again = on && connected === false;
  connected = on;
  document.documentElement.classList.toggle('offline', !on);
  if (!again) return;
  await readBoard().catch(() => {});
  soon();
});
try {
  await readBoard();
} catch (err) {
  show($('problem'), err.message);
}
await go(addressed());
setInterval(() => { if (!document.hidden) refresh(); }, look);
