import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkProvisioning } from '../../../src/provisioning/check/provisioning.ts';
import { HOST_VARIABLES, MAPPED_FIELDS, USER_VARIABLES } from '../../../src/provisioning/trunk-settings/mappings.ts';
import { provisioningSchema, trunkSchema } from '../../../src/provisioning/trunk-settings/schema.ts';
import { parseWith } from '../../../src/settings/schema-problems.ts';
import { provision } from '../../trunks/kit.ts';

const accepts = (field: string, part: string, source: unknown) =>
  trunkSchema.safeParse({ name: 't', type: 'ip', outboundParameters: { [field]: { [part]: source } } }).success;

describe('every field × variable (guide "Configurable SIP Fields", "Variables")', () => {
  const parts = MAPPED_FIELDS.flatMap((field) => ['displayName', 'user', 'host'].map((part) => [field, part] as const));

  test.each(parts)('%s %s takes its variables and no others', (field, part) => {
    const named = field !== 'requestUri' && field !== 'contact';
    for (const variable of USER_VARIABLES)
      expect(accepts(field, part, variable)).toBe(part === 'user' || (part === 'displayName' && named));
    for (const variable of HOST_VARIABLES) expect(accepts(field, part, variable)).toBe(part === 'host');
    expect(accepts(field, part, { custom: '100' })).toBe(part !== 'host' && (part !== 'displayName' || named));
    expect(accepts(field, part, 'NoSuchVariable')).toBe(false);
  });

  test.each([
    'a.example.com',
    'a.example.com:5060',
    '192.0.2.1',
    '192.0.2.1:5060',
    '[2001:db8::1]',
    '[2001:db8::1]:5060',
    '2001:db8::1',
    '::ffff:192.0.2.1',
  ])('custom host %s is taken', (text) => {
    expect(accepts('from', 'host', { custom: text })).toBe(true);
  });

  test.each([
    '',
    'a b',
    'a@b',
    'a:b',
    'a:0',
    'a:70000',
    '2001:db8::1:x',
    '[2001:db8::1',
    'fe80::1%eth0',
    '[fe80::1%eth0]:5060',
    'a;x=1',
    'a>b',
    '1.2.3.400',
  ])('custom host %j is refused', (text) => {
    expect(accepts('from', 'host', { custom: text })).toBe(false);
  });

  test.each(['100', '+1(415)555', 'a%20b', 'a;b=c', '*67#'.replace('#', '')])('custom user %s is taken', (text) => {
    expect(accepts('from', 'user', { custom: text })).toBe(true);
  });

  test.each(['p-preferred-identity', 'P-PREFERRED-IDENTITY', 'P-Preferred-Identity'])(
    'removeHeaders takes the name of a header field in any case: %s',
    (name) => {
      const trunk = trunkSchema.parse({ name: 't', type: 'ip', outboundParameters: { removeHeaders: [name] } });
      expect(trunk.outboundParameters?.removeHeaders).toEqual(['P-Preferred-Identity']);
    },
  );

  test.each(['from', 'P-Preferred', '', 7, null, { toString: 1 }])('and no other: %j', (name) => {
    const trunk = { name: 't', type: 'ip', outboundParameters: { removeHeaders: [name] } };
    const problem = expect.objectContaining({ path: 'outboundParameters.removeHeaders[0]' });
    expect(parseWith(trunkSchema, trunk)).toEqual({ ok: false, problems: [problem], count: 1 });
  });

  test.each(['', 'a b', 'a@b', 'a"b', 'a<b', '100%', 'a%0db', 'a%0Ab', 'a%00', 'a%7f', 'ä', 'a#b'])(
    'custom user %j is refused',
    (text) => {
      expect(accepts('from', 'user', { custom: text })).toBe(false);
    },
  );

  test('kind 38: an IPv6 address is the same with and without brackets, wherever one is configured', () => {
    const read = (changes: object) => trunkSchema.parse({ name: 't', type: 'ip', ...changes });
    for (const host of ['2001:db8::7', '[2001:db8::7]']) {
      const trunk = read({
        host,
        outboundProxy: { host },
        associatedIps: [host, `${host}/64`],
        options: { anonymousHost: host },
        outboundParameters: { from: { host: { custom: host } } },
      });
      expect(trunk).toMatchObject({
        host: '2001:db8::7',
        outboundProxy: { host: '2001:db8::7' },
        associatedIps: ['2001:db8::7', '2001:db8::7/64'],
        options: { anonymousHost: '2001:db8::7' },
        outboundParameters: { from: { host: { custom: '[2001:db8::7]' } } },
      });
    }
    for (const host of ['fe80::1%eth0', '[fe80::1%eth0]'])
      expect(() => read({ host })).toThrow('must be a host name, an IPv4 address or an IPv6 address');
  });

  const removals = ['remove', 'Remove', 'REMOVE'].flatMap((custom) =>
    MAPPED_FIELDS.map((field) => [custom, field] as const),
  );
  test.each(removals)('the custom user "%s" drops %s only where the guide allows it', (custom, field) => {
    const state = provision({
      trunks: [
        {
          name: 't',
          type: 'ip',
          host: 'x.example.com',
          outboundParameters: { [field]: { user: { custom } } },
        },
      ],
    });
    const removable = ['pAssertedIdentity', 'pPreferredIdentity', 'pCalledPartyId'].includes(field);
    expect(checkProvisioning(state).map(({ code }) => code)).toEqual(removable ? [] : ['not-removable']);
  });
});

describe('nothing with a control character passes', () => {
  const valid = {
    tenants: [
      {
        name: 'acme',
        domain: 'acme.example.com',
        outboundCallerId: '1000',
        timeZone: 'UTC',
        emergencyNumbers: ['112'],
        dialCodes: { anonymous: '*67' },
        headers: { relay: { all: ['X-A'] }, add: [{ name: 'X-B', value: 'v' }] },
        extensions: [
          {
            number: '101',
            name: 'Alice',
            password: 'p',
            outboundCallerIds: [{ trunk: 'c', callerId: '1000', displayName: 'A' }],
            forward: { busy: '102' },
            trustedAddresses: ['192.0.2.1'],
          },
          { number: '102' },
        ],
        groups: [{ name: 'g', members: ['101'], dids: ['1000'] }],
        services: [{ kind: 'ring-group', number: '600', name: 'Desk', members: ['101'], overflow: '1000' }],
        outboundRules: [
          {
            name: 'r',
            match: { prefixes: ['9'], extensions: ['101-199'], groups: ['g'] },
            holidays: ['12-25'],
            routes: [{ trunk: 'c', prepend: '+' }],
          },
        ],
        inboundRules: [{ name: 'i', trunk: 'c', dids: '1000', callers: '44*', destination: { number: '1000' } }],
      },
    ],
    trunks: [
      {
        id: '1',
        name: 'c',
        type: 'register',
        owner: 'system',
        brand: 'generic',
        host: 'x.example.com',
        outboundProxy: { host: 'y.example.com' },
        associatedIps: ['192.0.2.0/24'],
        credentials: { authName: 'a', username: 'u', password: 'p', realm: 'r' },
        tls: { serverName: 'x.example.com' },
        options: { anonymousHost: 'anonymous.invalid' },
        addHeaders: [{ name: 'X-C', value: 'v' }],
        outboundParameters: {
          from: { displayName: { custom: 'A' }, user: { custom: 'u' }, host: { custom: 'h.example.com' } },
        },
        tenants: [{ tenant: 'acme', didPool: '1000' }],
      },
    ],
  };

  /** Every text in the state, as the path to it. */
  function texts(value: unknown, path: (string | number)[] = []): (string | number)[][] {
    if (typeof value === 'string') return [path];
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([key, child]) =>
      texts(child, [...path, Array.isArray(value) ? Number(key) : key]),
    );
  }

  function withText(path: readonly (string | number)[], change: (text: string) => string): unknown {
    const copy = structuredClone(valid) as unknown;
    let at = copy as Record<string | number, unknown>;
    for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
    const last = path[path.length - 1] ?? '';
    at[last] = change(String(at[last]));
    return copy;
  }

  const refused = (state: unknown): boolean => {
    const parsed = parseWith(provisioningSchema, state);
    return !parsed.ok || checkProvisioning(parsed.value).length > 0;
  };

  test('the state itself is fine', () => {
    expect(refused(valid)).toBe(false);
  });

  test('CR, LF, NUL, DEL, C1 and line separators are refused in every text, wherever they stand', () => {
    const paths = texts(valid);
    expect(paths.length).toBeGreaterThan(50);
    const controls = ['\r', '\n', '\r\nX-Evil: 1', '\u0000', '\u001f', '\u007f', '\u0085', '\u2028', '\ud800'];
    for (const path of paths) {
      for (const control of controls) {
        if (['kind', 'type'].includes(String(path.at(-1)))) continue;
        for (const place of [(text: string) => text + control, (text: string) => control + text]) {
          expect([path.join('.'), control, refused(withText(path, place))]).toEqual([path.join('.'), control, true]);
        }
      }
    }
  });

  test('any JSON is refused with problems or taken, never thrown at', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const parsed = parseWith(provisioningSchema, value);
        if (!parsed.ok) for (const problem of parsed.problems) expect(problem.message).not.toBe('');
      }),
    );
  });
});
