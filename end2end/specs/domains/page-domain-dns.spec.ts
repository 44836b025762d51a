//! Domains against a DNS server: findings follow its records, and keys are activated.

import type { Locator, Page } from '@playwright/test';
import { loopback } from '../../support/program/chroot.ts';
import { signatures } from '../../support/mail/dkim.ts';
import { DnsServer, type DnsTable, SERVFAIL } from '../../support/servers/dns-server.ts';
import { type Finding, keys, makeKey, readFinding, record } from '../../support/pages/domains-page.ts';
import { mail, requestOk, submit } from '../../support/mail/messages.ts';
import { nameServerUnavailable, posternWithNameServer } from '../../support/program/name-server.ts';
import { Relay } from '../../support/relays/relay.ts';
import { signInContext } from '../../support/pages/test-console.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.skip(nameServerUnavailable() !== undefined, nameServerUnavailable());
test.describe.configure({ mode: 'default' });

/** The host of the main relay, which carries the mail of every domain here, and its address. */
const RELAY = 'relay.example.org';
const ADDRESS = '198.51.100.7';

/** The state of a record on the page. */
const RIGHT = 'as it should be';
const WRONG = 'wrong';

let dns: DnsServer;
let server: TestServer;
let relay: Relay;

test.beforeAll(async () => {
  dns = await DnsServer.start(loopback());
  relay = await Relay.start();
  server = await TestServer.start({ program: posternWithNameServer(dns.address) });
  const saved = await server.save(fields(relay, { smtp_host: RELAY }));
  expect(saved.status, saved.text).toBe(200);
});

test.afterAll(async () => {
  await server?.stop();
  await relay?.stop();
  await dns?.stop();
});

/** The records of a domain as they should be, but those of its keys, and of the relay. */
function records(domain: string): DnsTable {
  return {
    [`${domain} TXT`]: ['unrelated=1', `v=spf1 a:${RELAY} -all`],
    [`_dmarc.${domain} TXT`]: ['v=DMARC1; p=reject'],
    [`${domain} MX`]: [`10 mx.${domain}`],
    [`mx.${domain} AAAA`]: ['2001:db8::25'],
    [`${RELAY} A`]: [ADDRESS],
    [`${RELAY} AAAA`]: ['2001:db8::7'],
  };
}

/** A key that was made over REST. */
interface Key {
  selector: string;
  /** Of its TXT record. */
  name: string;
  record: string;
}

/** Makes a key, puts its record into DNS, and activates it. */
async function activeKey(domain: string, algorithm: string): Promise<Key> {
  const path = `/api/domains/${domain}/keys`;
  const made = (await requestOk(server, path, { algorithm })).data as { id: string; selector: string; record_name: string; record: string };
  dns.table[`${made.record_name} TXT`] = [made.record];
  const activated = (await requestOk(server, `${path}/${made.id}/activate`, { anyway: false })).data;
  expect(activated.state).toBe('active');
  return { selector: made.selector, name: made.record_name, record: made.record };
}

async function openDomain(page: Page, domain: string): Promise<void> {
  await page.goto(`${server.postern.url}/domains/${domain}`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(domain);
}

/** Opens a domain until the page says this of a record: a check is kept for some seconds. */
async function expectFinding(page: Page, domain: string, row: Locator, expected: Partial<Record<keyof Finding, unknown>>): Promise<void> {
  const found = async () => {
    await openDomain(page, domain);
    return readFinding(row);
  };
  await expect.poll(found).toMatchObject(expected);
}

/** What the command prints as JSON. */
interface Check {
  state: string;
  findings: { kind: string; name: string; state: string; found: string[]; expected: string | null }[];
}

async function check(domain: string): Promise<{ code: number | null; json: Check }> {
  const { code, stdout, stderr } = await server.command(['check-domain', domain, '--json']);
  expect(stdout, stderr).not.toBe('');
  return { code, json: JSON.parse(stdout) as Check };
}

test('records that are right, and keys that are activated once DNS has their records', { tag: '@waits' }, async ({ page }) => {
  const domain = 'right.example.org';
  dns.table = records(domain);
  await signInContext(page.context(), server.postern.url);
  await openDomain(page, domain);
  expect(await readFinding(record(page, 'SPF'))).toEqual({
    state: RIGHT,
    why: `The record covers Main relay, by "a:${RELAY}".`,
    found: [`v=spf1 a:${RELAY} -all`],
    expected: [],
  });
  expect(await readFinding(record(page, 'DKIM'))).toMatchObject({ state: 'look at it', found: [], expected: [] });
  expect(await readFinding(record(page, 'DMARC'))).toMatchObject({
    state: RIGHT,
    why: expect.stringContaining('Mail passes by SPF alone, which fails where mail is forwarded: sign it with DKIM too.'),
    found: ['v=DMARC1; p=reject'],
  });
  expect(await readFinding(record(page, 'MX'))).toEqual({
    state: RIGHT,
    why: 'Replies and bounces reach the domain.',
    found: [`10 mx.${domain}.`],
    expected: [],
  });

  for (const algorithm of ['RSA', 'Ed25519']) {
    const selector = await makeKey(page, algorithm);
    const name = `${selector}._domainkey.${domain}`;
    const row = record(page, 'DKIM').filter({ hasText: selector });
    const activate = page.getByRole('button', { name: `Activate: ${selector}` });
    const key = keys(page).filter({ hasText: selector });
    const [shown, text = ''] = await key.locator('code').allTextContents();
    expect(shown).toBe(name);
    expect(await readFinding(row)).toMatchObject({ state: 'look at it', found: [], expected: [text] });
    await activate.click();
    await expect(page.getByRole('alert')).toContainText(`The record of this key is not in DNS at ${name}.`);

    dns.table[`${name} TXT`] = [text];
    const why = 'The record of the new key is in DNS: activate the key, and it signs.';
    await expectFinding(page, domain, row, { state: RIGHT, why, found: [text], expected: [] });
    await activate.click();
    await expect(page.getByRole('status')).toHaveText(`The key ${selector} signs the mail of this domain from now on.`);
    await expect(key).toContainText('Signs');
    const verified = 'Mail is signed with this key, and receivers can verify it.';
    expect(await readFinding(row)).toEqual({ state: RIGHT, why: verified, found: [text], expected: [] });
  }
  expect((await readFinding(record(page, 'DMARC'))).why).toContain('Mail passes by SPF and by DKIM, both aligned with the From domain.');
  await expect(page.getByText(`Domain: ${RIGHT}`)).toBeVisible();

  await page.getByRole('link', { name: 'All domains' }).click();
  const listed = page.getByRole('main').getByRole('listitem').filter({ hasText: domain });
  for (const kind of ['SPF', 'DKIM', 'DMARC', 'MX']) {
    await expect(listed).toContainText(`${kind}: ${RIGHT}`);
  }
  const { code, json } = await check(domain);
  expect([code, json.state]).toEqual([0, 'ok']);
  expect(json.findings.map(({ kind, state }) => `${kind} ${state}`)).toEqual(['spf ok', 'dkim ok', 'dkim ok', 'dmarc ok', 'mx ok']);
});

test('records that change: what is wrong, and what they should be', { tag: '@waits' }, async ({ page }) => {
  const domain = 'changed.example.org';
  dns.table = records(domain);
  const key = await activeKey(domain, 'rsa');
  expect((await check(domain)).json.state).toBe('ok');

  const spf = 'v=spf1 ip4:203.0.113.1 -all';
  const other = key.record.replace(/.{8}$/, 'AAAAAAAA');
  dns.table[`${domain} TXT`] = ['unrelated=1', spf];
  dns.table[`${key.name} TXT`] = [other];
  delete dns.table[`mx.${domain} AAAA`];
  await signInContext(page.context(), server.postern.url);
  const whole = `v=spf1 ip4:203.0.113.1 a:${RELAY} -all`;
  await expectFinding(page, domain, record(page, 'SPF'), {
    state: WRONG,
    why: `Mail from ${ADDRESS}, an address of Main relay, gets fail by "-all". A relay may send from other addresses than it receives at: ask its provider.`,
    found: [spf],
    expected: [whole],
  });
  await expectFinding(page, domain, record(page, 'DKIM'), {
    state: WRONG,
    why: 'Mail is signed with this key, but the record in DNS is another one: receivers find the signatures wrong. Put this record in its place.',
    found: [other],
    expected: [key.record],
  });
  await expectFinding(page, domain, record(page, 'DMARC'), {
    state: WRONG,
    why: 'The policy is reject: mail that does not pass is refused. Mail passes neither by SPF nor by DKIM of Postern: set one of them right first.',
  });
  const lost = 'No host of the MX records has an address: replies and bounces are lost.';
  await expectFinding(page, domain, record(page, 'MX'), { state: WRONG, why: lost, found: [`10 mx.${domain}.`] });

  const wrong = await check(domain);
  expect([wrong.code, wrong.json.state]).toEqual([1, 'fault']);
  expect(wrong.json.findings).toMatchObject([
    { kind: 'spf', name: domain, state: 'fault', found: [spf], expected: whole },
    { kind: 'dkim', name: key.name, state: 'fault', found: [other], expected: key.record },
    { kind: 'dmarc', name: `_dmarc.${domain}`, state: 'fault', expected: null },
    { kind: 'mx', name: domain, state: 'fault', expected: null },
  ]);

  // What the page says that the records should be is right.
  const shown = await Promise.all(['SPF', 'DKIM'].map((kind) => readFinding(record(page, kind))));
  dns.table = { ...records(domain), [`${domain} TXT`]: shown[0]?.expected ?? [], [`${key.name} TXT`]: shown[1]?.expected ?? [] };
  for (const kind of ['SPF', 'DKIM', 'DMARC', 'MX']) {
    await expectFinding(page, domain, record(page, kind), { state: RIGHT, expected: [] });
  }
  expect((await check(domain)).json.state).toBe('ok');

  // A failure of DNS does not count as the absence of a record.
  dns.table[`_dmarc.${domain} TXT`] = [SERVFAIL];
  await expectFinding(page, domain, record(page, 'DMARC'), {
    state: 'look at it',
    why: expect.stringMatching(/^DNS does not say whether there is a record: ./),
    expected: [],
  });
  expect((await check(domain)).json.state).toBe('warning');
});

test('mail is delivered to the address that DNS has, signed with the keys that DNS has', async () => {
  const domain = 'sent.example.org';
  dns.table = { ...records(domain), [`${RELAY} A`]: ['127.0.0.1'] };
  delete dns.table[`${RELAY} AAAA`];
  const active = [await activeKey(domain, 'rsa'), await activeKey(domain, 'ed25519')];
  await submit(server, mail({ from: `alerts@${domain}` }));
  const { raw } = await relay.mails.next();
  const published = active.map(({ selector, name }) => [selector, dns.table[`${name} TXT`]?.[0] ?? '']);
  const found = signatures(raw, Object.fromEntries(published));
  expect(found.map(({ algorithm, fault }) => ({ algorithm, fault }))).toEqual([
    { algorithm: 'rsa-sha256', fault: undefined },
    { algorithm: 'ed25519-sha256', fault: undefined },
  ]);

  const passed = await server.command(['diagnose']);
  expect(passed.code, passed.stdout).toBe(0);
  expect(passed.stdout).toContain(`${RELAY} resolved by ${dns.address}`);
  delete dns.table[`${RELAY} A`];
  const failed = await server.command(['diagnose']);
  expect(failed.code, failed.stdout).toBe(1);
  expect(failed.stdout).toContain('DNS has no address for this name');
});
