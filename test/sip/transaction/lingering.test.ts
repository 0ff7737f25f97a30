import { describe, expect, test, vi } from 'vitest';
import { Shelf } from '../../../src/base/shelf.ts';
import { HeaderId, type SipRequest } from '../../../src/sip/message/index.ts';
import { TransactionCounters } from '../../../src/sip/transaction/counters.ts';
import type { ClientTransaction, ClientTransactionUser } from '../../../src/sip/transaction/index.ts';
import { LingeringRequests } from '../../../src/sip/transaction/lingering.ts';
import { DEFAULT_TIMERS } from '../../../src/sip/transaction/timers.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { makeInvite, makeRequest, RecordingChannel, World } from './fixture.ts';

describe('what has its final response', () => {
  test.each(['BYE', 'MESSAGE'])(
    '§17.2.2: a copy of a %s gets the same answer for 64*T1, and nobody is asked',
    (method) => {
      const world = new World();
      world.receive(makeRequest(method));
      world.server.reply(200);
      const [first] = world.channel.sent;
      world.scheduler.advance(31_999);
      world.receive(makeRequest(method));
      expect(world.channel.sent.map(({ text }) => text)).toEqual([first?.text, first?.text]);
      expect(world.requests).toHaveLength(1);
      expect(world.layer.counters).toMatchObject({ retransmissionsReceived: 1, retransmissionsSent: 1 });
      world.scheduler.advance(1);
      expect(world.isClean()).toBe(true);
    },
  );

  test.each(['OPTIONS', 'INFO', 'UPDATE', 'MESSAGE', 'NOTIFY', 'SUBSCRIBE', 'REFER', 'PRACK', 'REGISTER'])(
    'a %s over UDP takes nothing of the heap from its answer on, given at once or later, and its user has the request still',
    (method) => {
      const world = new World({ maxServerOctets: 10_000_000 });
      for (let index = 0; index < 100; index++) {
        world.receive(makeRequest(method, { branch: `z9hG4bK${index}`, callId: `${index}`, toTag: 'x' }));
        if (index % 2 === 0) world.server.reply(200);
      }
      expect(world.layer.fill.memory).toBeGreaterThan(0);
      world.scheduler.advance(1_000);
      for (const [index, transaction] of world.requests.entries()) {
        if (index % 2 === 1) transaction.reply(488);
        transaction.reply(500);
        expect(transaction.request.callId()).toBe(`${index}`);
      }
      expect(world.layer.fill.memory).toBe(0);
      expect(world.layer.serverCount).toBe(100);
      expect(world.channel.kinds).toEqual([...new Array(50).fill('200'), ...new Array(50).fill('488')]);
      expect(world.layer.counters.lateResponses).toBe(100);
      world.scheduler.runUntilIdle();
      expect(world.isClean()).toBe(true);
    },
  );

  test('of a CANCEL nothing is left in the heap either', () => {
    const world = new World({ maxServerOctets: 10_000_000 });
    world.receive(makeInvite());
    world.server.reply(200);
    world.server.release();
    world.receive(makeRequest('CANCEL'));
    world.receive(makeRequest('CANCEL'));
    expect([world.channel.kinds, world.layer.fill.memory]).toEqual([['200', '200', '200'], 0]);
  });

  test('§17.2.3: an RFC 2543 peer reuses its keys, so the machine stays, as the one that tells its To tag', () => {
    const world = new World({ maxServerOctets: 10_000_000 });
    world.receive(makeRequest('INFO', { branch: 'old', toTag: 'x' }));
    world.server.reply(200);
    expect(world.layer.fill.memory).toBeGreaterThan(0);
    world.receive(makeRequest('INFO', { branch: 'old', toTag: 'x' }));
    expect([world.requests.length, world.channel.kinds]).toEqual([1, ['200', '200']]);
    world.scheduler.runUntilIdle();
    expect(world.isClean()).toBe(true);
  });

  test('RFC 4320 §4.2: the copy of a request that was to be answered 408 gets nothing', () => {
    const world = new World();
    world.receive(makeRequest('INFO'));
    world.server.reply(408);
    world.receive(makeRequest('INFO'));
    expect(world.channel.sent).toEqual([]);
  });

  test('§17.2.3: it is told from requests of the same branch by method and sent-by', () => {
    const world = new World();
    world.receive(makeRequest('INFO'));
    world.server.reply(200);
    world.receive(makeRequest('MESSAGE'));
    world.receive(makeRequest('INFO', { host: 'elsewhere.example.com', callId: 'another' }));
    expect(world.requests).toHaveLength(3);
    for (const request of world.requests) request.reply(200);
    world.scheduler.runUntilIdle();
    expect(world.isClean()).toBe(true);
  });

  test.each([314_159, 4_294_967_295])(
    '§8.2.2.2: the same INVITE by another way is merged for as long as it lingers (CSeq %i)',
    (sequence) => {
      const world = new World();
      world.receive(makeInvite({ sequence }));
      world.server.reply(200);
      world.server.release();
      world.receive(makeInvite({ branch: 'z9hG4bKanother', sequence }));
      expect(world.channel.kinds).toEqual(['200', '482']);
      world.scheduler.runUntilIdle();
      world.receive(makeInvite({ branch: 'z9hG4bKanother', sequence }));
      expect(world.requests).toHaveLength(2);
    },
  );

  test('§8.2.2.2: what tells a request on another way takes no more room where its answer is long', () => {
    const octetsOf = (answer: string, isMerged: boolean) => {
      const scheduler = new VirtualScheduler();
      const lingering = new LingeringRequests<RecordingChannel>(
        scheduler,
        DEFAULT_TIMERS,
        new TransactionCounters(),
        1e9,
      );
      const flow = new RecordingChannel(scheduler);
      for (let index = 0; index < 5_000; index++) {
        const request = makeRequest('MESSAGE', { callId: `call-${index}` });
        const facts = {
          key: `z9hG4bK${index}`,
          method: 'MESSAGE',
          sentByHost: 'a.example',
          sentByPort: 5060,
          copyMark: 0,
          peer: '',
        };
        const known = { ...facts, flow, sentTag: 'callee', source: flow.remoteAddress, receiveRequest: () => {} };
        lingering.add(known, answer, isMerged ? request : undefined);
      }
      return lingering.octets;
    };
    const [short, long] = ['', 'x'.repeat(600)].map((answer) => octetsOf(answer, true) - octetsOf(answer, false));
    expect(long).toBe(short);
    expect(short).toBeLessThan(5_000 * 150);
  });

  test('§17.1.2.2: a final response that comes again is absorbed for T4', () => {
    const world = new World();
    const bye = makeRequest('BYE');
    const client = world.start(bye);
    world.answer(bye, 200);
    client.release();
    world.answer(bye, 200);
    expect(world.responses).toEqual([200]);
    expect(world.layer.counters).toMatchObject({ retransmissionsReceived: 1, strayResponses: 0 });
    world.scheduler.advance(5000);
    expect(world.isClean()).toBe(true);
  });

  test('§17.2.3: sent-by is told by its port too, and its host in any case', () => {
    const world = new World();
    world.receive(makeRequest('INFO', { host: 'PC33.Atlanta.example.com' }));
    world.server.reply(200);
    world.receive(makeRequest('INFO', { host: 'pc33.ATLANTA.example.com' }));
    expect(world.requests).toHaveLength(1);
    world.receive(makeRequest('INFO', { host: 'pc33.atlanta.example.com:5070', callId: 'another' }));
    expect(world.requests).toHaveLength(2);
  });

  test('§17.2.3: however many sent-bys a peer gives one branch, a request is found without those being looked through', () => {
    const world = new World();
    const next = vi.spyOn(Shelf.prototype, 'next');
    const requestOf = (index: number) =>
      makeRequest('INFO', { host: `h${index}.example.com`, callId: `call-${index}` });
    for (let index = 0; index < 100; index++) {
      world.receive(requestOf(index));
      world.requests[index]?.reply(200);
    }
    for (let index = 0; index < 100; index++) world.receive(requestOf(index));
    expect(world.requests).toHaveLength(100);
    expect(world.layer.counters.retransmissionsSent).toBe(100);
    expect(next).not.toHaveBeenCalled();
    next.mockRestore();
  });

  test('a CANCEL of an INVITE that was answered finds it: 200 with the tag that the peer knows, and nothing else', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.reply(200);
    world.server.release();
    const tag = world.channel.last().toTag();
    world.receive(makeRequest('CANCEL'));
    expect(world.channel.kinds).toEqual(['200', '200']);
    expect(world.channel.last().toTag()).toBe(tag);
  });

  test('a copy of an INVITE that rang for longer than 64*T1 is known for 64*T1 from its answer', () => {
    const world = new World();
    world.receive(makeInvite());
    world.server.reply(180);
    world.scheduler.advance(100_000);
    world.server.reply(200);
    world.server.release();
    world.scheduler.advance(31_999);
    world.receive(makeInvite());
    // Nor is it taken for one that came by another way.
    expect(world.channel.kinds).toEqual(['180', '200']);
    expect(world.requests).toHaveLength(1);
  });

  test('it counts as a transaction while it lingers, and its flow is not kept for longer', () => {
    const world = new World();
    const bye = makeRequest('BYE');
    const client = world.start(bye);
    world.answer(bye, 200);
    client.release();
    world.receive(makeRequest('MESSAGE'));
    world.server.reply(200);
    expect([world.layer.serverCount, world.layer.clientCount]).toEqual([1, 1]);
    expect(world.layer.lingeringOctets).toBeGreaterThan(0);
    world.layer.close();
    expect(world.layer.lingeringOctets).toBe(0);
    expect([world.layer.serverCount, world.layer.clientCount]).toEqual([0, 0]);
    expect(world.isClean()).toBe(true);
  });

  test('what lingers takes no more outside of the heap than it may: of what ends of calls beyond a share the oldest is forgotten sooner, its place free', () => {
    const mostOctets = 12 * 1_024 * 1_024;
    const world = new World({ maxLingeringOctets: mostOctets, maxServerTransactions: 1_000 });
    world.onRequest = (transaction) => {
      transaction.admit();
      transaction.reply(299, 'x'.repeat(20_000));
    };
    const bye = (index: number) => makeRequest('BYE', { branch: `z9hG4bK${index}`, callId: `${index}`, toTag: 'x' });
    for (let index = 0; index < 1_000; index++) {
      world.receive(bye(index));
      expect(world.layer.lingeringOctets).toBeLessThanOrEqual(mostOctets);
    }
    expect(world.layer.serverCount).toBeLessThan(250);
    expect(world.layer.serverCount).toBeGreaterThan(150);
    expect(world.layer.fill.places).toBeCloseTo(world.layer.serverCount / 8_000);
    world.receive(bye(999));
    world.receive(bye(0));
    expect(world.layer.counters.retransmissionsReceived).toBe(2);
    world.receive(bye(500));
    expect(world.layer.counters.retransmissionsReceived).toBe(2);
  });

  describe('what one address has beyond its share', () => {
    const OTHER = '192.0.2.1';
    const FORGED = '198.51.100.9';
    const MOST_OCTETS = 12.5e6;
    const fat = 'x'.repeat(15_000);

    /** As of a node with a heap of 64 MB, and somebody whose request it has answered. */
    class Flooded extends World {
      readonly other = new RecordingChannel(this.scheduler, false, OTHER);
      readonly facts: { branch: string; callId: string; toTag?: string };
      readonly method: string;

      constructor(method: string) {
        super({ maxServerOctets: 25e6, maxLingeringOctets: MOST_OCTETS });
        this.method = method;
        this.facts = { branch: 'z9hG4bKother', callId: 'other', ...(method === 'BYE' && { toTag: 'x' }) };
        this.onRequest = (transaction) => {
          transaction.admit();
          transaction.reply(transaction.request.method === 'SUBSCRIBE' ? 489 : 200);
          if (transaction.request.method === 'INVITE') transaction.release();
        };
        this.receive(makeRequest(method, this.facts), this.other);
        this.requests.length = 0;
      }

      /** One a millisecond, 45 KB each in its Vias, as its answer has them. */
      flood(method: string, count: number, addresses = 1): void {
        for (let index = 0; index < count; index++) {
          const toTag = method === 'SUBSCRIBE' || method === 'MESSAGE' ? {} : { toTag: 'y' };
          const request = makeRequest(method, { branch: `z9hG4bKf${index}`, callId: `f${index}`, ...toTag });
          for (let via = 0; via < 3; via++) request.headers.add(HeaderId.Via, `SIP/2.0/UDP h;branch=z9hG4bK${fat}`);
          const address = `${FORGED}${index % addresses}`;
          this.receive(request, new RecordingChannel(this.scheduler, false, address));
          this.requests.length = 0;
          this.scheduler.advance(1);
        }
      }

      /** The copy gets the same answer again, and nobody is asked; or nothing, where its user repeats the answer. */
      expectKnown(): void {
        this.receive(makeRequest(this.method, this.facts), this.other);
        const answers = this.method === 'INVITE' ? ['200'] : ['200', '200'];
        expect([this.other.kinds, this.requests]).toEqual([answers, []]);
      }
    }

    test.each(['REGISTER', 'BYE', 'MESSAGE', 'INVITE'])(
      'has no copy of a %s of others taken for a new request, and keeps nothing of its own in the heap',
      (method) => {
        const world = new Flooded(method);
        world.flood('SUBSCRIBE', 1_000);
        world.expectKnown();
        expect([world.layer.counters.refused, world.layer.fill.memory]).toEqual([0, 0]);
        expect(world.layer.lingeringOctets).toBeLessThan(0.5 * MOST_OCTETS);
        expect(world.layer.serverCount).toBeLessThan(200);
        world.scheduler.runUntilIdle();
        expect([world.isClean(), world.layer.fill.memory, world.layer.fill.places]).toEqual([true, 0, 0]);
      },
    );

    test.each(['BYE', 'MESSAGE'])('many addresses together leave the %s of others its record as well', (method) => {
      const world = new Flooded(method);
      world.flood('SUBSCRIBE', 1_000, 40);
      world.expectKnown();
      expect(world.layer.lingeringOctets).toBeLessThanOrEqual(MOST_OCTETS);
    });

    test.each(['BYE', 'CANCEL'])('of a %s, of which each call has one, the oldest of its own end sooner', (method) => {
      const world = new Flooded('BYE');
      if (method === 'CANCEL') {
        world.onStrayCancel = (again) => {
          again('y');
          return true;
        };
      }
      world.flood(method, 1_000);
      world.expectKnown();
      expect(world.layer.counters.refused).toBe(0);
      expect([world.layer.fill.memory, world.layer.lingeringOctets < 0.6 * MOST_OCTETS]).toEqual([0, true]);
      expect(world.layer.serverCount).toBeLessThan(200);
    });

    test('leaves what ends of calls alone, where that is beyond its share', () => {
      const world = new Flooded('MESSAGE');
      world.flood('BYE', 200);
      const latest = makeRequest('BYE', { branch: 'z9hG4bKf199', callId: 'f199', toTag: 'y' });
      world.flood('SUBSCRIBE', 1_000);
      world.receive(latest, new RecordingChannel(world.scheduler, false, `${FORGED}0`));
      expect([world.layer.counters.retransmissionsReceived, world.requests]).toEqual([1, []]);
    });

    test('four peers with 1,000 requests a second each are refused nothing, with a heap of 64 MB and an eighth of that', () => {
      const world = new World({
        maxServerTransactions: 25_000,
        maxServerOctets: 25e6,
        maxLingeringOctets: MOST_OCTETS,
      });
      world.onRequest = (transaction) => {
        transaction.admit();
        transaction.reply(200);
      };
      const peers = [1, 2, 3, 4].map((last) => new RecordingChannel(world.scheduler, false, `192.0.2.${last}`));
      for (let ms = 0, serial = 0; ms < 40_000; ms += 100) {
        for (const peer of peers) {
          for (let count = 0; count < 12; count++)
            world.receive(
              makeRequest('OPTIONS', { branch: `z9hG4bK${serial++}${'x'.repeat(200)}`, callId: `${serial}` }),
              peer,
            );
          peer.sent.length = 0;
        }
        world.requests.length = 0;
        world.scheduler.advance(100);
      }
      expect([world.layer.counters.refused, world.layer.fill.memory]).toEqual([0, 0]);
    });

    test('§8.2.2.2: has no request of others on another way taken for a new one', () => {
      const world = new Flooded('MESSAGE');
      for (let index = 0; index < 2_000; index++) {
        const facts = { branch: `z9hG4bKf${index}`, callId: `${index}${'x'.repeat(4_000)}` };
        world.receive(makeRequest('MESSAGE', facts), new RecordingChannel(world.scheduler, false, FORGED));
        world.requests.length = 0;
      }
      world.receive(makeRequest('MESSAGE', { ...world.facts, branch: 'z9hG4bKanother' }), world.other);
      expect(world.other.kinds).toEqual(['200', '482']);
    });
  });

  test('its flow is told of no more failures', () => {
    const world = new World();
    world.receive(makeRequest('BYE'));
    world.server.reply(200);
    world.layer.flowFailed(world.channel, 'gone');
    expect(world.layer.counters.transportErrors).toBe(0);
  });
});

describe('an INVITE that was answered and acknowledged', () => {
  class Accepted extends World {
    readonly invite = makeInvite();
    readonly ackFlow: RecordingChannel;
    readonly late: { status: number; request: SipRequest }[] = [];
    readonly client: ClientTransaction<RecordingChannel>;

    constructor(reliable = false) {
      super();
      this.ackFlow = new RecordingChannel(this.scheduler, reliable);
      this.client = this.start(this.invite);
      this.answer(this.invite, 200);
    }

    acknowledge(): void {
      this.client.acknowledged(ACK, this.ackFlow);
    }

    /** As whoever answered does it. */
    letGo(): void {
      const hearsLate: ClientTransactionUser<RecordingChannel> = {
        onResponse: ({ status }, { request }) => this.late.push({ status, request }),
        onTimeout() {},
        onTransportError() {},
      };
      this.client.handOver(hearsLate);
      this.client.release();
    }
  }
  const ACK = `ACK sip:bob@biloxi.example.com SIP/2.0\r\nVia: SIP/2.0/UDP here;branch=z9hG4bKack\r\nFrom: <sip:alice@a>;tag=1928301774\r\nTo: <sip:bob@b>;tag=callee\r\nCall-ID: a84b4c76e66710@pc33.atlanta.example.com\r\nCSeq: 314159 ACK\r\n\r\n`;

  test('§13.2.2.4: its 2xx that comes again gets the same ACK again, where that went, and nobody hears of it', () => {
    const world = new Accepted();
    world.acknowledge();
    world.letGo();
    world.answer(world.invite, 200);
    world.answer(world.invite, 200);
    expect(world.ackFlow.sent.map(({ text }) => text)).toEqual([ACK, ACK]);
    expect(world.late).toEqual([]);
    world.scheduler.runUntilIdle();
    expect(world.scheduler.nowMs()).toBe(32_000);
    expect(world.isClean()).toBe(true);
  });

  test('RFC 6026 §7.2: a 2xx of another fork is told, with the ACK; anything else is not', () => {
    const world = new Accepted();
    world.acknowledge();
    world.letGo();
    world.answer(world.invite, 200, 'fork');
    world.answer(world.invite, 486, 'another');
    world.answer(world.invite, 180, 'another');
    expect(world.late.map(({ status, request }) => [status, request.method, request.cseq().sequence])).toEqual([
      [200, 'ACK', 314159],
    ]);
    expect(world.ackFlow.sent).toEqual([]);
  });

  test('without an ACK it waits for it, and its 2xx is told with the INVITE', () => {
    const world = new Accepted();
    world.letGo();
    world.answer(world.invite, 200);
    expect(world.late.map(({ request }) => request.method)).toEqual(['INVITE']);
    world.acknowledge();
    world.answer(world.invite, 200);
    expect(world.late).toHaveLength(1);
    expect(world.ackFlow.sent).toHaveLength(1);
  });

  test('an ACK over a connection that was never made counts for nothing: the 2xx is told', () => {
    const world = new Accepted(true);
    Object.assign(world.ackFlow, { connected: false });
    world.acknowledge();
    world.letGo();
    world.answer(world.invite, 200);
    expect(world.late).toHaveLength(1);
    expect(world.ackFlow.sent).toEqual([]);
  });
});
