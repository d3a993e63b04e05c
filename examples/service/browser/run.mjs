// Plays scenes in Chromium, each against a service of its own in development mode: node run.mjs SCENE=URL …. The environment says where Chromium is (CHROMIUM), where its driver (MODULES), and where
// the screenshots go (SCREENSHOTS). A line of JSON is printed for each scene, {scene, failure}, in which failure is empty if it holds.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as inbox from './inbox.mjs';
import * as office from './office.mjs';

const { CHROMIUM, MODULES, SCREENSHOTS } = process.env;
const modules = createRequire(join(MODULES, 'package.json'));
const { chromium } = modules('playwright-core');

const speech = readFileSync(new URL('../demo/quote.wav', import.meta.url));
const desktop = { viewport: { width: 1180, height: 800 } };
const phone = { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true };

// Stage is what a scene has: the service, and browsers that show it.
class Stage {
  #contexts = [];
  #noises = [];
  allowed = []; // what of the console a scene expects

  constructor(browser, url) {
    this.browser = browser;
    this.url = this.origin = url; // of the service, and of its pages
  }

  // open opens a page in a profile of its own, signed in as user unless that is ''.
  async open(user, path = '/', options = {}) {
    const context = await this.browser.newContext({ ...desktop, locale: 'en-GB', colorScheme: 'light', ...options });
    this.#contexts.push(context);
    context.setDefaultTimeout(15000);
    const page = await context.newPage();
    page.requests = [];
    context.on('request', (r) => page.requests.push(r));
    page.on('console', (m) => { if (m.type() === 'error' || m.type() === 'warning') this.#noises.push(m.text()); });
    page.on('pageerror', (err) => this.#noises.push(err.stack));
    await page.goto(this.origin + path);
    if (user) await page.getByRole('button', { name: user, exact: true }).click();
    return page;
  }

  // ask sends a request past the browser.
  async ask(user, method, path, body, type = 'application/json') {
    const json = type.endsWith('json');
    const r = await fetch(`${this.url}/voicemail/v1${path}`, { method, headers: { Authorization: `Bearer dev-${user}`, ...(json && { 'Content-Type': type }) }, body: json ? body && JSON.stringify(body) : body });
    assert.ok(r.ok, `${method} ${path}: ${r.status} ${r.ok ? '' : await r.text()}`);
    return r.json();
  }

  // deposit leaves a message as the switch does.
  deposit(mailbox, details) {
    const form = new FormData();
    form.set('message', new Blob([JSON.stringify(details)], { type: 'application/json' }));
    form.set('audio', new Blob([speech], { type: 'audio/wav' }));
    return this.ask('switch', 'POST', `/mailboxes/${mailbox}/messages`, form, 'multipart/form-data');
  }

  async shoot(page, title) { await page.screenshot({ path: join(SCREENSHOTS, `${title}.png`), animations: 'disabled' }); }

  async shootAll(title) {
    for (const [i, page] of this.#contexts.flatMap((c) => c.pages()).entries()) await this.shoot(page, `${title}-${i}`).catch(() => {});
  }

  async close() { for (const c of this.#contexts) await c.close(); }

  // axe fails with what the checker finds serious, by all its rules or those with the tags.
  async axe(page, title, tags) {
    await page.evaluate(readFileSync(join(MODULES, 'node_modules/axe-core/axe.min.js'), 'utf8'));
    const { violations } = await page.evaluate((values) => window.axe.run(document, { resultTypes: ['violations'], preload: false, ...(values && { runOnly: { type: 'tag', values } }) }), tags);
    const bad = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
    assert.deepEqual(bad.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.target).join(' ')}`), [], title);
  }

  // quiet checks what holds in every scene: nothing was asked of another origin, and nothing was complained of, as of the policy of the pages.
  quiet() {
    const { origin } = this;
    const urls = this.#contexts.flatMap((c) => c.pages()).flatMap((p) => p.requests.map((r) => r.url()));
    assert.ok(urls.length > 10, 'the requests are recorded');
    assert.deepEqual(urls.filter((u) => new URL(u).origin !== origin), [], 'requests leave the origin');
    assert.deepEqual(urls.filter((u) => /5550100|%2B1/.test(u)), [], 'a number is in an address');
    assert.deepEqual(this.#noises.filter((n) => !this.allowed.some((a) => a.test(n))), [], 'the console');
  }
}

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--autoplay-policy=user-gesture-required'],
});
try {
  for (const argument of process.argv.slice(2)) {
    const [scene, url] = argument.split('=');
    const stage = new Stage(browser, url);
    let failure = '';
    try {
      await { ...inbox, ...office }[scene](stage, { desktop, phone });
      stage.quiet();
    } catch (err) {
      failure = err.stack;
      await stage.shootAll(`failed-${scene}`);
    }
    await stage.close();
    console.log(JSON.stringify({ scene, failure }));
  }
} finally {
  await browser.close();
}
