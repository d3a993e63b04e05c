import { get, post, request } from './api.js';
import { $, arrange, buttons, dialog, h, show } from './dom.js';
import { count, left, moment } from './format.js';
import { signedIn } from './session.js';
import { toast } from './toast.js';

const look = 30000; // milliseconds between looks at the cases
const newest = 100; // receipts that are shown; the download has all

// The request in the form. It is in no URL and in no storage, and so are the numbers.

const numbers = () => $('numbers').value.split(/[,;\n]/).map((n) => n.trim()).filter(Boolean);
const body = () => ({ caseid: $('case').value.trim(), consumers: numbers().map((phone) => ({ consumer: [{ phone }] })) });

function suggestCase() {
  const random = [...crypto.getRandomValues(new Uint8Array(3))].map((b) => b.toString(16).padStart(2, '0')).join('');
  $('case').value = `DSR-${new Date().toISOString().slice(0, 10)}-${random}`;
}

const attempt = async (f) => {
  show($('problem'));
  try {
    await f();
  } catch (err) {
    show($('problem'), err.message);
  }
};

async function preview() {
  const asked = body();
  renderFound(asked, await post('/gdpr/preview', asked));
  $('found').focus();
}

function renderFound(asked, report) {
  const all = Object.values(report.consumers).reduce((n, c) => n + c.messages.length, 0);
  const one = ([number, c]) => h('li', {},
    h('p', {}, h('strong', {}, number), ' ', c.refused ? `is not looked for: ${c.refused}` : count(c.messages.length, 'message')),
    c.held?.length > 0 && h('p', { class: 'hint' }, `${count(c.held.length, 'message')} among them held: erased when the hold ends.`),
    Object.entries(c.candidates ?? {}).map(([other, n]) => h('p', {}, `Perhaps also ${other}, with ${count(n, 'message')} `, h('button', { type: 'button', class: 'quiet', onclick: () => add(other) }, 'Add'))));
  show($('found'),
    h('h3', {}, all ? `${count(all, 'message')} would be erased` : 'There is nothing of this caller'),
    h('ul', {}, Object.entries(report.consumers).map(one)),
    report.newer > 0 && h('p', {}, `The case is closed; ${count(report.newer, 'message')} came since and would need a case of their own.`),
    all > 0 && h('div', { class: 'buttons' }, h('button', { type: 'button', class: 'danger', onclick: () => forget(asked, all) }, 'Forget')));
}

function add(number) {
  $('numbers').value = [...numbers(), number].join(', ');
  attempt(preview);
}

async function forget(asked, all) {
  const confirm = h('div', {});
  const meant = h('input', { type: 'checkbox', id: 'meant', required: true });
  const form = h('form', {},
    h('p', {}, `${count(all, 'message')} will be out of everybody's sight at once. The case counts down how long that can be undone; then they are erased for good.`),
    confirm, buttons('Forget', 'danger'));
  const done = await dialog('Forget this caller?', form, async () => {
    try {
      return await post(`/gdpr/forgetme${meant.checked ? '?confirm=true' : ''}`, asked);
    } catch (err) {
      if (err.code === 'confirmation-needed') confirm.replaceChildren(h('label', { for: 'meant' }, meant, ` All ${err.messages} messages of one number are meant`));
      throw err;
    }
  });
  if (!done) return;
  $('request').reset();
  suggestCase();
  show($('found'));
  $('cases-title').focus();
  toast(`Case ${done.caseid}: the caller is forgotten.`, () => undo(done.caseid));
  await attempt(readCases);
}

async function undo(caseid) {
  await attempt(async () => {
    await post('/gdpr/undoforget', { caseid });
    toast(`Case ${caseid}: undone, the messages are back.`);
    await readCases();
  });
}

async function exported() {
  const asked = body();
  toast('The export is being made…');
  const archive = await (await request('POST', '/gdpr/exportme', asked)).blob();
  save(archive, `export-${asked.caseid.replace(/[^\w.-]+/g, '-')}.zip`);
  toast('The export is downloaded. It holds personal data.');
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

// The cases. Those that can be undone count down.

const states = {
  restricted: ['Forgotten', 'urgent'], undone: ['Undone'], erasing: ['Being erased', 'urgent'], erased: ['Erased'], closed: ['Closed'],
};

const cases = new Map(); // the items, by case ID

class Case {
  constructor(id) {
    this.tag = h('span', { class: 'tag' });
    this.text = h('p', {});
    this.time = h('p', { class: 'countdown' });
    this.undo = h('button', { type: 'button', onclick: () => undo(id) }, 'Undo', h('span', { class: 'unseen' }, ` case ${id}`));
    this.element = h('li', {}, h('div', {}, h('h3', {}, id, ' ', this.tag), this.text, this.time), this.undo);
  }

  update(c) {
    this.case = c;
    const [label, kind] = states[c.status] ?? [c.status];
    this.tag.textContent = label;
    this.tag.className = `tag ${kind ?? ''}`;
    this.text.textContent = `Asked by ${c.actor}, ${moment(c.acceptedAt)}${c.receipt ? `. Receipt ${c.receipt}` : ''}`;
    this.tick();
  }

  tick() {
    const c = this.case;
    const undoable = c.status === 'restricted' && new Date(c.undoUntil) > new Date();
    this.undo.hidden = !undoable;
    show(this.time,
      undoable ? `Can be undone for ${left(c.undoUntil)}. Erased by ${moment(c.eraseBy)}.`
      : c.status === 'restricted' || c.status === 'erasing' ? `Erased by ${moment(c.eraseBy)}.`
      : c.undoneAt && c.status === 'undone' ? `Undone ${moment(c.undoneAt)}.`
      : c.erasedAt && `Erased ${moment(c.erasedAt)}.`);
  }
}

async function readCases() {
  const { cases: list, more } = await get('/gdpr/cases');
  const shown = list.map((c) => {
    if (!cases.has(c.caseid)) cases.set(c.caseid, new Case(c.caseid));
    const item = cases.get(c.caseid);
    item.update(c);
    return item.element;
  });
  arrange($('cases'), shown);
  show($('no-cases'), shown.length === 0 ? 'No cases.' : more && 'There are older ones.');
}

// The receipts.

let receipts = [], head = '';

async function readReceipts() {
  let list = receipts, answer;
  do {
    answer = await get(`/gdpr/receipts?after=${list.at(-1)?.number ?? 0}`);
    list = list.concat(answer.receipts);
    head = answer.head || head;
  } while (answer.more);
  if (list.length !== receipts.length) arrange($('receipts'), list.slice(-newest).reverse().map(receipt));
  receipts = list;
  $('save').hidden = receipts.length === 0;
  show($('no-receipts'), receipts.length === 0 && 'No receipts.');
}

function receipt(r, i) {
  return h('li', {}, h('div', {},
    h('h3', {}, `Receipt ${r.number}`),
    h('p', {}, `Case ${r.caseid}: ${count(r.messages.length, 'message')}${r.foreign ? ` and ${count(r.foreign, 'object')} of another program` : ''} erased ${moment(r.erasedAt)}, verified ${moment(r.verifiedAt)}`),
    r.regions.map((g) => h('p', { class: 'hint' }, `${g.name}: ${g.recoverableUntil ? `the storage can restore it until ${moment(g.recoverableUntil)}` : 'nothing can be restored, as far as the storage tells'}${g.notes ? `. ${g.notes.join(' ')}` : ''}`)),
    i === 0 && h('p', { class: 'digest' }, h('span', {}, 'Digest '), h('code', {}, head))));
}

// The page.

$('request').addEventListener('submit', (e) => {
  e.preventDefault();
  attempt(e.submitter?.value === 'export' ? exported : preview);
});
$('request').addEventListener('input', () => show($('found'))); // which was of another request
$('save').addEventListener('click', () => save(new Blob([JSON.stringify({ receipts, head }, null, 2)], { type: 'application/json' }), 'receipts.json'));

const me = await signedIn();
$('office').hidden = false;
if (me.officer) {
  suggestCase();
  await attempt(() => Promise.all([readCases(), readReceipts()]));
  setInterval(() => { for (const item of cases.values()) item.tick(); }, 1000);
  setInterval(() => { if (!document.hidden) Promise.all([readCases(), readReceipts()]).catch((err) => show($('problem'), err.message)); }, look);
} else {
  show($('office'), h('p', { class: 'notice' }, 'This page is for those who answer data-protection requests.'));
}
