import { describe, expect, test } from 'vitest';
import type { DnsPort, DnsRecord, DnsRecordType, DnsReply } from '../../../src/sip/locate/index.ts';
import { type LocatedTarget, Locator, type LocatorOptions } from '../../../src/sip/locate/index.ts';
import { LocateError } from '../../../src/sip/locate/locator.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

type SrvRow = [priority: number, weight: number, port: number, target: string];

class FakeDns implements DnsPort {
  readonly asked: string[] = [];
  readonly answers = new Map<string, DnsReply>();

  async query(name: string, type: DnsRecordType): Promise<DnsReply> {
    this.asked.push(`${type} ${name}`);
    return this.answers.get(`${type} ${name}`) ?? { status: 'answered', records: [] };
  }

  set(type: DnsRecordType, name: string, records: readonly DnsRecord[]): this {
    this.answers.set(`${type} ${name}`, { status: 'answered', records });
    return this;
  }

  a(name: string, ...addresses: string[]): this {
    return this.set(
      'A',
      name,
      addresses.map((address) => ({ type: 'A', name, ttlSeconds: 60, address })),
    );
  }

  srv(name: string, ...targets: SrvRow[]): this {
    return this.set(
      'SRV',
      name,
      targets.map(([priority, weight, port, target]) => ({
        type: 'SRV',
        name,
        ttlSeconds: 60,
        priority,
        weight,
        port,
        target,
      })),
    );
  }

  naptr(name: string, ...rules: [order: number, preference: number, services: string, target: string][]): this {
    return this.set(
      'NAPTR',
      name,
      rules.map(([order, preference, services, target]) => ({
        type: 'NAPTR',
        name,
        ttlSeconds: 60,
        order,
        preference,
        flags: 's',
        services,
        regexp: '',
        target,
      })),
    );
  }
}

function world(options: Partial<LocatorOptions> = {}) {
  const clock = new VirtualScheduler();
  const dns = new FakeDns();
  const locator = new Locator({ dns, clock, families: ['A'], ...options });
  return { clock, dns, locator };
}

const brief = (targets: readonly { transport: string; address: string; port: number }[]) =>
  targets.map(({ transport, address, port }) => `${transport} ${address} ${port}`);

describe('RFC 3263 §4.1 and §4.2: what needs no DNS', () => {
  test.each([
    [{ host: '192.0.2.1' }, ['udp 192.0.2.1 5060']],
    [{ host: '192.0.2.1', port: 5080 }, ['udp 192.0.2.1 5080']],
    [{ host: '192.0.2.1', transport: 'tcp' as const }, ['tcp 192.0.2.1 5060']],
    [{ host: '2001:db8::1', secure: true }, ['tls 2001:db8::1 5061']],
    [{ host: '192.0.2.1', transport: 'tls' as const }, ['tls 192.0.2.1 5061']],
  ])('%j is located at once as %j', (query, expected) => {
    const { locator, dns } = world();
    const targets = locator.locate(query);
    expect(targets).not.toBeInstanceOf(Promise);
    expect(brief(targets as never)).toEqual(expected);
    expect(dns.asked).toEqual([]);
  });

  test('a name of the hosts file needs no question', () => {
    const { locator, dns } = world({ hosts: new Map([['localhost', ['127.0.0.1']]]) });
    expect(brief(locator.locate({ host: 'LocalHost' }) as never)).toEqual(['udp 127.0.0.1 5060']);
    expect(dns.asked).toEqual([]);
  });

  test('an address leads where each query says, whatever was asked of it before', () => {
    const { locator } = world();
    const places = ['udp', 'tcp', 'udp'] as const;
    for (const [index, transport] of places.entries())
      for (const port of [5060, 5080 + index, 5060])
        expect(brief(locator.locate({ host: '192.0.2.1', port, transport }) as never)).toEqual([
          `${transport} 192.0.2.1 ${port}`,
        ]);
    expect(brief(locator.locate({ host: '192.0.2.1', secure: true }) as never)).toEqual(['tls 192.0.2.1 5061']);
    for (let index = 0; index < 3_000; index++)
      expect(brief(locator.locate({ host: `10.0.${index >> 8}.${index & 255}` }) as never)).toEqual([
        `udp 10.0.${index >> 8}.${index & 255} 5060`,
      ]);
  });
});

describe('an address that was asked for', () => {
  test('is found again at each of its ports and transports', () => {
    const { locator } = world();
    const queries = [5060, 5070, 5080].flatMap((port) =>
      (['udp', 'tcp', 'tls'] as const).map((transport) => ({ host: '192.0.2.1', port, transport })),
    );
    const located = queries.map((query) => locator.locate(query));
    for (const [index, query] of queries.entries()) expect(locator.locate(query)).toBe(located[index]);
  });

  test('is found again although thousands of others came before', () => {
    const { locator } = world();
    for (let index = 0; index < 3_000; index++) void locator.locate({ host: `10.0.${index >> 8}.${index & 255}` });
    expect(locator.locate({ host: '192.0.2.1' })).toBe(locator.locate({ host: '192.0.2.1' }));
  });
});

describe('RFC 3263 §4: names', () => {
  test('§4.2: with a port, the addresses are asked for and no SRV', async () => {
    const { locator, dns } = world();
    dns.a('sbc.example.com', '192.0.2.7', '192.0.2.8');
    const targets = await locator.locate({ host: 'SBC.example.com', port: 5070, transport: 'tcp' });
    expect(brief(targets)).toEqual(['tcp 192.0.2.7 5070', 'tcp 192.0.2.8 5070']);
    expect(dns.asked).toEqual(['A sbc.example.com']);
  });

  test('§4.1: NAPTR gives the transport by order and preference, SRV the targets by priority', async () => {
    const { locator, dns } = world();
    dns
      .naptr(
        'example.com',
        [90, 50, 'SIPS+D2T', '_sips._tcp.example.com'],
        [50, 50, 'SIP+D2U', '_sip._udp.example.com'],
        [40, 10, 'E2U+sip', 'x.example.com'],
      )
      .srv('_sip._udp.example.com', [20, 0, 5062, 'b.example.com'], [10, 0, 5061, 'a.example.com'])
      .a('a.example.com', '192.0.2.1')
      .a('b.example.com', '192.0.2.2');
    expect(brief(await locator.locate({ host: 'example.com' }))).toEqual(['udp 192.0.2.1 5061', 'udp 192.0.2.2 5062']);
  });

  test('§4.1: without NAPTR the SRV of each own transport is tried in order', async () => {
    const { locator, dns } = world({ transports: () => ['tls', 'tcp', 'udp'] });
    dns.srv('_sip._tcp.example.com', [1, 0, 5090, 'a.example.com']).a('a.example.com', '192.0.2.1');
    expect(brief(await locator.locate({ host: 'example.com' }))).toEqual(['tcp 192.0.2.1 5090']);
    expect(dns.asked.slice(0, 3)).toEqual([
      'NAPTR example.com',
      'SRV _sips._tcp.example.com',
      'SRV _sip._tcp.example.com',
    ]);
  });

  test('an SRV of port 0 leads to the usual port of its transport', async () => {
    const { locator, dns } = world();
    for (const name of ['_sip._udp.example.com', '_sips._tcp.example.com']) dns.srv(name, [1, 0, 0, 'a.example.com']);
    dns.a('a.example.com', '192.0.2.1');
    expect(brief(await locator.locate({ host: 'example.com', transport: 'udp' }))).toEqual(['udp 192.0.2.1 5060']);
    expect(brief(await locator.locate({ host: 'example.com', transport: 'tls' }))).toEqual(['tls 192.0.2.1 5061']);
  });

  test('§4.2: without SRV the name itself on the default port', async () => {
    const { locator, dns } = world();
    dns.a('plain.example.com', '192.0.2.9');
    expect(brief(await locator.locate({ host: 'plain.example.com' }))).toEqual(['udp 192.0.2.9 5060']);
    expect(brief(await locator.locate({ host: 'plain.example.com', transport: 'tls' }))).toEqual([
      'tls 192.0.2.9 5061',
    ]);
  });

  test('RFC 5922 §4: the name to check is the one that was asked for, not the SRV target', async () => {
    const { locator, dns } = world();
    dns.srv('_sips._tcp.example.com', [1, 0, 5061, 'edge7.cdn.example']).a('edge7.cdn.example', '192.0.2.1');
    const [target] = await locator.locate({ host: 'example.com', secure: true });
    expect(target?.serverName).toBe('example.com');
  });

  test('RFC 1034 §3.1: a name with its final dot is the name without it, to the DNS, the hosts file and certificates', async () => {
    const { locator, dns } = world({ hosts: new Map([['localhost', ['127.0.0.1']]]) });
    dns.srv('_sips._tcp.example.com', [1, 0, 5061, 'edge.example.com']).a('edge.example.com', '192.0.2.1');
    dns.a('hook.example', '192.0.2.2');
    expect(await locator.locate({ host: 'Example.com.', secure: true })).toEqual([
      { transport: 'tls', address: '192.0.2.1', port: 5061, serverName: 'example.com' },
    ]);
    expect(brief(await locator.locate({ host: 'hook.example.', port: 443 }))).toEqual(['udp 192.0.2.2 443']);
    expect(brief(locator.locate({ host: 'localhost.' }) as never)).toEqual(['udp 127.0.0.1 5060']);
  });

  test('RFC 2181 §5.4.1: what one name’s records bring along says nothing of another name', async () => {
    const { locator, dns } = world();
    const srv = { type: 'SRV', ttlSeconds: 60, priority: 0, weight: 0, port: 5060, target: 'sbc.example.com' } as const;
    const beside = { type: 'A', name: 'sbc.example.com', ttlSeconds: 86_400, address: '192.0.2.66' } as const;
    dns.a('sbc.example.com', '192.0.2.7');
    dns.set('SRV', '_sip._udp.other.example', [{ ...srv, name: '_sip._udp.other.example' }, beside]);
    expect(brief(await locator.locate({ host: 'other.example' }))).toEqual(['udp 192.0.2.7 5060']);
    expect(brief(await locator.locate({ host: 'sbc.example.com', port: 5060 }))).toEqual(['udp 192.0.2.7 5060']);
  });

  describe('RFC 1034 §5.3.3: an alias', () => {
    const alias = (name: string, target: string) => ({ type: 'CNAME', name, ttlSeconds: 60, target }) as const;

    test('whose address the reply leaves out is asked for, and so is the next one', async () => {
      const { locator, dns } = world();
      dns.srv('_sip._udp.example.com', [0, 0, 5060, 'sbc.example.com']);
      dns.set('A', 'sbc.example.com', [alias('sbc.example.com', 'edge.carrier.example')]);
      dns.set('A', 'edge.carrier.example', [alias('edge.carrier.example', 'one.carrier.example')]);
      dns.a('one.carrier.example', '192.0.2.9');
      expect(brief(await locator.locate({ host: 'example.com', transport: 'udp' }))).toEqual(['udp 192.0.2.9 5060']);
    });

    test('to a name that has none, as the reply says, is not asked for', async () => {
      const { locator, dns } = world();
      const records = [alias('sbc.example.com', 'edge.carrier.example')];
      dns.answers.set('A sbc.example.com', { status: 'answered', records, negativeTtlSeconds: 60 });
      await expect(locator.locate({ host: 'sbc.example.com', port: 5060 })).rejects.toThrow(LocateError);
      expect(dns.asked).toEqual(['A sbc.example.com']);
    });

    test('whose name cannot be asked for has failed, which is no name without addresses', async () => {
      const { locator, dns, clock } = world();
      dns.set('A', 'sbc.example.com', [alias('sbc.example.com', 'edge.carrier.example')]);
      dns.a('edge.carrier.example', '192.0.2.9');
      const query = { host: 'sbc.example.com', port: 5060 };
      await locator.locate(query);
      dns.answers.set('A edge.carrier.example', { status: 'failed', reason: 'no answer' });
      clock.advance(61_000);
      expect(brief(await locator.locate(query))).toEqual(['udp 192.0.2.9 5060']);
    });
  });

  test('RFC 2782: a lone "." means that the service is not there', async () => {
    const { locator, dns } = world({ transports: () => ['udp', 'tcp'] });
    dns.srv('_sip._udp.example.com', [0, 0, 0, '']).srv('_sip._tcp.example.com', [0, 0, 5060, 'a.example.com']);
    dns.a('a.example.com', '192.0.2.1');
    expect(brief(await locator.locate({ host: 'example.com' }))).toEqual(['tcp 192.0.2.1 5060']);
  });

  test('RFC 2782: within a priority, targets are drawn by weight', async () => {
    let draw = 0.99;
    const { locator, dns } = world({ random: () => draw });
    dns
      .srv('_sip._udp.example.com', [1, 10, 5060, 'light.example.com'], [1, 90, 5060, 'heavy.example.com'])
      .a('light.example.com', '192.0.2.1')
      .a('heavy.example.com', '192.0.2.2');
    const query = { host: 'example.com', transport: 'udp' } as const;
    expect(brief(await locator.locate(query))).toEqual(['udp 192.0.2.2 5060', 'udp 192.0.2.1 5060']);
    draw = 0.01;
    expect(brief(await locator.locate(query))).toEqual(['udp 192.0.2.1 5060', 'udp 192.0.2.2 5060']);
  });
});

describe('a trunk: its transport is settled, its domain may still say where', () => {
  const query = { host: 'example.com', transport: 'udp', naptr: true } as const;

  test('RFC 3263 §4.1: NAPTR for that transport names the SRV record; another transport is not taken', async () => {
    const { locator, dns } = world();
    dns
      .naptr('example.com', [1, 1, 'SIP+D2T', '_sip._tcp.example.com'], [2, 1, 'SIP+D2U', '_sip._udp.edge.example.com'])
      .srv('_sip._udp.edge.example.com', [1, 1, 5070, 'sbc.example.com'])
      .a('sbc.example.com', '192.0.2.1');
    expect(brief(await locator.locate(query))).toEqual(['udp 192.0.2.1 5070']);
  });

  test('without such a NAPTR record, or without an answer, the usual SRV record is asked for', async () => {
    const { locator, dns } = world();
    dns.answers.set('NAPTR example.com', { status: 'failed', reason: 'silent' });
    dns.srv('_sip._udp.example.com', [1, 1, 5070, 'sbc.example.com']).a('sbc.example.com', '192.0.2.1');
    expect(brief(await locator.locate(query))).toEqual(['udp 192.0.2.1 5070']);
  });
});

describe('answers live as long as their TTL', () => {
  test('but never shorter or longer than the bounds that are set', async () => {
    const { locator, dns, clock } = world({ ttl: { minSeconds: 5, maxSeconds: 30 } });
    const query = { host: 'sbc.example.com', port: 5060 };
    const set = (ttlSeconds: number) =>
      dns.set('A', 'sbc.example.com', [{ type: 'A', name: 'sbc.example.com', ttlSeconds, address: '192.0.2.7' }]);
    set(0);
    await locator.locate(query);
    clock.advance(4_900);
    expect(locator.locate(query)).not.toBeInstanceOf(Promise);
    set(86_400);
    clock.advance(200);
    await locator.locate(query);
    clock.advance(29_900);
    expect(locator.locate(query)).not.toBeInstanceOf(Promise);
    clock.advance(200);
    expect(locator.locate(query)).toBeInstanceOf(Promise);
  });

  test('a second look-up is at once and asks nothing; after the TTL it asks again and takes the new answer', async () => {
    const { locator, dns, clock } = world();
    dns.a('sbc.example.com', '192.0.2.7');
    const query = { host: 'sbc.example.com', port: 5060 };
    await locator.locate(query);
    expect(locator.locate(query)).not.toBeInstanceOf(Promise);
    expect(dns.asked).toHaveLength(1);
    dns.a('sbc.example.com', '192.0.2.99');
    clock.advance(61_000);
    expect(brief(await locator.locate(query))).toEqual(['udp 192.0.2.99 5060']);
  });

  test('RFC 8767: when the servers fall silent the last good answer is kept', async () => {
    const { locator, dns, clock } = world();
    dns.a('sbc.example.com', '192.0.2.7');
    const query = { host: 'sbc.example.com', port: 5060 };
    await locator.locate(query);
    dns.answers.set('A sbc.example.com', { status: 'failed', reason: 'no answer' });
    clock.advance(61_000);
    expect(brief(await locator.locate(query))).toEqual(['udp 192.0.2.7 5060']);
    expect(locator.locate(query)).not.toBeInstanceOf(Promise);
  });

  test('a name that does not exist is an error that says so, and is not asked for again at once', async () => {
    const { locator, dns } = world();
    const query = { host: 'nowhere.example.com', port: 5060 };
    await expect(locator.locate(query)).rejects.toThrow(LocateError);
    expect(() => locator.locate(query)).toThrow(/nowhere\.example\.com could not be located/);
    expect(dns.asked).toHaveLength(1);
  });

  test('servers that are silent from the start are named in the error and asked again soon', async () => {
    const { locator, dns, clock } = world();
    dns.answers.set('A sbc.example.com', { status: 'failed', reason: '192.0.2.53: no answer' });
    const query = { host: 'sbc.example.com', port: 5060 };
    await expect(locator.locate(query)).rejects.toThrow(/192\.0\.2\.53: no answer/);
    dns.a('sbc.example.com', '192.0.2.7');
    clock.advance(3100);
    expect(brief(await locator.locate(query))).toEqual(['udp 192.0.2.7 5060']);
  });
});

describe('hostile answers', () => {
  test('an alias loop ends as a name without an address', async () => {
    const { locator, dns } = world();
    dns.set('A', 'a.example.com', [
      { type: 'CNAME', name: 'a.example.com', ttlSeconds: 60, target: 'b.example.com' },
      { type: 'CNAME', name: 'b.example.com', ttlSeconds: 60, target: 'a.example.com' },
    ]);
    await expect(locator.locate({ host: 'a.example.com', port: 5060 })).rejects.toThrow(LocateError);
    for (let link = 0; link < 100; link++)
      dns.set('A', `${link}.example.com`, [
        { type: 'CNAME', name: `${link}.example.com`, ttlSeconds: 60, target: `${link + 1}.example.com` },
      ]);
    await expect(locator.locate({ host: '0.example.com', port: 5060 })).rejects.toThrow(LocateError);
    expect(dns.asked.length).toBeLessThan(12);
  });

  test('a thousand SRV records cost a bounded number of questions and targets', async () => {
    const { locator, dns } = world();
    dns.srv(
      '_sip._udp.example.com',
      ...Array.from(
        { length: 1000 },
        (_, index) => [1, 1, 5060, `t${index}.example.com`] as [number, number, number, string],
      ),
    );
    for (let index = 0; index < 1000; index++) dns.a(`t${index}.example.com`, `192.0.2.${index % 250}`);
    const targets = await locator.locate({ host: 'example.com', transport: 'udp' });
    expect(targets.length).toBeLessThanOrEqual(24);
    expect(dns.asked.length).toBeLessThan(60);
  });

  test('names that lead to one address and port are one target', async () => {
    const { locator, dns } = world();
    dns
      .srv('_sip._udp.example.com', [1, 1, 5060, 'a.example.com'], [2, 1, 5060, 'b.example.com'])
      .a('a.example.com', '192.0.2.7')
      .a('b.example.com', '192.0.2.7', '192.0.2.8');
    const targets = await locator.locate({ host: 'example.com', transport: 'udp' });
    expect(brief(targets)).toEqual(['udp 192.0.2.7 5060', 'udp 192.0.2.8 5060']);
  });

  test('a record that holds no address is passed over', async () => {
    const { locator, dns } = world();
    dns.a('sbc.example.com', 'not-an-address', '192.0.2.7');
    expect(brief(await locator.locate({ host: 'sbc.example.com', port: 5060 }))).toEqual(['udp 192.0.2.7 5060']);
  });
});

test('RFC 3263 §4.3: a target that failed is tried last until its time has passed', async () => {
  const { locator, dns, clock } = world();
  dns.a('sbc.example.com', '192.0.2.7', '192.0.2.8');
  dns.answers.set('A sbc.example.com', {
    status: 'answered',
    records: ['192.0.2.7', '192.0.2.8'].map((address) => ({
      type: 'A',
      name: 'sbc.example.com',
      ttlSeconds: 3600,
      address,
    })),
  });
  const query = { host: 'sbc.example.com', port: 5060 };
  const [first] = await locator.locate(query);
  locator.markFailed(first as never, '', 30_000);
  expect(brief(await locator.locate(query))).toEqual(['udp 192.0.2.8 5060', 'udp 192.0.2.7 5060']);
  clock.advance(31_000);
  expect(brief(await locator.locate(query))).toEqual(['udp 192.0.2.7 5060', 'udp 192.0.2.8 5060']);
  locator.markFailed(first as never, '', 30_000);
  locator.markAlive(first as never);
  expect(brief(await locator.locate(query))).toEqual(['udp 192.0.2.7 5060', 'udp 192.0.2.8 5060']);
});

test('what failed for one who tried it otherwise, or for another, is in its place for everybody else', async () => {
  const { locator, dns } = world();
  const addresses = ['192.0.2.7', '192.0.2.8'];
  const records = addresses.map((address) => ({
    type: 'A' as const,
    name: 'sbc.example.com',
    ttlSeconds: 60,
    address,
  }));
  dns.answers.set('A sbc.example.com', { status: 'answered', records });
  const query = { host: 'sbc.example.com', port: 5060 };
  const [first] = (await locator.locate({ ...query, way: 'globex' })) as [LocatedTarget];
  locator.markFailed(first, 'globex');
  const order = (way?: string) => brief(locator.locate({ ...query, ...(way !== undefined && { way }) }) as never);
  expect([order('globex')[0], order('acme')[0], order()[0]]).toEqual([
    'udp 192.0.2.8 5060',
    'udp 192.0.2.7 5060',
    'udp 192.0.2.7 5060',
  ]);
  locator.markAlive(first, 'acme');
  expect([locator.isFailed(first, 'globex'), locator.isFailed(first)]).toEqual([true, false]);
});

describe('what a look-up waits for', () => {
  const query = { host: 'example.com', transport: 'udp', naptr: true, owner: 'acme' } as const;

  /** A server that answers what was asked together together, and how much that was each time. */
  function inRounds(families: readonly ('A' | 'AAAA')[] = ['A']) {
    const dns = new FakeDns();
    const rounds: number[] = [];
    const waiting: (() => void)[] = [];
    const answerAll = () => {
      rounds.push(waiting.length);
      for (const answer of waiting.splice(0)) answer();
    };
    const silent = new Set<string>();
    const port: DnsPort = {
      query(name, type, owner) {
        expect(owner).toBe('acme');
        if (silent.has(name)) return new Promise(() => {});
        if (waiting.length === 0) setImmediate(answerAll);
        return new Promise((resolve) => waiting.push(() => resolve(dns.query(name, type))));
      },
    };
    const { locator, clock } = world({ dns: port, families });
    const locate = async () => {
      rounds.length = 0;
      const targets = await locator.locate(query);
      return { targets: targets.length, rounds: [...rounds] };
    };
    return { dns, silent, clock, locate };
  }

  function servedBy(dns: FakeDns, count: number): void {
    const targets = Array.from({ length: count }, (_, at) => `sbc${at}.example.com`);
    dns.srv('_sip._udp.example.com', ...targets.map((target): SrvRow => [1, 1, 5060, target]));
    for (const [at, target] of targets.entries()) dns.a(target, `192.0.2.${at + 1}`);
  }

  test('the addresses of all targets of a set, of both families, are asked for at once', async () => {
    const { dns, locate } = inRounds(['A', 'AAAA']);
    servedBy(dns, 8);
    expect(await locate()).toEqual({ targets: 8, rounds: [1, 1, 16] });
  });

  test('32 at one time', async () => {
    const { dns, locate } = inRounds(['A', 'AAAA']);
    servedBy(dns, 24);
    expect(await locate()).toEqual({ targets: 24, rounds: [1, 1, 32, 16] });
  });

  test('once answers are over all that they led to is asked for at once; what they lead to now, after that', async () => {
    const { dns, clock, locate } = inRounds();
    servedBy(dns, 8);
    await locate();
    clock.advance(61_000);
    expect(await locate()).toEqual({ targets: 8, rounds: [10] });
    clock.advance(61_000);
    servedBy(dns, 9);
    expect(await locate()).toEqual({ targets: 9, rounds: [10, 1] });
    clock.advance(61_000);
    dns.srv('_sip._udp.example.com');
    dns.a('example.com', '192.0.2.77');
    expect(await locate()).toEqual({ targets: 1, rounds: [11, 1] });
  });

  test('eight targets with both families are one round trip once answers are over', async () => {
    const { dns, clock, locate } = inRounds(['A', 'AAAA']);
    servedBy(dns, 8);
    await locate();
    clock.advance(61_000);
    expect(await locate()).toEqual({ targets: 8, rounds: [18] });
  });

  test('nobody waits for what only the last answer led to', async () => {
    const { dns, silent, clock, locate } = inRounds();
    dns.srv('_sip._udp.example.com', [1, 1, 5060, 'a.old.example']).a('a.old.example', '192.0.2.1');
    await locate();
    clock.advance(61_000);
    silent.add('a.old.example');
    dns.srv('_sip._udp.example.com', [1, 1, 5060, 'a.new.example']).a('a.new.example', '192.0.2.2');
    expect(await locate()).toEqual({ targets: 1, rounds: [2, 1] });
  });

  test('of a name alone both families are asked for at once', async () => {
    const { dns, locate } = inRounds(['A', 'AAAA']);
    dns.a('example.com', '192.0.2.77');
    expect(await locate()).toEqual({ targets: 1, rounds: [1, 1, 2] });
  });
});
