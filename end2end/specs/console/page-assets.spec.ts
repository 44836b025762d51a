//! Console assets: compressed, immutable, and from Postern's own origin only.

import { Postern } from '../../support/program/postern.ts';
import { expect, test } from '../../support/test.ts';

test('assets are immutable and compressed', async ({ page }) => {
  const postern = await Postern.start();
  const answers: Array<Promise<[URL, Record<string, string>]>> = [];
  page.on('response', (response) => {
    answers.push(response.allHeaders().then((headers) => [new URL(response.url()), headers]));
  });
  await page.goto(postern.link);
  await page.getByLabel('Password', { exact: true }).fill('typed');
  await page.getByRole('button', { name: 'Show password' }).click();
  await expect(page.getByLabel('Password', { exact: true })).toHaveAttribute('type', 'text');

  const loaded = await Promise.all(answers);
  expect(new Set(loaded.map(([url]) => url.origin))).toEqual(new Set([postern.url]));
  const assets = loaded.filter(([url]) => url.pathname.startsWith('/pkg/'));
  const endings = assets.map(([url]) => url.pathname.split('.').pop());
  expect(endings).toEqual(expect.arrayContaining(['css', 'js', 'wasm']));
  const paths = assets.map(([url]) => url.pathname);
  expect(paths, 'each is loaded once: what is preloaded is used').toEqual([...new Set(paths)]);
  for (const [{ pathname }, headers] of assets) {
    expect(headers['cache-control'], pathname).toBe('public, max-age=31536000, immutable');
    // woff2 is already compressed.
    expect(headers['content-encoding'], pathname).toBe(pathname.endsWith('.woff2') ? undefined : 'br');
  }
  const [[, document] = []] = loaded;
  expect(document?.['cache-control']).toBe('no-store');
  await postern.stop();
});
