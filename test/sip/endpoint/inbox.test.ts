import { beforeEach, describe, expect, test } from 'vitest';
import { sourceOf } from '../../../src/base/source.ts';
import { Inbox } from '../../../src/sip/endpoint/inbox.ts';
import type { InboxLimits } from '../../../src/sip/endpoint/inbox-options.ts';
import type { Flow } from '../../../src/sip/transport/index.ts';
import { isNewCall, SERVED, serveMany } from './busy-engine.ts';

/** A thread whose time is told: each message takes `costMs` of computing, and turns run when they are asked for. */
class Thread {
  nowMs = 0;
  computedMs = 0;
  /** What other threads of the process have computed. */
  othersMs = 0;
  costMs = 1;
  readsOn = false;
  /** What the sockets do with what was read of them, when they are asked. */
  handsOver: (() => void) | undefined;
  readonly handled: string[] = [];
  readonly refused: string[] = [];
  readonly served = new Set<string>();
  readonly turns: (() => void)[] = [];
  readonly inbox: Inbox;
  cpuShare = 1;
  restedMs = 0;
  readonly rests: number[] = [];
  isFull = false;
  /** Tags of ours in calls whose end makes room. */
  readonly makeRoom = new Set<string>();

  constructor(limits: Partial<InboxLimits> = {}) {
    this.inbox = new Inbox({
      clock: { nowMs: () => this.nowMs, wallMs: () => this.nowMs },
      limits,
      sourceOf: knownSourceOf,
      server: {
        handle: (text) => {
          if (text === SERVED) return;
          this.compute(this.costMs);
          this.handled.push(nameOf(text));
        },
        refuseUnread: (text) => this.#refuse(text),
        refuseOctets: (octets) => isNewCall(octets) && this.#refuse(octets.toString('latin1')),
      },
      cpuShare: () => this.cpuShare,
      computedMs: () => this.computedMs,
      processComputedMs: () => this.computedMs + this.othersMs,
      rest: (ms) => {
        this.nowMs += ms;
        this.restedMs += ms;
        this.rests.push(ms);
      },
      readsOn: () => {
        this.handsOver?.();
        return this.readsOn;
      },
      room: () => ({ isNone: this.isFull, isMadeBy: (tag) => this.makeRoom.has(tag) }),
      later: (turn) => this.turns.push(turn),
    });
    serveMany(this.inbox, { remoteAddress: '192.0.2.1' } as Flow);
    this.run();
  }

  #refuse(text: string): boolean {
    if (this.served.has(nameOf(text))) return false;
    this.refused.push(nameOf(text));
    return true;
  }

  /** Offers a message as a datagram, as it comes from a socket. */
  disposes(method: string, name: string, address = '192.0.2.1', toTag = '', cameMs = this.nowMs): boolean {
    const octets = Buffer.from(textOf(method, name, toTag), 'latin1');
    return this.inbox.disposes(octets, { remoteAddress: address } as Flow, cameMs);
  }

  push(method: string, name: string, address = '192.0.2.1', toTag = '', cameMs?: number): void {
    this.inbox.push(textOf(method, name, toTag), { remoteAddress: address } as Flow, cameMs);
  }

  compute(costMs: number): void {
    this.nowMs += costMs;
    this.computedMs += costMs;
  }

  /** Uses up the time of the turn. */
  busy(): void {
    this.push('OPTIONS', 'busy');
    this.compute(5);
  }

  turn(): void {
    for (const turn of this.turns.splice(0)) turn();
  }

  run(): void {
    while (this.turns.length > 0) this.turn();
  }
}

/** Peers of one address each, and one of many. */
function knownSourceOf(address: string): string | undefined {
  if (address.startsWith('198.51.100.')) return sourceOf('of acme', address);
  return address.startsWith('192.0.2.') ? address : undefined;
}

function textOf(method: string, name: string, toTag: string): string {
  const tag = toTag === '' ? '' : `;tag=${toTag}`;
  return `${method} sip:x SIP/2.0\r\nTo: <sip:b@x>${tag}\r\nCall-ID: ${name}\r\n\r\n`;
}

function nameOf(text: string): string {
  return /Call-ID: (.*)\r/.exec(text)?.[1] ?? '';
}

let thread: Thread;
beforeEach(() => {
  thread = new Thread();
});

test('while there is time everything is handled as it comes', () => {
  for (const [index, method] of ['INVITE', 'BYE', 'CANCEL', 'OPTIONS', 'INVITE'].entries()) {
    thread.push(method, `${index}`, index === 1 ? '203.0.113.1' : '192.0.2.1');
    thread.run();
  }
  expect(thread.handled).toEqual(['0', '1', '2', '3', '4']);
});

test('what is in progress comes before what begins, and known peers before strangers', () => {
  thread.busy();
  thread.push('INVITE', 'stranger', '203.0.113.1');
  thread.push('INVITE', 'call');
  thread.push('OPTIONS', 'ping');
  thread.push('BYE', 'bye', '192.0.2.1', 't');
  expect(thread.inbox.waiting).toEqual({ ongoing: 2, fresh: 1, strangers: 1 });
  thread.run();
  expect(thread.handled.slice(1)).toEqual(['ping', 'bye', 'call', 'stranger']);
  expect(thread.inbox.takeLongestWaitMs()).toBeGreaterThan(0);
});

test('while something waits it tells when the sockets were looked at before; from calm, that is now and not when something waited last', () => {
  expect(thread.inbox.lookedMs).toBeUndefined();
  thread.nowMs += 60_000;
  thread.busy();
  thread.push('INVITE', 'one');
  expect(thread.inbox.lookedMs).toBe(thread.nowMs - 6);
  for (let index = 0; index < 30; index++) thread.push('BYE', `bye ${index}`, '192.0.2.1', 't');
  const lookedMs = thread.nowMs;
  thread.turn();
  expect(thread.nowMs).toBeGreaterThan(lookedMs);
  expect(thread.inbox.lookedMs).toBe(lookedMs);
  // The sockets are read on: that is a look as well.
  thread.readsOn = true;
  thread.nowMs += 3;
  thread.turn();
  expect(thread.inbox.lookedMs).toBe(thread.nowMs);
  thread.readsOn = false;
  thread.run();
  expect(thread.inbox.lookedMs).toBeUndefined();
});

test('a CANCEL does not overtake the INVITE that waits', () => {
  thread.busy();
  thread.push('INVITE', 'call');
  thread.push('CANCEL', 'cancel');
  thread.push('CANCEL', 'other', '192.0.2.2');
  thread.run();
  expect(thread.handled.slice(1)).toEqual(['other', 'call', 'cancel']);
});

describe('more than there is time for', () => {
  test('new requests that would wait too long are refused unread; what goes on never is', () => {
    thread = new Thread({ backlogMs: 40 });
    thread.busy();
    for (let index = 0; index < 1000; index++) thread.push('INVITE', `call ${index}`);
    for (let index = 0; index < 50; index++) thread.push('BYE', `bye ${index}`, '192.0.2.1', 't');
    thread.run();
    const calls = thread.handled.filter((name) => name.startsWith('call'));
    expect(calls.length).toBeGreaterThan(30);
    expect(calls.length).toBeLessThanOrEqual(200);
    expect(thread.refused.length).toBe(1000 - calls.length);
    expect(thread.inbox.counters.overloaded).toBe(thread.refused.length);
    expect(thread.handled.filter((name) => name.startsWith('bye')).length).toBe(50);
  });

  test('with the cost of a call known, those let in wait no longer than what a burst may', () => {
    thread.costMs = 2;
    thread.inbox.takeLongestWaitMs();
    const waits: number[] = [];
    for (let round = 0; round < 200; round++) {
      // Twice as much as there is time for.
      for (let index = 0; index < 5; index++) thread.push('INVITE', `${round}`);
      thread.turn();
      if (round > 50) waits.push(thread.inbox.takeLongestWaitMs());
    }
    expect(Math.max(...waits)).toBeLessThan(150);
    expect(thread.refused.length).toBeGreaterThan(300);
  });

  test.each([
    [1.6, 8],
    [2, 10],
    [2.2, 11],
  ])(
    'at %d times what there is time for nobody of those let in waits beyond three and a half backlogs, from the first on',
    (_, calls) => {
      const cameMs = new Map<string, number>();
      thread.busy();
      thread.inbox.takeLongestWaitMs();
      const waits: number[] = [];
      for (let round = 0; round < 400; round++) {
        // Five have their turn meanwhile.
        for (let call = 0; call < calls; call++) {
          cameMs.set(`${round} ${call}`, thread.nowMs);
          thread.push('INVITE', `${round} ${call}`);
        }
        thread.turn();
        waits.push(thread.inbox.takeLongestWaitMs());
      }
      expect(Math.max(...waits)).toBeLessThan(175);
      expect(thread.refused.length).toBeGreaterThan(0);
    },
  );

  test('forged requests within dialogs from one known address hold up nobody’s call, and none is refused', () => {
    thread.busy();
    for (let index = 0; index < 5000; index++) thread.push('BYE', 'forged', '192.0.2.66', 't');
    thread.push('INVITE', 'call', '192.0.2.1');
    thread.run();
    expect(thread.handled.indexOf('call')).toBeGreaterThan(0);
    expect(thread.handled.indexOf('call')).toBeLessThan(200);
    expect(thread.handled.filter((name) => name === 'forged').length).toBe(5000);
  });

  describe('a peer of 100 addresses', () => {
    const ofPeer = (index: number) => `198.51.100.${index % 100}`;

    test('is refused as one address would be, and only it', () => {
      const floodedBy = (addressOf: (index: number) => string) => {
        thread = new Thread({ backlogMs: 40 });
        thread.busy();
        for (let index = 0; index < 1000; index++) thread.push('INVITE', `call ${index}`, addressOf(index));
        const refused = thread.refused.length;
        thread.push('INVITE', 'next', addressOf(0));
        thread.push('INVITE', 'other', '192.0.2.2');
        expect(thread.refused.slice(refused)).toEqual(['next']);
        return refused;
      };
      const alone = floodedBy(() => '192.0.2.1');
      expect(alone).toBeGreaterThan(500);
      expect(floodedBy(ofPeer)).toBeGreaterThan(0.9 * alone);
    });

    test('has for what goes on the time of one, before what begins: forged requests of all hold up nobody’s call', () => {
      thread.busy();
      for (let index = 0; index < 5000; index++) thread.push('BYE', 'forged', ofPeer(index), 't');
      expect(thread.inbox.waiting.ongoing).toBeLessThan(200);
      thread.push('INVITE', 'call', '192.0.2.1');
      thread.run();
      expect(thread.handled.indexOf('call')).toBeLessThan(200);
      expect(thread.handled.filter((name) => name === 'forged').length).toBe(5000);
    });
  });

  test('nor does one that fills its places again and again, with less time than it takes: what begins has its share', () => {
    thread.costMs = 0.1;
    thread.busy();
    thread.push('INVITE', 'call', '192.0.2.1');
    for (let turn = 0; turn < 60; turn++) {
      for (let index = 0; index < 100; index++) thread.push('BYE', 'forged', '192.0.2.66', 't');
      thread.turn();
    }
    expect(thread.refused).toEqual([]);
    expect(thread.handled.indexOf('call')).toBeGreaterThan(0);
    expect(thread.handled.indexOf('call')).toBeLessThan(200);
  });

  const tooMuchForLong = () => {
    for (let round = 0; round < 400; round++) {
      for (let index = 0; index < 10; index++) thread.push('INVITE', `${round}`);
      thread.turn();
    }
  };

  test('once it has lasted new requests are refused when they are read, and those let in are not refused', () => {
    tooMuchForLong();
    const [waiting, handled] = [thread.inbox.waiting.fresh, thread.handled.length];
    expect(waiting).toBeGreaterThan(10);
    const refused = thread.refused.length;
    thread.compute(15);
    for (let index = 0; index < 60; index++) thread.push('INVITE', `later ${index}`);
    expect(thread.refused.length).toBeGreaterThan(refused + 30);
    thread.run();
    expect(thread.refused.slice(refused).every((name) => name.startsWith('later'))).toBe(true);
    expect(thread.handled.slice(handled).filter((name) => !name.startsWith('later')).length).toBe(waiting);
  });

  test('where far more comes than there is time for, whoever was let in for a burst and can still be told is refused', () => {
    thread.busy();
    const cameMs = new Map<string, number>();
    thread.served.add('copy 8');
    let before = 0;
    // Four times as many as there is time for.
    for (let turn = 0; turn < 20 && thread.refused.length === 0; turn++) {
      for (let call = 0; call < 20; call++) {
        const name = call === 19 ? `copy ${turn}` : `call ${turn} ${call}`;
        cameMs.set(name, thread.nowMs);
        thread.push('INVITE', name);
      }
      before = thread.inbox.waiting.fresh;
      thread.turn();
    }
    const waitedMs = thread.refused.map((name) => thread.nowMs - (cameMs.get(name) ?? 0));
    expect(thread.refused.length).toBeGreaterThan(before / 2);
    expect(Math.max(...waitedMs)).toBeLessThanOrEqual(50);
    expect(thread.refused).not.toContain('copy 8');
    expect(thread.inbox.counters.overloaded).toBe(thread.refused.length);
    thread.run();
    expect(thread.handled.length + thread.refused.length).toBe(cameMs.size + 1);
    expect(thread.handled).toContain('copy 8');
  });

  describe('whoever was let in for a burst is judged anew in turn of the sources', () => {
    /** Nearly five times as many as there is time for, from sources that send so much each, until they are refused. Returns how many wait of each. */
    const overload = (weights: number[]) => {
      thread.busy();
      const senders = weights.flatMap((weight, source) => Array.from({ length: weight }, () => source));
      const waiting = weights.map(() => 0);
      for (let turn = 0, sent = 0; turn < 20 && thread.refused.length === 0; turn++) {
        for (let call = 0; call < 24; call++, sent++) {
          const source = senders[sent % senders.length] as number;
          thread.push('INVITE', `${source}`, `192.0.2.${10 + source}`);
          waiting[source] = (waiting[source] as number) + 1;
        }
        thread.turn();
      }
      expect(thread.refused.length).toBeGreaterThan(20);
      const gone = [...thread.refused, ...thread.handled];
      return waiting.map((sent, source) => sent - gone.filter((name) => name === `${source}`).length);
    };

    test.each([2, 10])('%i that send as much keep as many each, and together as many as one alone', (sources) => {
      const alone = overload([1])[0] as number;
      thread = new Thread();
      const waiting = overload(Array.from({ length: sources }, () => 1));
      expect(Math.max(...waiting) - Math.min(...waiting)).toBeLessThanOrEqual(1);
      expect(waiting.reduce((all, of) => all + of)).toBeLessThanOrEqual(alone + sources);
    });

    test('whoever has had a place keeps it, also where a source under its share has taken one above the limit', () => {
      thread = new Thread({ knownWaiting: 140 });
      thread.busy();
      const { counters } = thread.inbox;
      let isAbove = false;
      let dropped = 0;
      for (let turn = 0; turn < 20 && thread.refused.length === 0; turn++) {
        for (let call = 0; call < 24; call++) {
          // Copies of what is served are not refused; some of those that may be have others before them by then.
          if (turn !== 4 || call > 2) thread.served.add(`much ${turn} ${call}`);
          thread.push('INVITE', `much ${turn} ${call}`, '192.0.2.1');
        }
        // The line is full.
        if (turn < 7) {
          thread.turn();
          continue;
        }
        for (let source = 0; source < 15; source++) {
          thread.served.add(`little ${source}`);
          thread.push('INVITE', `little ${source}`, `192.0.2.${10 + source}`);
        }
        expect(thread.refused).toEqual([]);
        isAbove = thread.inbox.waiting.fresh > 140;
        dropped = counters.knownDropped;
        thread.turn();
      }
      expect(isAbove).toBe(true);
      expect(new Set(thread.refused.map((name) => name.split(' ')[1]))).toEqual(new Set(['4']));
      expect(counters.knownDropped).toBe(dropped);
    });

    test.each([[[12, 1, 1, 1]], [[1, 1, 1, 12]]])('one that sends much waits for itself: %j', (weights) => {
      overload(weights);
      expect(new Set(thread.refused)).toEqual(new Set([`${weights.indexOf(12)}`]));
    });
  });

  test('of those that lay in the sockets while the thread was away the first are served, and the last refused, whom that still reaches in time', () => {
    tooMuchForLong();
    thread.run();
    thread.busy();
    for (let index = 0; index < 60; index++) thread.push('INVITE', `waits ${index}`);
    const refused = thread.refused.length;
    thread.nowMs += 100;
    for (let index = 0; index < 40; index++) {
      const cameMs = thread.nowMs - 100 + 2.5 * index;
      const name = `away ${index}`;
      if (!thread.disposes('INVITE', name, '192.0.2.1', '', cameMs))
        thread.push('INVITE', name, '192.0.2.1', '', cameMs);
    }
    thread.run();
    const isAway = (name: string) => name.startsWith('away');
    const last = thread.refused.slice(refused).filter(isAway);
    expect(last).toEqual(Array.from({ length: 16 }, (_, index) => `away ${24 + index}`));
    expect(thread.handled.filter(isAway).length).toBe(24);
  });

  test('who has waited for four backlogs by the clock is refused, unless it is a copy of what is served', () => {
    tooMuchForLong();
    const [waiting, refused] = [thread.inbox.waiting.fresh, thread.refused.length];
    thread.served.add('399');
    thread.nowMs += 250;
    thread.run();
    expect(thread.refused.length).toBeGreaterThan(refused);
    expect(thread.refused.slice(refused)).not.toContain('399');
    expect(thread.refused.length - refused).toBeLessThan(waiting);
    expect(thread.handled).toContain('399');
  });

  test('nobody’s call is refused for those of one known address that have waited too long', () => {
    tooMuchForLong();
    for (let index = 0; index < 5000; index++) thread.push('BYE', 'forged', '192.0.2.66', 't');
    thread.compute(60);
    thread.turn();
    const refused = thread.refused.length;
    thread.push('INVITE', 'call', '192.0.2.2');
    thread.run();
    expect(thread.refused.slice(refused)).toEqual([]);
    expect(thread.handled.lastIndexOf('forged')).toBeGreaterThan(thread.handled.indexOf('call'));
  });

  test('whom a refusal would reach late is served instead, and next', () => {
    tooMuchForLong();
    const [waiting, refused] = [thread.inbox.waiting.fresh, thread.refused.length];
    expect(waiting).toBeGreaterThan(10);
    // A collection of garbage.
    thread.compute(60);
    for (let index = 0; index < 20; index++) thread.push('INVITE', `later ${index}`, '192.0.2.2');
    const handled = thread.handled.length;
    for (let turn = 0; turn < 8; turn++) thread.turn();
    const isEarly = (name: string) => !name.startsWith('later');
    expect(thread.handled.slice(handled).filter(isEarly).length).toBe(waiting);
    expect(thread.refused.slice(refused).filter(isEarly)).toEqual([]);
  });

  test('whom a full line has no place for is counted', () => {
    thread = new Thread({ knownWaiting: 20 });
    tooMuchForLong();
    thread.costMs = 30;
    const { counters } = thread.inbox;
    const [dropped, handled, refused] = [counters.knownDropped, thread.handled.length, thread.refused.length];
    const { fresh: before } = thread.inbox.waiting;
    let offered = 0;
    for (let turn = 0; turn < 3; turn++) {
      for (let index = 0; index < 20; index++, offered++) thread.push('BYE', 'many', '192.0.2.66', 't');
      thread.nowMs += 60;
      thread.turn();
    }
    const { fresh, ongoing } = thread.inbox.waiting;
    const served = thread.handled.length - handled + thread.refused.length - refused;
    expect(counters.knownDropped - dropped).toBeGreaterThan(0);
    expect(counters.knownDropped - dropped).toBe(before + offered - fresh - ongoing - served);
  });

  test('under a quota it rests between slices in place of standing still for the rest of a period', () => {
    thread.cpuShare = 0.5;
    thread.busy();
    for (let index = 0; index < 100; index++) thread.push('BYE', `${index}`, '192.0.2.1', 't');
    const [beganMs, computedMs] = [thread.nowMs, thread.computedMs];
    thread.run();
    expect(thread.handled.length).toBe(101);
    expect(thread.restedMs).toBeGreaterThan(80);
    expect(thread.nowMs - beganMs).toBeLessThan(2.2 * (thread.computedMs - computedMs));
  });

  test('under a quota the sockets are read again after 5 ms of messages, however long the process stood still before', () => {
    thread.cpuShare = 0.5;
    thread.busy();
    thread.turn();
    for (let index = 0; index < 100; index++) thread.push('BYE', `${index}`, '192.0.2.1', 't');
    thread.nowMs += 70;
    const before = thread.handled.length;
    while (thread.handled.length === before) thread.turn();
    expect(thread.handled.length - before).toBeLessThanOrEqual(6);
  });

  test('under a quota it looks at the sockets again before it rests where it stood still over what was read, once', () => {
    thread.cpuShare = 0.5;
    thread.busy();
    for (let index = 0; index < 100; index++) thread.push('BYE', `${index}`, '192.0.2.1', 't');
    while (thread.restedMs === 0) thread.turn();
    const restedMs = thread.restedMs;
    thread.handsOver = () => {
      thread.compute(20);
      thread.nowMs += 5;
    };
    const { length } = thread.handled;
    thread.turn();
    expect(thread.handled.length).toBeGreaterThan(length);
    thread.turn();
    expect(thread.restedMs).toBe(restedMs);
    thread.turn();
    expect(thread.restedMs).toBeGreaterThan(restedMs);
  });

  test('where reading and refusing take all that a quota gives there is some of it for messages between two rests', () => {
    thread.cpuShare = 0.5;
    thread.costMs = 0.1;
    thread.busy();
    thread.handsOver = () => thread.compute(6);
    const handled: number[] = [];
    while (thread.rests.length < 20) {
      for (let index = 0; index < 100; index++) thread.push('INFO', 'info', '192.0.2.1', 't');
      const { length } = thread.rests;
      while (thread.rests.length === length) thread.turn();
      handled.push(thread.handled.length);
    }
    for (let rest = 5; rest < 20; rest++)
      expect((handled[rest] as number) - (handled[rest - 1] as number)).toBeGreaterThan(20);
  });

  describe('while V8 marks the heap with a quota that is all threads’', () => {
    /** Two turns, between which other threads have had so much. */
    const others = (ms: number) => {
      thread.cpuShare = 0.5;
      for (const othersMs of [0, ms]) {
        thread.busy();
        thread.push('INFO', 'filler', '192.0.2.1', 't');
        thread.othersMs += othersMs;
        thread.nowMs += 20;
        thread.run();
      }
      thread.busy();
      thread.handled.length = 0;
    };
    const pushAll = () => {
      for (const method of ['BYE', 'INVITE', 'INFO'])
        thread.push(method, method, '192.0.2.1', method === 'INVITE' ? '' : 't');
    };

    test('what ends a call comes after what goes on and what begins', () => {
      others(20);
      pushAll();
      thread.run();
      expect(thread.handled).toEqual(['INFO', 'INVITE', 'BYE']);
    });

    test('the end of a call waits no longer than 150 ms for others', () => {
      others(20);
      pushAll();
      thread.nowMs += 160;
      for (let index = 0; index < 20; index++) thread.push('INFO', `more ${index}`, '192.0.2.2', 't');
      thread.run();
      expect(thread.handled.indexOf('BYE')).toBeGreaterThan(0);
      expect(thread.handled.indexOf('BYE')).toBeLessThan(5);
    });

    test('while the node has as many calls as it may have, the end of one keeps its place: its sender may place the next', () => {
      others(20);
      thread.isFull = true;
      pushAll();
      thread.run();
      expect(thread.handled).toEqual(['BYE', 'INFO', 'INVITE']);
    });

    test('what had been put off before the limit was reached makes room first', () => {
      others(20);
      pushAll();
      thread.push('INVITE', 'next', '192.0.2.1');
      thread.isFull = true;
      thread.run();
      expect(thread.handled).toEqual(['BYE', 'INFO', 'INVITE', 'next']);
    });

    test('where a trunk or a tenant has no place left, the end of its calls keeps its place, and that of others is put off', () => {
      others(20);
      thread.makeRoom.add('full');
      thread.push('BYE', 'other', '192.0.2.1', 'not-full');
      thread.push('BYE', 'bye', '192.0.2.1', 'full');
      thread.push('INVITE', 'call');
      thread.push('INFO', 'info', '192.0.2.1', 't');
      thread.run();
      expect(thread.handled).toEqual(['bye', 'info', 'call', 'other']);
    });

    test('and what had been put off of it before it was full makes room first', () => {
      others(20);
      for (const tag of ['full', 'not-full']) thread.push('BYE', tag, '192.0.2.1', tag);
      thread.push('INVITE', 'call');
      thread.makeRoom.add('full');
      thread.run();
      expect(thread.handled).toEqual(['full', 'call', 'not-full']);
    });

    test('what is put off takes no precedence from its source: what it asks within calls comes before what begins', () => {
      others(20);
      for (let index = 0; index < 60; index++) thread.push('BYE', `bye ${index}`, '192.0.2.1', 't');
      thread.push('INVITE', 'call', '192.0.2.2');
      thread.push('INFO', 'info', '192.0.2.1', 't');
      thread.push('BYE', 'bye', '192.0.2.1', 't');
      thread.run();
      expect(thread.handled.slice(0, 2)).toEqual(['info', 'call']);
      expect(thread.handled.length).toBe(63);
    });

    test('forged ends of calls from one address are put off for so much computing; more wait their turn with what begins', () => {
      others(20);
      for (let index = 0; index < 5000; index++) thread.push('BYE', 'forged', '192.0.2.66', 't');
      expect(thread.inbox.waiting.ongoing).toBeLessThan(1_000);
      thread.push('BYE', 'bye', '192.0.2.1', 't');
      thread.run();
      expect(thread.handled.indexOf('bye')).toBeLessThan(1_000);
      expect(thread.handled.length).toBe(5001);
    });

    test('with what they have at any time it comes before what begins, as it does without a quota', () => {
      others(2);
      pushAll();
      thread.run();
      expect(thread.handled).toEqual(['BYE', 'INFO', 'INVITE']);
    });
  });

  test('what other threads had computed before there was a quota lets nothing wait longer', () => {
    thread.nowMs = 60_000;
    thread.othersMs = 60_000;
    thread.cpuShare = 0.5;
    thread.busy();
    for (let index = 0; index < 40; index++) thread.push('INVITE', `a${index}`);
    thread.turn();
    for (let index = 0; index < 600; index++) thread.push('INVITE', `b${index}`);
    expect(thread.inbox.waiting.fresh).toBeLessThanOrEqual(250);
  });

  test('a new request that has waited through four backlogs of computing is refused; what goes on never is', () => {
    thread.busy();
    thread.push('INVITE', 'call');
    thread.push('BYE', 'bye', '192.0.2.1', 't');
    thread.compute(201);
    thread.run();
    expect(thread.refused).toEqual(['call']);
    expect(thread.handled).toContain('bye');
  });

  test('under a quota computing counts as long as it takes: with half a core, half as much of it is late', () => {
    thread.cpuShare = 0.5;
    thread.busy();
    thread.push('INVITE', 'call');
    thread.compute(101);
    thread.run();
    expect(thread.refused).toEqual(['call']);
    expect(thread.inbox.waiting.fresh).toBe(0);
    thread.cpuShare = 1;
    thread.busy();
    thread.push('INVITE', 'later');
    thread.compute(101);
    thread.run();
    expect(thread.handled).toContain('later');
  });

  test('what waits while the process does not run is served: others had the processor, and there is time for it', () => {
    thread.busy();
    for (let index = 0; index < 60; index++) thread.push('INVITE', `call ${index}`);
    thread.nowMs += 1_500;
    for (let index = 0; index < 40; index++) thread.push('INVITE', `later ${index}`);
    thread.run();
    expect(thread.refused).toEqual([]);
    expect(thread.handled.length).toBe(101);
  });

  test('while the sockets hold more than was read nothing is handled: what waits there may come first', () => {
    thread.busy();
    thread.push('INVITE', 'call');
    thread.readsOn = true;
    thread.turn();
    expect(thread.handled).not.toContain('call');
    thread.push('OPTIONS', 'ping', '192.0.2.2');
    thread.readsOn = false;
    thread.run();
    expect(thread.handled.slice(1)).toEqual(['ping', 'call']);
  });

  test('what was read is handed over before others have their turn, whose time does not begin before that', () => {
    thread.busy();
    thread.push('INVITE', 'call');
    thread.handsOver = () => {
      thread.push('OPTIONS', 'ping', '192.0.2.2');
      // What is refused takes its time.
      thread.compute(8);
    };
    thread.turn();
    expect(thread.handled.slice(1)).toEqual(['ping', 'call']);
  });

  test('a copy of a call that is served is not refused', () => {
    thread.served.add('again');
    thread.busy();
    for (let index = 0; index < 500; index++) thread.push('INVITE', `call ${index}`);
    expect(thread.refused.length).toBeGreaterThan(0);
    thread.push('INVITE', 'again');
    thread.run();
    expect(thread.handled).toContain('again');
  });

  test('a known address that floods takes neither the calls nor the pings of others', () => {
    thread.busy();
    for (let index = 0; index < 5000; index++) thread.push('INVITE', 'flood', '192.0.2.66');
    for (let index = 0; index < 5000; index++) thread.push('OPTIONS', 'flood', '192.0.2.66');
    thread.push('INVITE', 'call', '192.0.2.1');
    thread.push('OPTIONS', 'ping', '192.0.2.2');
    const before = thread.handled.length;
    thread.turn();
    expect(thread.handled.slice(before)).toContain('ping');
    thread.run();
    expect(thread.refused).not.toContain('call');
    expect(thread.handled).toContain('call');
  });
});

describe('strangers', () => {
  test('they have their share while known peers wait, and no more', () => {
    thread.busy();
    for (let index = 0; index < 900; index++) {
      thread.push('REGISTER', 'stranger', `203.0.113.${index % 50}`);
      thread.push('BYE', 'known', '192.0.2.1', 't');
    }
    for (let turn = 0; turn < 100; turn++) thread.turn();
    const strangers = thread.handled.filter((name) => name === 'stranger').length;
    expect(strangers / thread.handled.length).toBeGreaterThan(0.07);
    expect(strangers / thread.handled.length).toBeLessThan(0.13);
  });

  test('so many wait and no more; the rest is dropped and counted', () => {
    thread = new Thread({ strangersWaiting: 10 });
    thread.busy();
    for (let index = 0; index < 100; index++) thread.push('REGISTER', 'x', '203.0.113.1');
    expect(thread.inbox.waiting.strangers).toBe(10);
    expect(thread.inbox.counters.strangersDropped).toBe(90);
  });
});

describe('what is disposed of before a text is made of it', () => {
  const thread = () => {
    const busy = new Thread({ backlogMs: 0, strangersWaiting: 2 });
    busy.busy();
    for (let call = 0; call < 32; call++) busy.push('INVITE', `waits ${call}`);
    return busy;
  };

  test('a new request that may not wait is refused, unless it is served already or one more may wait', () => {
    const busy = thread();
    busy.served.add('copy');
    expect(busy.disposes('INVITE', 'new')).toBe(true);
    expect(busy.disposes('INVITE', 'copy')).toBe(false);
    expect(busy.refused).toEqual(['new']);
    expect(busy.inbox.counters.overloaded).toBe(1);
    // Another source has its turn before the thirty-two of this one.
    expect(busy.disposes('INVITE', 'other', '192.0.2.2')).toBe(false);
  });

  test('an ACK to an answer that was not kept is taken note of, one of a call is not', () => {
    const busy = thread();
    expect(busy.disposes('ACK', 'refused', '192.0.2.1', 'z0123456789ab')).toBe(true);
    expect(busy.disposes('ACK', 'call', '192.0.2.1', '0123456789abcd')).toBe(false);
    expect(busy.inbox.counters.acksAbsorbed).toBe(1);
  });

  test('responses never are', () => {
    expect(thread().disposes('SIP/2.0 200 OK', 'answer')).toBe(false);
  });

  test('what strangers send is, when there is no place for it', () => {
    const busy = thread();
    for (const name of ['one', 'two']) {
      expect(busy.disposes('OPTIONS', name, '203.0.113.1')).toBe(false);
      busy.push('OPTIONS', name, '203.0.113.1');
    }
    expect(busy.disposes('OPTIONS', 'three', '203.0.113.1')).toBe(true);
    expect(busy.inbox.counters.strangersDropped).toBe(1);
  });

  test('nothing is while nothing waits', () => {
    const idle = new Thread({ backlogMs: 0 });
    idle.busy();
    expect(idle.disposes('INVITE', 'first')).toBe(false);
    expect(idle.disposes('ACK', 'first', '192.0.2.1', 'z0123456789ab')).toBe(false);
  });
});

describe('while too much comes, what begins is served at a rate', () => {
  /** Calls of 1 ms each came for long, twice as many as there was time for; one costs a tenth from then on. */
  function overload(): void {
    for (let call = 0; thread.nowMs < 1_000; call += 40) {
      for (let more = 0; more < 40; more++) thread.push('INVITE', `load ${call + more}`);
      for (const endMs = thread.nowMs + 20; thread.nowMs < endMs; ) thread.turn();
    }
    thread.costMs = 0.1;
    thread.handled.length = 0;
    thread.rests.length = 0;
  }
  const isCall = (name: string) => name.startsWith('load') || name.startsWith('more');
  /** Runs until nothing more may begin. */
  function runUntilClosed(): void {
    thread.rests.length = 0;
    for (let call = 0; thread.rests.length === 0; call++) {
      thread.push('INVITE', `more ${call}`);
      thread.turn();
    }
    thread.handled.length = 0;
    thread.rests.length = 0;
  }
  beforeEach(overload);

  test('no more of it than were served before, though there is time; the thread rests for half a millisecond at a time', () => {
    const beganMs = thread.nowMs;
    for (let call = 0; thread.nowMs < beganMs + 40; call++) {
      if (call < 400) thread.push('INVITE', `more ${call}`);
      thread.turn();
    }
    expect(thread.handled.filter(isCall).length).toBeGreaterThan(30);
    expect(thread.handled.filter(isCall).length).toBeLessThan(80);
    expect(new Set(thread.rests)).toEqual(new Set([0.5]));
  });

  test('the same of what comes while nothing waits', () => {
    thread.run();
    thread.handled.length = 0;
    for (let call = 0; call < 200; call++) thread.push('INVITE', `more ${call}`);
    expect(thread.handled.length).toBeLessThan(60);
  });

  test('what goes on, and strangers, wait for none of it', () => {
    runUntilClosed();
    for (let stranger = 0; stranger < 20; stranger++) thread.push('OPTIONS', `stranger ${stranger}`, '203.0.113.1');
    thread.push('BYE', 'bye', '192.0.2.1', 't');
    thread.turn();
    expect(thread.handled).toContain('bye');
    expect(thread.handled.filter((name) => name.startsWith('stranger'))).toHaveLength(20);
    expect(thread.rests.length).toBeLessThanOrEqual(1);
  });

  test('more of one peer that goes on than comes first does not, either', () => {
    runUntilClosed();
    for (let bye = 0; bye < 300; bye++) thread.push('BYE', `bye ${bye}`, '192.0.2.1', 't');
    for (const endMs = thread.nowMs + 34; thread.nowMs < endMs && thread.turns.length > 0; ) thread.turn();
    expect(thread.handled.filter((name) => name.startsWith('bye'))).toHaveLength(300);
  });

  test('the end of a call that was put off is served before the thread rests', () => {
    thread.cpuShare = 0.5;
    for (const othersMs of [0, 20]) {
      thread.othersMs += othersMs;
      thread.nowMs += 20;
      thread.push('INVITE', 'more');
      thread.turn();
    }
    thread.cpuShare = 1;
    runUntilClosed();
    for (let call = 0; call < 20; call++) thread.push('INVITE', `more ${call}`);
    thread.push('BYE', 'bye', '192.0.2.1', 't');
    thread.turn();
    expect(thread.handled).toContain('bye');
    expect(thread.inbox.waiting.fresh).toBeGreaterThan(0);
  });

  test('whoever has waited too long is served all the same', () => {
    runUntilClosed();
    thread.push('INVITE', 'overdue', '192.0.2.7', '', thread.nowMs - 45);
    thread.turn();
    expect(thread.handled).toContain('overdue');
  });

  test('a flood of strangers, who have the time that is left, keeps nobody out who is known', () => {
    let [call, stranger] = [0, 0];
    const beganMs = thread.nowMs;
    const serveUntil = (endMs: number) => {
      while (thread.nowMs < endMs) {
        for (; call < (thread.nowMs - beganMs) * 2; call++) thread.push('INVITE', `more ${call}`);
        for (; stranger < (thread.nowMs - beganMs) * 12; stranger++)
          thread.push('OPTIONS', 'stranger', `203.0.113.${stranger % 50}`);
        thread.turn();
        if (thread.turns.length === 0) thread.nowMs += 0.5;
      }
      return thread.refused.length;
    };
    const refused = serveUntil(beganMs + 3_000);
    expect(serveUntil(beganMs + 4_000) - refused).toBe(0);
  });

  test('the more time is left the more is served, until all are and it is over', () => {
    let [call, last] = [0, 0];
    for (const endMs = thread.nowMs + 4_000; thread.nowMs < endMs; ) {
      for (last = thread.refused.length; call < (thread.nowMs - 1_000) * 2; call++)
        thread.push('INVITE', `more ${call}`);
      thread.turn();
      if (thread.turns.length === 0) thread.nowMs += 0.5;
    }
    const refused = thread.refused.length;
    for (const endMs = thread.nowMs + 1_000; thread.nowMs < endMs; ) {
      for (; call < (thread.nowMs - 1_000) * 2; call++) thread.push('INVITE', `more ${call}`);
      thread.turn();
      if (thread.turns.length === 0) thread.nowMs += 0.5;
    }
    expect(thread.refused.length - refused).toBe(0);
    expect(last).toBeGreaterThan(0);
    expect(thread.handled.length).toBeGreaterThan(0.95 * call - thread.refused.length);
  });
});
