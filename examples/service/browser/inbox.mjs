// Scenes of the inbox. Each has a service of its own, with the messages of the demo: two in 5001 of agent7, one in 5002 of agent8, two in 6001 of their group, one of which is urgent.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const badge = (page, mailbox) => page.getByRole('navigation', { name: 'Mailboxes' }).getByRole('link', { name: mailbox });
const lines = (page) => page.locator('#messages .line');
const line = (page, caller) => lines(page).filter({ hasText: caller });
const toast = (page) => page.locator('#toast');

// until waits for a condition that a page comes to by itself.
async function until(why, f, timeout = 15000) {
  const end = Date.now() + timeout;
  for (let last; ; ) {
    if (await f().then((v) => (last = v), () => false)) return;
    if (Date.now() > end) assert.fail(`${why}: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

// waits is until so many new messages are said to wait in a mailbox.
const waits = (page, mailbox, n) => until(`${n} wait in ${mailbox}`, async () => (await badge(page, mailbox).locator('.badge').innerText()).split('\n')[0] === String(n));

const says = (locator, text) => until(`says ${text}`, async () => (await locator.innerText()).includes(text));
const focused = (page) => page.evaluate(() => (document.activeElement === document.body ? '' : document.activeElement.innerText));

export async function aDepositChangesTheBadge(stage) {
  const page = await stage.open('agent7');
  await waits(page, '5001', 2);
  await page.evaluate(() => { window.stayed = true; });
  const hostile = '<img src=x onerror="window.broken = true">';
  await stage.deposit('5001', { caller: '+1 555 010 0177', callerName: hostile });
  await waits(page, '5001', 3);
  await until('the newest message comes first', async () => (await lines(page).first().innerText()).includes(hostile));
  assert.equal(await page.title(), '(5) Voicemail');
  await says(page.locator('#live'), 'Mailbox 5001: 3 new');
  assert.match(await badge(page, '6001').getByText('urgent').textContent(), /2 new, 1 urgent/);
  assert.deepEqual(await page.evaluate(() => [window.stayed, window.broken]), [true, undefined], 'without a reload, and a name is text');
  await stage.shoot(page, 'inbox-live');
}

export async function playingSeeks(stage) {
  const page = await stage.open('agent7');
  await line(page, 'Ada').click();
  const position = page.getByRole('slider', { name: 'Position' });
  const at = async () => Number(await position.inputValue());
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await until('it plays', async () => (await at()) > 0.3);
  await waits(page, '5001', 1); // it is marked as heard
  const box = await position.boundingBox();
  await position.click({ position: { x: box.width * 0.75, y: box.height / 2 } });
  const length = Number(await position.getAttribute('max'));
  await until('it goes on from there', async () => (await at()) > length * 0.72);
  assert.ok((await at()) < length * 0.9);

  const tickets = () => page.requests.filter((r) => r.url().endsWith('/tickets') && r.postData().includes('recording')).length;
  const [before, given] = [await at(), tickets()];
  await page.locator('audio').evaluate((a) => a.dispatchEvent(new Event('error'))); // as of a ticket that is too old
  await until('it goes on with another ticket', async () => tickets() > given && (await at()) > before + 0.2, 6000); // from the beginning it would take longer
  assert.ok(await page.locator('audio').evaluate((a) => !a.paused));
  await page.getByRole('button', { name: 'Pause' }).click();
  const paused = await at();
  await position.press('ArrowLeft');
  await until('a key seeks', async () => Math.abs((await at()) - (paused - 2)) < 0.2);
  assert.match(await position.getAttribute('aria-valuetext'), /seconds of 13 seconds/);
  assert.ok(page.requests.some((r) => r.resourceType() === 'media' && r.headers().range), 'in ranges');
  assert.ok((await page.locator('.wave .past').count()) > 40, 'the waveform shows it');
  await stage.shoot(page, 'inbox-playing');

  await line(page, 'Front desk').click();
  await page.getByRole('slider').nth(1).press('End');
  await page.getByRole('button', { name: 'Play', exact: true }).nth(1).waitFor();
}

export async function aForgottenMessageVanishes(stage) {
  const agent = await stage.open('agent7');
  await line(agent, 'Ada').click();
  await agent.getByRole('button', { name: 'Play', exact: true }).click();
  await until('it plays', async () => Number(await agent.getByRole('slider').inputValue()) > 0.2);
  const audio = await agent.$('audio');
  const officer = await stage.open('officer', '/privacy.html');
  await officer.getByLabel('Numbers of the caller').fill('+1 (555) 010-0142');
  await officer.getByRole('button', { name: 'Preview' }).click();
  await says(officer.getByRole('region', { name: 'What was found' }), '2 messages would be erased');
  await officer.getByRole('button', { name: 'Forget' }).click();
  await officer.getByRole('dialog').getByRole('button', { name: 'Forget' }).click();
  await line(agent, 'Ada').waitFor({ state: 'detached' });
  assert.equal(await agent.getByRole('slider').count(), 0, 'with its player');
  assert.ok(await audio.evaluate((a) => a.paused), 'and is not heard on');
  await waits(agent, '5001', 1);
  await waits(agent, '6001', 1);
  await officer.locator('#cases').getByText('Can be undone for 19 h').waitFor();
  await stage.shoot(officer, 'privacy-forgotten');

  await officer.locator('#cases').getByRole('button', { name: 'Undo' }).click();
  await officer.locator('#cases').getByText('Undone', { exact: true }).waitFor();
  await line(agent, 'Ada').waitFor();
  assert.equal(await officer.locator('#cases').getByRole('button', { name: 'Undo' }).count(), 0);
}

export async function theKeyboardIsEnough(stage) {
  const page = await stage.open('');
  const press = async (...keys) => { for (const k of keys) await page.keyboard.press(k); };
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  await press('Tab');
  await page.keyboard.type('dev-agent7');
  await press('Enter');
  await lines(page).first().waitFor();
  for (let i = 0; !(await focused(page)).includes('Ada'); i++) {
    assert.ok(i < 20, 'the messages are reached with Tab');
    await press('Tab');
  }
  await press('ArrowDown');
  assert.match(await focused(page), /Front desk/);
  await press('ArrowUp', 'Enter', 'p');
  await page.getByRole('button', { name: 'Pause' }).waitFor();
  await press('p');
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  await press('u');
  await says(line(page, 'Ada'), 'Urgent');
  await press('f', 'Escape');
  assert.match(await focused(page), /Ada/, 'a dialog gives the focus back');
  await press('Delete');
  await says(toast(page), 'The message of Ada is in the trash.');
  await line(page, 'Ada').waitFor({ state: 'detached' });
  assert.match(await focused(page), /Front desk/, 'the next message has the focus');
  await press('Control+z');
  await line(page, 'Ada').waitFor();
  await until('what is back has the focus', async () => (await focused(page)).includes('Ada'));
  await press('Delete');
  await line(page, 'Ada').waitFor({ state: 'detached' });
  for (let i = 0; (await focused(page)) !== 'Undo'; i++) {
    assert.ok(i < 20, 'undo is reached with Tab');
    await press('Tab');
  }
  await press('Enter');
  await line(page, 'Ada').waitFor();
}

export async function theTrashKeepsAndDeletes(stage) {
  const page = await stage.open('agent7');
  await line(page, 'Front desk').click();
  await page.getByRole('button', { name: 'Trash' }).click();
  await line(page, 'Front desk').waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Trash' }).click();
  await line(page, 'Front desk').click();
  await page.getByRole('button', { name: 'Restore' }).click();
  await says(page.locator('#none'), 'The trash is empty.');
  await page.getByRole('link', { name: 'Messages' }).click();
  await line(page, 'Front desk').press('Delete');
  await page.getByRole('link', { name: 'Trash' }).click();
  await line(page, 'Front desk').click();
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Delete for good' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await says(toast(page), 'The message of Front desk is deleted.');
  const { messages } = await stage.ask('agent7', 'GET', '/mailboxes/5001/messages?trash=with');
  assert.equal(messages.length, 1);
}

export async function aForwardedMessageArrives(stage) {
  const [page, other] = [await stage.open('agent7'), await stage.open('agent8')];
  await waits(other, '5002', 1);
  await line(page, 'Ada').click();
  await page.getByRole('button', { name: 'Forward' }).click();
  const dialog = page.getByRole('dialog', { name: 'Forward' });
  await dialog.getByLabel('To mailboxes').fill('9999');
  await dialog.getByRole('button', { name: 'Forward' }).click();
  await dialog.getByRole('alert').getByText('9999: There is no such mailbox.').waitFor();
  await dialog.getByLabel('To mailboxes').fill('5002, 9999');
  await dialog.getByLabel('Comment').fill('Please call back today.');
  await stage.shoot(page, 'inbox-forward');
  await dialog.getByRole('button', { name: 'Forward' }).click();
  await says(toast(page), 'Forwarded to 5002. 9999: There is no such mailbox.');
  await waits(other, '5002', 2);
  await line(other, 'Ada').click();
  await other.getByText('Please call back today.').waitFor();
  await other.getByText('mailbox 5001').waitFor();

  const [{ id }] = (await stage.ask('agent7', 'GET', '/mailboxes/6001/messages?urgent=true')).messages;
  await stage.ask('agent8', 'PATCH', `/mailboxes/6001/messages/${id}`, { read: true }, 'application/merge-patch+json');
  await badge(page, '6001').click();
  await line(page, 'Ada').click();
  await page.getByText('First heard by agent8').waitFor();
}

export async function aCallerIsSearchedFor(stage) {
  const page = await stage.open('agent7');
  await badge(page, '5001').click(); // its address is the same afterwards
  await page.getByLabel('Search by caller').fill('+1 555 010 0142');
  await page.getByRole('button', { name: 'Search' }).click();
  await until('both mailboxes', async () => (await lines(page).allInnerTexts()).map((t) => t.match(/Mailbox (\d+)/)[1]).sort().join() === '5001,6001');
  const kept = await page.evaluate(() => JSON.stringify([location.href, { ...sessionStorage }, { ...localStorage }, document.cookie, history.state]));
  assert.doesNotMatch(kept, /555.?010/);
  await badge(page, '5001').click();
  await until('the mailbox is back', async () => (await lines(page).count()) === 2 && (await page.locator('#place').innerText()) === 'Mailbox 5001');
  await page.getByLabel('Search by caller').fill('+1 555 010 0199');
  await page.getByRole('button', { name: 'Search' }).click();
  await says(page.locator('#none'), 'There is nothing of this caller in your mailboxes.');
  await page.getByRole('button', { name: 'Close' }).click();
  await until('the mailbox is back', async () => (await lines(page).count()) === 2);
}

export async function whatCameMeanwhileIsThere(stage) {
  stage.allowed = [/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|ERR_INCOMPLETE_CHUNKED_ENCODING/];
  const wire = await wireTo(stage.url);
  stage.origin = wire.url;
  const page = await stage.open('agent7');
  await waits(page, '5001', 2);
  await line(page, 'Ada').waitFor();
  wire.cut();
  await until('the page shows that it is cut off', () => page.evaluate(() => document.documentElement.classList.contains('offline')));
  await line(page, 'Ada').click();
  await page.getByRole('button', { name: 'Trash' }).click();
  await says(toast(page), 'The service cannot be reached');
  await stage.deposit('5001', { caller: '+1 555 010 0177', callerName: 'Grace' });
  await wire.mend();
  await waits(page, '5001', 3);
  await line(page, 'Grace').waitFor();
  await line(page, 'Ada').waitFor();
  wire.cut();
}

// wireTo is a way to a service that can be cut.
async function wireTo(url) {
  const { hostname, port } = new URL(url);
  const sockets = new Set();
  const accept = (near) => {
    const far = connect(port, hostname);
    for (const s of [near, far]) {
      sockets.add(s);
      s.on('error', () => {});
      s.on('close', () => {
        sockets.delete(s);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  };
  let server;
  const listen = async (at) => {
    server = createServer(accept).listen(at, '127.0.0.1').unref();
    await once(server, 'listening');
    return server.address().port;
  };
  const at = await listen(0);
  return {
    url: `http://127.0.0.1:${at}`,
    mend: () => listen(at),
    cut() {
      server.close();
      for (const s of sockets) s.destroy();
    },
  };
}

export async function nobodyIsLetInWithoutASecret(stage) {
  stage.allowed = [/401/];
  const page = await stage.open('');
  await page.getByLabel('Password or token').fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('The credentials are not accepted').waitFor();
  assert.equal(await lines(page).count(), 0);
  await page.getByRole('button', { name: 'agent8', exact: true }).click();
  await waits(page, '5002', 1);
  await page.reload();
  await waits(page, '5002', 1);
  await page.evaluate(() => {
    sessionStorage.setItem('voicemail.authorization', 'Bearer expired');
    location.hash = '#/6001';
  });
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.deepEqual(await page.evaluate(() => ({ ...sessionStorage })), {}, 'nothing is kept');
}

// Both pages, in both schemes, on both sizes, with everything open that there is.
export async function thePagesAreAccessible(stage, { desktop, phone }) {
  const caller = { caller: '+1 555 010 0111', callerName: 'Grace of the very long name that does not fit', urgent: true, private: true };
  await stage.deposit('5001', caller);
  for (const [size, options] of Object.entries({ desktop, phone })) {
    const page = await stage.open('agent7', '/', options);
    const office = await stage.open('officer', '/privacy.html', options);
    const out = await stage.open('', '/', options);
    await lines(page).first().click();
    if (size === 'desktop') await page.locator('summary').click(); // of the keys
    await office.getByLabel('Numbers of the caller').fill('+1 555 010 0142');
    await office.getByRole('button', { name: 'Preview' }).click();
    await office.getByRole('button', { name: 'Forget' }).waitFor();
    await out.getByRole('button', { name: 'agent7' }).waitFor();
    for (const colorScheme of ['light', 'dark']) {
      for (const [name, p] of Object.entries({ inbox: page, privacy: office, 'sign-in': out })) {
        const title = `${name}-${size}-${colorScheme}`;
        await p.emulateMedia({ colorScheme });
        await stage.shoot(p, title);
        await stage.axe(p, title, colorScheme === 'dark' && ['wcag2aa', 'wcag22aa']); // contrast and sizes; the rest is as it was
        assert.ok(await p.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${title} is no wider than the screen`);
      }
    }
    await page.getByRole('button', { name: 'Trash' }).click();
    await toast(page).getByText('in the trash').waitFor();
    await stage.axe(page, `${size}, with a toast`);
    await toast(page).getByRole('button', { name: 'Undo' }).click();
    await office.getByRole('button', { name: 'Forget' }).click();
    await stage.axe(office, `${size}, with a dialog`);
  }
}
