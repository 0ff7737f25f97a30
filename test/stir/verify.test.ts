import { createPublicKey, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { importSPKI, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { signerOf } from '../../src/stir/chain.ts';
import { canonicalJson } from '../../src/stir/passport.ts';
import type { Icon } from '../../src/stir/rich-call-data.ts';
import { certificatesIn, type Trust } from '../../src/stir/trust.ts';
import { type SignalledCall, type Verdict, Verifier } from '../../src/stir/verify.ts';
import { claimConstraintsDer, type StirCertificate, stirWorld } from '../kit/stir/authority.ts';
import { signToken } from '../kit/stir/token.ts';
import { leastCpuMs } from '../kit/thread-cpu.ts';

const NOW_SECONDS = Math.floor(Date.now() / 1000);
const CALLER = '14155550100';
const CALLED = '12155550131';
const X5U = 'https://certs.example/leaf.pem';
const validity = {
  notBefore: new Date((NOW_SECONDS - 86_400) * 1000),
  notAfter: new Date((NOW_SECONDS + 86_400) * 1000),
};
const world = stirWorld();
const trust: Trust = { anchors: [new X509Certificate(world.root.pem)], revocationLists: [] };
const leaf = world.leaf([{ spc: '1234' }], validity);

/** What is served where. */
const served = new Map<string, StirCertificate>([
  [X5U, leaf],
  ['https://certs.example/range.pem', world.leaf([{ start: CALLER, count: 10 }], validity)],
  ['https://certs.example/other.pem', world.leaf([{ one: '442071234567' }], validity)],
  [
    'https://certs.example/old.pem',
    world.leaf([{ spc: '1234' }], { ...validity, notAfter: new Date((NOW_SECONDS - 1) * 1000) }),
  ],
  [
    'https://certs.example/new.pem',
    world.leaf([{ spc: '1234' }], { ...validity, notBefore: new Date((NOW_SECONDS + 61) * 1000) }),
  ],
]);
const asked: string[] = [];
/** What is wrong with the icon at a URL; asked for is noted. */
const icons = new Map<string, string | undefined | Promise<string | undefined>>();
const seen: string[] = [];
const shownBy = {
  icons: {
    fault: ({ url, digest }: Icon, _tenant: string, withinMs: number) => {
      seen.push(`${url} ${digest} ${withinMs}`);
      return icons.get(url);
    },
  },
  timeoutMs: () => 2000,
};
const ports: ConstructorParameters<typeof Verifier>[0] = {
  ...shownBy,
  wallMs: () => NOW_SECONDS * 1000,
  repository: {
    signer: ({ href }) => {
      asked.push(href);
      const certificate = served.get(href);
      if (certificate === undefined) return { status: 436, reason: 'the answer is 404' };
      const signer = signerOf(certificatesIn(Buffer.from(certificate.chainPem)), trust);
      return typeof signer === 'string' ? { status: 437, reason: signer } : signer;
    },
  },
};
const verifier = new Verifier(ports);

const HEADER = { alg: 'ES256', ppt: 'shaken', typ: 'passport', x5u: X5U };
const CLAIMS = {
  attest: 'A',
  dest: { tn: [CALLED] },
  iat: NOW_SECONDS,
  orig: { tn: CALLER },
  origid: '123e4567-e89b-12d3-a456-426655440000',
};

function identity(header: object = {}, claims: object = {}, key = leaf.privateKey, info?: string): string {
  const full = { ...HEADER, ...header } as { x5u: string; ppt?: string };
  const ppt = full.ppt === undefined ? '' : `;ppt=${full.ppt}`;
  return `${signToken(full, { ...CLAIMS, ...claims }, key)};info=<${info ?? full.x5u}>;alg=ES256${ppt}`;
}

function div(from: string, to: string, more: object = {}, header: object = {}): string {
  const { attest: _, origid: __, ...claims } = CLAIMS;
  return `${signToken({ ...HEADER, ppt: 'div', ...header }, { ...claims, dest: { tn: [to] }, div: { tn: from }, ...more }, leaf.privateKey)};info=<${X5U}>;ppt=div`;
}

const call = (identities: readonly string[], more: Partial<SignalledCall> = {}): SignalledCall => ({
  tenant: 'acme',
  identities,
  callers: [CALLER],
  called: [CALLED],
  compact: {
    iatSeconds: NOW_SECONDS,
    claims: (iat) => canonicalJson({ dest: { tn: [CALLED] }, iat, orig: { tn: CALLER } }),
  },
  ...more,
});
const judge = (identities: readonly string[], more: Partial<SignalledCall> = {}) =>
  verifier.verify(call(identities, more)) as Verdict;

test('RFC 8588 §5: a call that is signed for its caller and its called number passes, with its attestation', () => {
  expect(judge([identity()])).toMatchObject({
    result: 'passed',
    attestation: 'A',
    origId: CLAIMS.origid,
    orig: CALLER,
    signer: 'CN=SHAKEN 1234',
    divertedFrom: [],
  });
  expect(judge([identity({}, { attest: 'C' })])).toMatchObject({ result: 'passed', attestation: 'C' });
});

test('jose reads what passes alike', async () => {
  const [token = ''] = identity().split(';');
  const key = await importSPKI(leaf.publicKey.export({ type: 'spki', format: 'pem' }) as string, 'ES256');
  const { payload } = await jwtVerify(token, key, { currentDate: new Date(NOW_SECONDS * 1000) });
  expect(payload).toEqual(CLAIMS);
});

test('a call without an Identity field is neither passed nor failed', () => {
  expect(judge([])).toMatchObject({ result: 'none', failure: undefined });
});

test('RFC 8225 §7: compact form is put together from the request; a ppt has none', () => {
  const claims = { dest: { tn: [CALLED] }, iat: NOW_SECONDS, orig: { tn: CALLER } };
  const [token = ''] = signToken({ alg: 'ES256', typ: 'passport', x5u: X5U }, claims, leaf.privateKey).split(';');
  const compact = `..${token.split('.')[2]};info=<${X5U}>;alg=ES256`;
  expect(judge([compact])).toMatchObject({ result: 'passed', attestation: undefined, orig: CALLER });
  expect(judge([compact], { callers: ['14155550199'] })).toMatchObject({ result: 'failed' });
  expect(judge([`${compact};ppt=shaken`])).toMatchObject({ failure: { status: 438 } });
});

describe('each failure has its code (RFC 8224 §6.2.2)', () => {
  const P384 = world.leaf([{ spc: '1234' }], { ...validity, curve: 'P-384' });
  served.set('https://certs.example/p384.pem', P384);
  served.set('https://certs.example/untrusted.pem', stirWorld().leaf([{ spc: '1234' }], validity));
  served.set('https://certs.example/nolist.pem', world.intermediate.issue(validity));
  const secret = leaf.publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const at = (x5u: string) => identity({ x5u }, {}, served.get(x5u)?.privateKey);

  test.each<[string, string, number, string]>([
    ['a signature of somebody else', identity({}, {}, stirWorld().root.privateKey), 438, 'signature is wrong'],
    ['alg none', identity({ alg: 'none' }), 438, 'alg "none"'],
    [
      'HS256 with the public key, and its info',
      `${signToken({ ...HEADER, alg: 'HS256' }, CLAIMS, secret)};info=<${X5U}>`,
      438,
      'alg "HS256"',
    ],
    ['ES384', identity({ alg: 'ES384' }), 438, 'alg "ES384"'],
    ['another alg in the field', identity().replace('alg=ES256', 'alg=RS256'), 438, 'alg RS256'],
    ['another typ', identity({ typ: 'JWT' }), 438, 'typ "JWT"'],
    ['crit', identity({ crit: ['x'] }), 438, 'crit'],
    ['another ppt in the token', identity().replace('ppt=shaken', 'ppt=div'), 438, 'ppt of the field'],
    ['a ppt that nobody knows', identity({ ppt: 'zz' }), 438, 'ppt that is known'],
    ['iat as text', identity({}, { iat: String(NOW_SECONDS) }), 438, 'iat is not'],
    ['iat with a fraction', identity({}, { iat: NOW_SECONDS + 0.5 }), 438, 'iat is not'],
    ['iat in the past', identity({}, { iat: NOW_SECONDS - 61 }), 403, '61 s ago'],
    ['iat in the future', identity({}, { iat: NOW_SECONDS + 61 }), 403, '61 s from now'],
    ['another caller', identity({}, { orig: { tn: '14155550101' } }), 438, '14155550100 calls'],
    ['another called number', identity({}, { dest: { tn: ['12155550132'] } }), 438, '12155550131 is called'],
    ['orig as a list', identity({}, { orig: { tn: [CALLER] } }), 438, 'orig is not'],
    ['dest as text', identity({}, { dest: { tn: CALLED } }), 438, 'dest is not'],
    ['dest without anybody', identity({}, { dest: { tn: [] } }), 438, 'dest is not'],
    ['no dest', identity({}, { dest: undefined }), 438, 'dest is not'],
    ['attestation D', identity({}, { attest: 'D' }), 438, 'attest is "D"'],
    ['no origid', identity({}, { origid: undefined }), 438, 'no origid'],
    ['another info', identity({}, {}, leaf.privateKey, 'https://certs.example/other.pem'), 436, 'info of the field'],
    ['x5u by http', identity({ x5u: 'http://certs.example/a.pem' }), 436, 'not with https:'],
    ['x5u of a file', identity({ x5u: 'file:///etc/passwd' }), 436, 'not with https:'],
    ['x5u with userinfo', identity({ x5u: 'https://a:b@certs.example/a.pem' }), 436, 'userinfo'],
    ['x5u with a query', identity({ x5u: 'https://certs.example/a.pem?b' }), 436, 'query'],
    ['x5u on another port', identity({ x5u: 'https://certs.example:444/a.pem' }), 436, 'port 444'],
    ['a certificate that is not there', identity({ x5u: 'https://certs.example/none.pem' }), 436, '404'],
    ['a certificate of P-384', at('https://certs.example/p384.pem'), 437, 'P-256'],
    ['an authority that nobody trusts', at('https://certs.example/untrusted.pem'), 437, 'none of the trust anchors'],
    ['no TNAuthList', at('https://certs.example/nolist.pem'), 437, 'no TNAuthList'],
    ['other numbers', at('https://certs.example/other.pem'), 437, 'does not speak for 14155550100'],
    ['an expired certificate', at('https://certs.example/old.pem'), 437, 'has expired'],
    ['a certificate of tomorrow', at('https://certs.example/new.pem'), 437, 'not valid yet'],
    ['a token of 64 KB', identity({}, { x: 'y'.repeat(65_536) }), 438, 'longer than'],
    [
      'members twice',
      `${signText('{"alg":"ES256","ppt":"shaken","typ":"passport","typ":"passport","x5u":"https://certs.example/leaf.pem"}')};info=<${X5U}>`,
      438,
      '"typ" twice',
    ],
  ])('%s', (_name, value, status, reason) => {
    expect(judge([value])).toMatchObject({
      result: 'failed',
      failure: { status, reason: expect.stringContaining(reason) },
    });
  });

  test('433: nobody calls', () => {
    expect(judge([identity()], { callers: [] })).toMatchObject({ failure: { status: 433 } });
  });

  test('what fails for what it says is not fetched for', () => {
    asked.length = 0;
    judge([identity({}, { iat: 1 })]);
    judge([identity({}, { orig: { tn: '1' } })]);
    judge([identity({ x5u: 'https://certs.example:22/a.pem' })]);
    expect(asked).toEqual([]);
  });
});

function signText(header: string): string {
  const [, claims] = signToken(HEADER, CLAIMS, leaf.privateKey).split('.');
  return `${Buffer.from(header).toString('base64url')}.${claims}.AAAA`;
}

describe('RFC 8946 §4.2: calls that were sent on', () => {
  const NUMBERS = ['12155550131', '12155550140', '12155550150', '12155550160', '12155550170', '12155550180'];
  const chain = NUMBERS.slice(1).map((to, index) => div(NUMBERS[index] as string, to));
  const last = NUMBERS.at(-1) as string;

  test('five times, the fields in any order', () => {
    const fields = [identity(), ...chain];
    for (const order of [fields, fields.toReversed()]) {
      expect(judge(order, { called: [last] })).toMatchObject({
        result: 'passed',
        attestation: 'A',
        divertedFrom: NUMBERS.slice(0, -1),
      });
    }
  });

  test.each<[string, readonly string[]]>([
    ['a link is missing', [identity(), ...chain.slice(0, 2), ...chain.slice(3)]],
    ['nothing was signed first', chain],
    [
      'another caller in one of them',
      [identity(), ...chain.slice(0, 4), div(NUMBERS[4] as string, last, { orig: { tn: '1' } })],
    ],
    [
      'opt, which is for another form',
      [identity(), ...chain.slice(0, 4), div(NUMBERS[4] as string, last, { opt: 'x' })],
    ],
    ['a chain that leads back to itself', [identity(), div(last, last)]],
  ])('refused: %s', (_name, fields) => {
    expect(judge(fields, { called: [last] })).toMatchObject({ result: 'failed', failure: { status: 438 } });
  });

  test('the latest has to be fresh; what was signed before a phone rang may be ten minutes old', () => {
    const old = identity({}, { iat: NOW_SECONDS - 300 });
    const [first, second] = ['12155550131', '12155550140'] as const;
    expect(judge([old, div(first, second)], { called: [second] })).toMatchObject({ result: 'passed' });
    expect(judge([old, div(first, second, { iat: NOW_SECONDS - 61 })], { called: [second] })).toMatchObject({
      failure: { status: 403 },
    });
    const older = identity({}, { iat: NOW_SECONDS - 601 });
    expect(judge([older, div(first, second)], { called: [second] })).toMatchObject({ failure: { status: 403 } });
  });

  test('who sends on speaks for the number that was called', () => {
    const x5u = 'https://certs.example/range.pem';
    const key = served.get(x5u)?.privateKey as typeof leaf.privateKey;
    const own = signToken(
      { ...HEADER, ppt: 'div', x5u },
      { dest: { tn: ['12155550140'] }, div: { tn: CALLED }, iat: NOW_SECONDS, orig: { tn: CALLER } },
      key,
    );
    expect(judge([identity(), `${own};info=<${x5u}>;ppt=div`], { called: ['12155550140'] })).toMatchObject({
      failure: { status: 437, reason: expect.stringContaining(`does not speak for ${CALLED}`) },
    });
  });

  test('fifteen tokens that all lead to each other cost no more than fifteen looks', () => {
    const fields = Array.from({ length: 15 }, (_, index) => div('1', '1', { jti: index }));
    // Each look is the first one of a verifier.
    const look = () =>
      expect(new Verifier(ports).verify(call([identity(), ...fields], { called: ['1'] }))).toMatchObject({
        result: 'failed',
      });
    expect(leastCpuMs(1000, look)).toBeLessThan(1000);
  });
});

describe('RFC 8224 §6.2.1: several fields', () => {
  const good = identity();
  const bad = identity({}, { attest: 'Z' });

  test('one that passes will do, wherever it stands', () => {
    for (const fields of [
      [bad, good],
      [good, bad],
      [good, good],
      [identity({ ppt: 'zz' }), good],
    ])
      expect(judge(fields)).toMatchObject({ result: 'passed', attestation: 'A' });
    expect(judge([`${bad}, ${good}`])).toMatchObject({ result: 'passed' });
  });

  test('ten of them', () => {
    expect(judge([...Array.from({ length: 9 }, () => bad), good])).toMatchObject({ result: 'passed' });
    expect(judge(Array.from({ length: 10 }, () => bad))).toMatchObject({ failure: { status: 438 } });
  });

  test('more than sixteen are not looked at', () => {
    asked.length = 0;
    expect(judge(Array.from({ length: 17 }, () => good))).toMatchObject({ failure: { status: 438 } });
    expect(judge(Array.from({ length: 5000 }, () => good))).toMatchObject({ failure: { status: 438 } });
    expect(asked).toEqual([]);
  });
});

test('any octet of a token changed is refused, by jose too', async () => {
  const [token = '', ...rest] = identity().split(';');
  const key = createPublicKey(leaf.publicKey.export({ type: 'spki', format: 'pem' }));
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: token.length - 1 }),
      fc.constantFrom(...'ABCxyz019-_'),
      async (at, letter) => {
        fc.pre(token[at] !== letter && token[at] !== '.');
        const changed = token.slice(0, at) + letter + token.slice(at + 1);
        expect(judge([[changed, ...rest].join(';')]).result).toBe('failed');
        // The bits behind the last octet of a part say nothing; jose does not look at them.
        if (
          Buffer.from(changed.split('.')[2] ?? '', 'base64url').equals(
            Buffer.from(token.split('.')[2] ?? '', 'base64url'),
          ) &&
          changed.split('.')[2] !== token.split('.')[2]
        )
          return;
        await expect(jwtVerify(changed, key, { currentDate: new Date(NOW_SECONDS * 1000) })).rejects.toThrow();
      },
    ),
    { numRuns: 200 },
  );
});

test('what has to be waited for is waited for once, all of it together', async () => {
  const waiting = new Map<string, (value: ReturnType<typeof signerOf>) => void>();
  const late = new Verifier({
    ...shownBy,
    wallMs: () => NOW_SECONDS * 1000,
    repository: {
      signer: ({ href }) => new Promise((resolve) => waiting.set(href, resolve as never)),
    },
  });
  const other = 'https://certs.example/range.pem';
  const verdict = late.verify(call([identity(), identity({ x5u: other })]));
  expect(verdict).toBeInstanceOf(Promise);
  expect([...waiting.keys()]).toEqual([X5U, other]);
  for (const resolve of waiting.values()) resolve(signerOf(certificatesIn(Buffer.from(leaf.chainPem)), trust));
  expect(await verdict).toMatchObject({ result: 'passed' });
});

describe('RFC 9795: rich call data', () => {
  const DIGEST = `sha256-${Buffer.alloc(32, 7).toString('base64')}`;
  const ICON = 'https://img.example/acme.png';
  const rich = (claims: object = {}, header: object = {}) => {
    const { attest: _, origid: __, ...parties } = CLAIMS;
    const full = { ...HEADER, ppt: 'rcd', ...header };
    const all = { ...parties, rcd: { nam: 'Acme', icn: ICON }, rcdi: { '/icn': DIGEST }, ...claims };
    return `${signToken(full, all, leaf.privateKey)};info=<${full.x5u}>;ppt=rcd`;
  };
  const shown = { name: 'Acme', icon: { url: ICON, digest: DIGEST }, reason: undefined, signer: 'CN=SHAKEN 1234' };

  test('in a token beside the one that attests, or inside of that: name, icon and reason are told with who says so', () => {
    expect(judge([identity(), rich()])).toMatchObject({ result: 'passed', attestation: 'A', shown });
    expect(judge([rich({ crn: 'Your order' }), identity()])).toMatchObject({
      attestation: 'A',
      shown: { ...shown, reason: 'Your order' },
    });
    const inside = identity({}, { rcd: { nam: 'Acme', icn: ICON }, rcdi: { '/icn': DIGEST }, crn: 'Order 5' });
    expect(judge([inside])).toMatchObject({ attestation: 'A', shown: { ...shown, reason: 'Order 5' } });
    expect(judge([identity()]).shown).toBeUndefined();
  });

  test('alone it proves the number, and attests nothing', () => {
    expect(judge([rich()])).toMatchObject({ result: 'passed', attestation: undefined, orig: CALLER, shown });
  });

  test.each<[string, string, string]>([
    ['of another caller', rich({ orig: { tn: '14155550101' } }), '438'],
    ['of yesterday', rich({ iat: NOW_SECONDS - 86_400 }), '403'],
    ['by a certificate for other numbers', rich({}, { x5u: 'https://certs.example/other.pem' }), '437'],
    ['with a changed claim', rich().replace(/\.(.)/, (_, letter) => `.${letter === 'e' ? 'f' : 'e'}`), '438'],
    ['without a name', rich({ rcd: { icn: ICON } }), '438'],
    ['with rcd of another kind', rich({ rcd: 'Acme' }), '438'],
    ['without rcd', rich({ rcd: undefined }), '438'],
  ])('what does not verify is not shown, and the call passes by its other token: %s', (_name, token, status) => {
    seen.length = 0;
    const verdict = judge([identity(), token]);
    expect(verdict).toMatchObject({ result: 'passed', attestation: 'A', shown: undefined });
    expect(verdict.findings.join('\n')).toContain(`${status}: `);
    expect(seen).toEqual([]);
  });

  test('rcd that cannot be read inside of a token that attests costs the call nothing', () => {
    const verdict = judge([identity({}, { rcd: ['Acme'] })]);
    expect(verdict).toMatchObject({ result: 'passed', attestation: 'A', shown: undefined });
    expect(verdict.findings).toContain('rich call data is not shown: rcd is no object');
  });

  test('an icon is shown only when what is there is what was signed; the time that is left is waited for it', async () => {
    icons.set(ICON, 'the icon is another one');
    seen.length = 0;
    expect(judge([identity(), rich()])).toMatchObject({
      result: 'passed',
      shown: { name: 'Acme', icon: undefined },
      findings: expect.arrayContaining(['not shown: the icon is another one']),
    });
    expect(seen).toEqual([`${ICON} ${DIGEST} 2000`]);
    icons.set(ICON, Promise.resolve('the icon cannot be fetched'));
    expect(await verifier.verify(call([identity(), rich()]))).toMatchObject({ shown: { icon: undefined } });
    icons.set(ICON, Promise.resolve(undefined));
    expect(await verifier.verify(call([identity(), rich()]))).toMatchObject({ result: 'passed', shown });
    icons.delete(ICON);
  });

  test('a certificate that must say how its caller is shown signs nothing else, and only what it permits', () => {
    const permitted = claimConstraintsDer({
      mustInclude: ['rcd'],
      permittedValues: { rcd: ['{"nam":"Acme","icn":"https://img.example/acme.png"}'] },
    });
    const x5u = 'https://certs.example/branded.pem';
    const extensions = [{ oid: '1.3.6.1.5.5.7.1.27', der: permitted }];
    const branded = world.leaf([{ one: CALLER }], { ...validity, commonName: 'Acme', extensions });
    served.set(x5u, branded);
    const by = (claims: object) => {
      const token = signToken({ ...HEADER, ppt: 'rcd', x5u }, { ...CLAIMS, ...claims }, branded.privateKey);
      return `${token};info=<${x5u}>;ppt=rcd`;
    };
    const rcdi = { '/icn': DIGEST };
    expect(judge([by({ rcd: { nam: 'Acme', icn: ICON }, rcdi })])).toMatchObject({
      shown: { name: 'Acme', signer: 'CN=Acme' },
    });
    expect(judge([by({ rcd: { nam: 'Acme Bank', icn: ICON }, rcdi })])).toMatchObject({
      failure: { status: 437, reason: 'CN=Acme does not allow this value of the claim rcd' },
    });
    expect(judge([identity({ x5u }, {}, branded.privateKey)])).toMatchObject({
      failure: { status: 437, reason: 'CN=Acme asks for the claim rcd' },
    });
  });
});

describe('RFC 8946 §5: div-o, which holds the token that it goes back to', () => {
  const [second, third] = ['12155550140', '12155550150'];
  const bare = (value: string) => value.split(';')[0] as string;
  const around = (from: string, to: string, opt: unknown) =>
    div(from, to, { opt }, { ppt: 'div-o' }).replace('ppt=div', 'ppt=div-o');

  test('what is inside counts as if it stood beside it, once and twice', () => {
    const once = around(CALLED, second as string, bare(identity()));
    expect(judge([once], { called: [second as string] })).toMatchObject({
      result: 'passed',
      attestation: 'A',
      divertedFrom: [CALLED],
    });
    const twice = around(second as string, third as string, bare(once));
    expect(judge([twice], { called: [third as string] })).toMatchObject({
      attestation: 'A',
      divertedFrom: [CALLED, second],
    });
    // Sent on by one who adds div beside it (RFC 8946 §4).
    expect(judge([once, div(second as string, third as string)], { called: [third as string] })).toMatchObject({
      result: 'passed',
      divertedFrom: [CALLED, second],
    });
  });

  test.each<[string, unknown]>([
    ['nothing inside', undefined],
    ['a number inside', 5],
    ['no token', 'hello'],
    ['compact form, which has no claims', `..${bare(identity()).split('.')[2]}`],
    ['a token of somebody else', bare(identity({}, {}, stirWorld().root.privateKey))],
    ['a token to another number', bare(identity({}, { dest: { tn: ['12155550199'] } }))],
    ['a token of another caller', bare(identity({}, { orig: { tn: '12155550199' } }))],
    ['64 KB', 'x'.repeat(65_536)],
    ['two tokens', `${bare(identity())}, ${bare(identity())}`],
  ])('refused: %s', (_name, opt) => {
    expect(judge([around(CALLED, second as string, opt)], { called: [second as string] })).toMatchObject({
      result: 'failed',
      failure: { status: 438 },
    });
  });

  test('in one another deeper than a field is long: refused, and looked at once each', () => {
    let token = bare(identity());
    for (let depth = 0; depth < 12; depth++) token = bare(around(CALLED, CALLED, token));
    expect(judge([`${token};info=<${X5U}>;ppt=div-o`])).toMatchObject({ result: 'failed' });
  });
});
