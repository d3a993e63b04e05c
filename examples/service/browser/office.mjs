// Scenes of the page for the privacy officer. The volume has a receipt of a case that is over, DSR-2025-1.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

export async function theOfficerExports(stage) {
  const page = await stage.open('officer', '/privacy.html');
  await page.getByLabel('Numbers of the caller').fill('+1 555 010 0142, 5550100010');
  await page.getByRole('button', { name: 'Preview' }).click();
  const found = page.getByRole('region', { name: 'What was found' });
  await found.getByText('2 messages would be erased').waitFor();
  await page.getByLabel('Case', { exact: true }).fill('DSR/2026 17');
  assert.ok(await found.isHidden(), 'what was found is of the request as it was');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  const file = await download;
  assert.equal(file.suggestedFilename(), 'export-DSR-2026-17.zip');
  const archive = (await readFile(await file.path())).toString('latin1');
  for (const name of ['output.json', 'messages.csv', 'index.html']) assert.ok(archive.includes(name), name);
  assert.equal(archive.match(/PK\x01\x02.{42}[0-9a-f-]{36}/gs)?.length, 2, 'both recordings');
}

export async function aNumberIsMadeSureOf(stage) {
  stage.allowed = [/409/];
  const page = await stage.open('officer', '/privacy.html');
  await page.getByLabel('Numbers of the caller').fill('15550100142');
  await page.getByRole('button', { name: 'Preview' }).click();
  const found = page.getByRole('region', { name: 'What was found' });
  await found.getByText('There is nothing of this caller').waitFor();
  await found.getByText('Perhaps also +15550100142, with 2 messages').waitFor();
  await found.getByRole('button', { name: 'Add' }).click();
  await found.getByText('2 messages would be erased').waitFor();

  // More messages of one number than need to be confirmed would take long to leave: the answer is played.
  const needed = { type: 'urn:problem-type:voicemail:confirmation-needed', title: 'More messages match than one caller leaves', status: 409, messages: 1001, limit: 1000 };
  await page.route('**/gdpr/forgetme', (route) => route.fulfill({ status: 409, contentType: 'application/problem+json', body: JSON.stringify(needed) }));
  await found.getByRole('button', { name: 'Forget' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Forget' }).click();
  await dialog.getByRole('alert').getByText(needed.title).waitFor();
  await dialog.getByRole('button', { name: 'Forget' }).click();
  assert.ok(await dialog.isVisible(), 'not without the tick');
  await dialog.getByLabel('All 1001 messages of one number are meant').check();
  await dialog.getByRole('button', { name: 'Forget' }).click();
  await page.locator('#cases').getByText('Forgotten').waitFor();
}

export async function theReceiptsAreShown(stage) {
  const page = await stage.open('officer', '/privacy.html');
  const receipts = page.locator('#receipts');
  await receipts.getByText('Case DSR-2025-1: 1 message erased').waitFor();
  assert.match(await receipts.locator('code').innerText(), /^[0-9a-f]{64}$/);
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download' }).click();
  const doc = JSON.parse(await readFile(await (await download).path(), 'utf8'));
  assert.equal(doc.receipts.length, 1);
  assert.equal(doc.head, await receipts.locator('code').innerText());
  await stage.shoot(page, 'privacy-receipts');
}

export async function onlyTheOfficerAnswersRequests(stage) {
  const page = await stage.open('agent7', '/privacy.html');
  await page.getByText('This page is for those who answer data-protection requests.').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Preview' }).count(), 0);
  assert.equal(await page.getByRole('link', { name: 'Privacy' }).count(), 0);
  assert.ok(!page.requests.some((r) => r.url().includes('/gdpr/')));
}
