//! The first page a browser gets: it looks right in light, dark and on a phone, and it wakes up.

import { expect, test } from '../support/test.ts';

const LOOKS = [
  { name: 'light', colorScheme: 'light', width: 1280, height: 800 },
  { name: 'dark', colorScheme: 'dark', width: 1280, height: 800 },
  { name: 'phone', colorScheme: 'light', width: 360, height: 740 },
] as const;

for (const look of LOOKS) {
  test(`the first page, ${look.name}`, async ({ page, postern }, info) => {
    await page.emulateMedia({ colorScheme: look.colorScheme });
    await page.setViewportSize({ width: look.width, height: look.height });
    await page.goto(postern.link);

    await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow, 'nothing is wider than the screen').toBeLessThanOrEqual(0);
    await page.screenshot({ path: info.outputPath(`${look.name}.png`), fullPage: true });
  });
}

test('an island wakes up', async ({ page, postern }) => {
  await page.goto(postern.link);
  await page.waitForLoadState('networkidle');
  await page.getByRole('button').click();
  await expect(page.getByRole('button')).toHaveText('Knocked 1 times');
});

test('what a browser loads is kept for ever, and compressed', async ({ page, postern }) => {
  const answers: Array<Promise<[string, Record<string, string>]>> = [];
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.startsWith('/pkg/')) {
      answers.push(response.allHeaders().then((headers) => [pathname, headers]));
    }
  });
  await page.goto(postern.link);
  await page.waitForLoadState('networkidle');

  const loaded = await Promise.all(answers);
  expect(loaded.map(([path]) => path.split('.').pop()).sort()).toEqual(
    expect.arrayContaining(['css', 'js', 'wasm']),
  );
  for (const [path, headers] of loaded) {
    expect(headers['cache-control'], path).toBe('public, max-age=31536000, immutable');
    expect(headers['content-encoding'], path).toBe('br');
  }
});
