import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { run } from '../cli/kit.ts';
import { startEngine, type TestEngine } from '../kit/engine.ts';
import { eventually } from '../kit/eventually.ts';
import { type StirCertificate, stirWorld } from '../kit/stir/authority.ts';
import { startRepository, type TestRepository } from '../kit/stir/repository.ts';
import { type ShownToken, tokenOf } from '../kit/stir/signed.ts';
import { signToken } from '../kit/stir/token.ts';
import { field, fields, statusOf, UdpPeer } from '../kit/stir/udp-peer.ts';

// The steps of docs/stir-shaken.md, taken from it and run in its order: for an operator, for calls in, for calls out.

const GUIDE = readFileSync('docs/stir-shaken.md', 'utf8');
const CARRIER = '127.0.0.9';
const CALLER = '12155550131';
const DID = '14155550100';
const [PHONE_1, PHONE_2] = ['127.0.0.4', '127.0.0.5'];
const authority = stirWorld();
const carrierLeaf = authority.leaf([{ spc: '1234' }]);
/** What the tenant's certification authority gives it: first one, later the next. */
const acme = authority.leaf([{ start: '14155550100', count: 100 }]);
const acme2027 = authority.leaf([{ start: '14155550100', count: 100 }], { notBefore: new Date(Date.now() - 60_000) });
const PICTURE = 'a logo';

interface Section {
  readonly yaml: readonly string[];
  /** Command lines. */
  readonly sh: readonly string[];
}

/** What stands under a heading, to the next one. */
function section(heading: string): Section {
  const start = GUIDE.indexOf(`### ${heading}\n`);
  if (start < 0) throw new Error(`docs/stir-shaken.md has no section ${heading}`);
  const text = GUIDE.slice(start, GUIDE.indexOf('\n##', start + 4));
  const blocks = (language: string) =>
    [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, found, body = '']) =>
      found === language ? [body] : [],
    );
  return { yaml: blocks('yaml'), sh: blocks('sh').flatMap((block) => block.trim().split('\n')) };
}

let repository: TestRepository;
let engine: TestEngine;
let env: Record<string, string>;
let phones: readonly UdpPeer[];
let carrier: UdpPeer;
/** What the guide's files have provisioned so far. */
let provisioned: {
  readonly tenants?: readonly { readonly richCallData?: { readonly icon: string; readonly iconDigest: string } }[];
} = {};

/** A file of the guide where this machine has it. */
const here = (text: string) =>
  text
    .replaceAll('/etc/tandem/stir', repository.folder)
    .replaceAll('file: acme', `file: ${repository.folder}/acme`)
    .replaceAll(/host: (?:192\.0\.2\.10|sbc\.carrier\.example)/g, `host: ${CARRIER}, port: ${carrier.port}`);

/** A command of the guide, in the folder of its files. */
async function command(line: string, values: Readonly<Record<string, string>> = {}) {
  const words = line.replace('npx tandem ', '').split(' ');
  const args = words.map(
    (word) =>
      values[word] ?? (/\.(?:pem|txt|yaml)$/.test(word) && !word.includes(':') ? join(repository.folder, word) : word),
  );
  const done = await run(args, { env });
  expect(done.err, line).toBe('');
  expect(done.code, line).toBe(0);
  return done.out;
}

/** What a reader's file says once a block is added to it: what has a name, or a number, is one thing. */
function merged(before: unknown, after: unknown): unknown {
  const keyOf = (item: unknown) => {
    const { name, number, tenant } = Object(item) as { name?: unknown; number?: unknown; tenant?: unknown };
    return number ?? name ?? tenant;
  };
  if (
    Array.isArray(before) &&
    Array.isArray(after) &&
    [...before, ...after].every((item) => keyOf(item) !== undefined)
  ) {
    const items = new Map<unknown, unknown>(before.map((item) => [keyOf(item), item]));
    for (const item of after) items.set(keyOf(item), merged(items.get(keyOf(item)), item));
    return [...items.values()];
  }
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject(before) || !isObject(after)) return after;
  const [old, added] = [before as Record<string, unknown>, after as Record<string, unknown>];
  return {
    ...old,
    ...Object.fromEntries(Object.entries(added).map(([name, value]) => [name, merged(old[name], value)])),
  };
}

/** Provisions a block of the guide on top of those before it, as a reader's file grows, by the command line. */
async function apply(block: string): Promise<void> {
  const flat = here(block).replace(/^( +)host: (.*), port: ([0-9]+)$/gm, '$1host: $2\n$1port: $3');
  provisioned = merged(provisioned, parse(flat)) as typeof provisioned;
  writeFileSync(join(repository.folder, 'provisioning.yaml'), JSON.stringify(provisioned));
  await command('npx tandem apply provisioning.yaml');
}

const identity = (claims: object = {}) => {
  const x5u = repository.url('carrier.pem');
  const iat = Math.floor(Date.now() / 1000);
  const all = { attest: 'A', dest: { tn: [DID] }, iat, orig: { tn: CALLER }, origid: 'o', ...claims };
  const token = signToken({ alg: 'ES256', ppt: 'shaken', typ: 'passport', x5u }, all, carrierLeaf.privateKey);
  return `Identity: ${token};info=<${x5u}>;alg=ES256;ppt=shaken`;
};
const texts = (lines: readonly string[]) => ({
  uri: `sip:${DID}@127.0.0.1`,
  from: `"Bob" <sip:+${CALLER}@carrier.example>`,
  lines,
});
const callIn = (...lines: readonly string[]) => carrier.call(texts(lines));

/** The tokens of a call from 101 to an outside number, as the carrier got them. */
async function callOut(number: string): Promise<readonly ShownToken[]> {
  const call = (phones[0] as UdpPeer).call({
    uri: `sip:${number}@acme.example.com`,
    from: '<sip:101@acme.example.com>',
  });
  const invite = await carrier.called(number);
  expect(statusOf(await call.final)).toBe(486);
  return fields(invite, 'Identity')
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => tokenOf(line.replace(/^Identity: /, '')));
}

async function ringing(phone: UdpPeer | undefined, work: () => Promise<unknown>): Promise<string> {
  const before = phone?.messages.length ?? 0;
  await work();
  return phone?.messages.slice(before).find((text) => text.startsWith('INVITE ')) ?? '';
}

beforeAll(async () => {
  repository = await startRepository(authority);
  const { write } = repository;
  write('revoked.pem', authority.intermediate.revocationList([]));
  write('carrier.pem', carrierLeaf.chainPem);
  write('logo.png', PICTURE);
  const files = (name: string, { chainPem, keyPem }: StirCertificate) => {
    write(`${name}-chain.pem`, chainPem);
    write(`${name}-key.pem`, keyPem);
  };
  files('acme', acme);
  files('acme-2027', acme2027);
  const toEngine = () => ({ host: '127.0.0.1', port: engine.port() });
  carrier = await UdpPeer.open(CARRIER, toEngine);
  phones = await Promise.all([PHONE_1, PHONE_2].map((host) => UdpPeer.open(host as string, toEngine)));
  const [settings = ''] = section('For an operator: say whom you believe').yaml;
  const { stir } = parse(here(settings)) as { stir: object };
  engine = await startEngine({
    settings: { stir: { ...stir, fetch: repository.stir().fetch } },
    provisioning: {},
  });
  env = { TANDEM_URL: engine.apiAddress, TANDEM_TOKEN: engine.token };
}, 60_000);

afterAll(async () => {
  await engine?.stop();
  for (const peer of [carrier, ...(phones ?? [])]) peer?.close();
  await repository?.stop();
});

test('every command and every block of the guide is run here', () => {
  const run = [
    'For an operator: say whom you believe',
    'For a tenant: what phones and rules make of it',
    'What was found',
    'In four steps',
    'How the caller is shown',
    'Replacing a certificate',
  ].map(section);
  const blocks = [...GUIDE.matchAll(/^```(?:yaml|sh)$/gm)].length;
  const found = run.flatMap(({ yaml }) => yaml).length + [...GUIDE.matchAll(/^```sh$/gm)].length;
  expect(found).toBe(blocks);
  expect(run.flatMap(({ sh }) => sh)).toHaveLength(
    [...GUIDE.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, text = '']) => text.trim().split('\n')).length,
  );
});

describe('for an operator', () => {
  const { yaml, sh } = section('For an operator: say whom you believe');

  test('the files are opened, and taken by a reload', async () => {
    const [validate = '', reload = ''] = sh;
    const [settings = ''] = yaml;
    const config = {
      listen: [{ transport: 'udp', host: '127.0.0.1', port: 5060 }],
      store: { kind: 'embedded', path: 'data' },
      ...parse(here(settings)),
    };
    writeFileSync(join(repository.folder, 'tandem.yaml'), JSON.stringify(config));
    await command(validate.replace('config/', ''));
    await command(reload);
    writeFileSync(
      join(repository.folder, 'tandem.yaml'),
      JSON.stringify({ ...config, stir: { trustAnchors: ['/nowhere.pem'] } }),
    );
    const wrong = await run(['validate', join(repository.folder, 'tandem.yaml')], { env });
    expect([wrong.code, wrong.err + wrong.out]).toEqual([1, expect.stringContaining('/nowhere.pem')]);
  });
});

describe('for a tenant', () => {
  beforeAll(async () => {
    const [rules = ''] = section('For a tenant: what phones and rules make of it').yaml;
    await apply(rules);
    // Phones of the test sign in by their address.
    const extensions = [PHONE_1, PHONE_2].map((host, index) => ({
      number: String(101 + index),
      trustedAddresses: [host],
    }));
    await apply(JSON.stringify({ tenants: [{ name: 'acme', extensions }] }));
    for (const [index, phone] of phones.entries()) await phone.register(String(101 + index), 'acme.example.com');
  });

  test('a verified call rings 101, with what was found for phones that know it', async () => {
    const invite = await ringing(phones[0], async () => expect(statusOf(await callIn(identity()).final)).toBe(486));
    expect(field(invite, 'P-Asserted-Identity')).toBe(
      `"Bob" <sip:+${CALLER};verstat=TN-Validation-Passed@acme.example.com;user=phone>`,
    );
    expect(field(invite, 'P-Attestation-Indicator')).toBe('A');
  });

  test('one that fails is hung up on; one without signature, and one of attestation C, is screened with a mark', async () => {
    const spoofed = callIn(identity({ orig: { tn: '12155550199' } }));
    expect(statusOf(await spoofed.final)).toBe(603);
    for (const lines of [[], [identity({ attest: 'C' })]]) {
      const invite = await ringing(phones[1], () => callIn(...lines).final);
      expect(field(invite, 'From')).toContain('"[?] Bob" <');
    }
  });

  test('what was found, of a call that was placed and of an INVITE in a file', async () => {
    const [placed = '', played = ''] = section('What was found').sh;
    const call = callIn(identity());
    await call.final;
    const record = await eventually('the call record', async () => {
      const { items } = (await engine.api('/api/v1/call-records')) as {
        items: { callId: string; sipCallIds: string[] }[];
      };
      return items.find(({ sipCallIds }) => sipCallIds.includes(call.callId));
    });
    const said = `passed, attestation A, for ${CALLER}, signed by CN=SHAKEN 1234`;
    expect(await command(placed, { ID: record.callId })).toContain(said);
    repository.write('call.txt', carrier.request('INVITE', 'played', texts([identity()])));
    expect(await command(played)).toContain(said);
  });

  test('a trunk that rejects refuses what has no signature', async () => {
    const [, rejecting = ''] = section('For an operator: say whom you believe').yaml;
    await apply(rejecting);
    expect(statusOf(await callIn().final)).toBe(428);
  });
});

describe('calls out', () => {
  const { yaml, sh } = section('In four steps');
  const [put = '', list = '', explain = ''] = sh;

  test('1 and 2: the certificate is uploaded, listed, and served for verifiers', async () => {
    expect(await command(put)).toContain('acme-stir');
    expect(await command(list)).toMatch(/acme-stir +acme .* here/);
    const served = await fetch(`${engine.apiAddress}/stir/acme-stir.pem`);
    expect([served.status, await served.text()]).toEqual([200, acme.chainPem]);
    // The same from a file.
    await apply(yaml[0] ?? '');
    expect(await command(list)).toContain('14155550100-14155550199');
  });

  test('3 and 4: the trunk signs, explain says what and why, and the carrier gets it', async () => {
    await apply(yaml[1] ?? '');
    const told = await command(explain);
    expect(told).toContain('attestation A: extension 101 of acme is authenticated');
    const [token, ...more] = await callOut('12125551234');
    expect(more).toEqual([]);
    expect(token?.claims).toMatchObject({ attest: 'A', orig: { tn: '14155550100' }, dest: { tn: ['12125551234'] } });
    expect(token?.verifies(acme)).toBe(true);
  });

  test('how the caller is shown: the hash of a picture is that of the guide, and what is signed is what was written', async () => {
    const shown = section('How the caller is shown');
    const digest = execFileSync('sh', ['-c', shown.sh[0] ?? ''], { cwd: repository.folder, encoding: 'utf8' }).trim();
    expect(digest).toBe(`sha256-${createHash('sha256').update(PICTURE).digest('base64')}`);
    await apply(shown.yaml[0] ?? '');
    const written = provisioned.tenants?.[0]?.richCallData;
    const [, rich] = await callOut('12125551235');
    expect(rich?.header['ppt']).toBe('rcd');
    expect(rich?.claims).toMatchObject({
      rcd: { nam: 'Acme Support', icn: written?.icon },
      rcdi: { '/icn': written?.iconDigest },
    });
    expect(rich?.verifies(acme)).toBe(true);
  });

  test('a certificate is replaced while calls go on', async () => {
    const [next = '', remove = ''] = section('Replacing a certificate').sh;
    await command(next);
    expect((await callOut('12125551236'))[0]?.verifies(acme2027)).toBe(true);
    for (const name of ['acme-stir', 'acme-2027'])
      expect((await fetch(`${engine.apiAddress}/stir/${name}.pem`)).status).toBe(200);
    await command(remove);
    expect((await callOut('12125551237'))[0]?.verifies(acme2027)).toBe(true);
    expect(await command(list)).not.toContain('acme-stir');
  });

  test('when it does not: without a certificate the call is refused, and everybody says why', async () => {
    await command('npx tandem certificates delete acme-2027');
    const call = (phones[0] as UdpPeer).call({
      uri: 'sip:12125551238@acme.example.com',
      from: '<sip:101@acme.example.com>',
    });
    expect(await call.final).toMatch(/^SIP\/2\.0 403 Call Cannot Be Signed\r\n/);
    expect(await engine.logged('call-not-signed')).toMatchObject({ level: 'warn' });
    expect(await command(explain)).toContain('neither tenant acme nor the system has a certificate');
  });
});
