import { createSocket as createDatagramSocket, type SocketOptions } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { silentLog } from '../../../src/base/log.ts';
import {
  DatagramBatching,
  type Flow,
  SourceGate,
  type TransportLayerOptions,
} from '../../../src/sip/transport/index.ts';
import { eventually } from '../../kit/eventually.ts';
import { knownBy } from '../../kit/known.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { Cleanup, udp } from './node.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** A socket whose datagrams a test reads. */
class HandSocket extends EventEmitter {
  bind(_port: number, _address: string, callback: () => void): void {
    callback();
  }

  address() {
    return { address: '127.0.0.1', port: 5060 };
  }

  getRecvBufferSize(): number {
    return 2 ** 30;
  }

  getSendBufferSize(): number {
    return 2 ** 30;
  }

  send(): void {}

  close(callback: () => void): void {
    callback();
  }

  read(...texts: string[]): void {
    for (const text of texts) this.emit('message', Buffer.from(text), { address: '192.0.2.1', port: 5060 });
  }
}

describe('a turn that is taken before its time', () => {
  const opened = async () => {
    const socket = new HandSocket();
    // Whoever has a policy for sources orders what is read by itself, and is handed all of it.
    const sources = new SourceGate(
      new VirtualScheduler(),
      knownBy(() => true),
    );
    const node = await cleanup.node({ createSocket: () => socket, sources }).open(udp);
    const seen: string[] = [];
    const came: number[] = [];
    Object.assign(node.user, {
      onMessage: (text: string, _flow: Flow, cameMs: number) => {
        seen.push(text);
        came.push(cameMs - node.scheduler.nowMs());
      },
    });
    /** After so long away from the sockets. */
    const away = (ms: number) => {
      Object.assign(node.user, { lookedMs: node.scheduler.nowMs() });
      node.scheduler.advance(ms);
    };
    return { socket, layer: node.layer, seen, came, away };
  };
  const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_each, at) => `${from + at}`);

  test('hands over what was read, once', async () => {
    const { socket, layer, seen } = await opened();
    socket.read('1', '2');
    expect(layer.takeTurns()).toBe(false);
    expect(seen).toEqual(['1', '2']);
    expect(layer.takeTurns()).toBe(false);
    await nextTurn();
    socket.read('3');
    await nextTurn();
    expect(seen).toEqual(['1', '2', '3']);
  });

  test('hands over each message from its start line on; empty lines alone keep the flow alive', async () => {
    const { socket, layer, seen } = await opened();
    socket.read('\r\nINVITE', '\nBYE', '\r\r\n\nSIP/2.0 200 OK', '\r\n'.repeat(20));
    layer.takeTurns();
    expect(seen).toEqual(['INVITE', 'BYE', 'SIP/2.0 200 OK']);
  });

  test('hands nothing over while the socket holds more than was read, and all of it then', async () => {
    const { socket, layer, seen } = await opened();
    socket.read(...numbered(0, 32));
    expect(layer.takeTurns()).toBe(true);
    // Nothing was read since: it is still so.
    expect(layer.takeTurns()).toBe(true);
    expect(seen).toEqual([]);
    socket.read('32');
    expect(layer.takeTurns()).toBe(false);
    expect(seen).toEqual(numbered(0, 33));
    await nextTurn();
    expect(seen.length).toBe(33);
  });

  test('hands over 256 at a time of more that lies in the socket, and nobody else has a turn before it is empty', async () => {
    const { socket, layer, seen } = await opened();
    for (let look = 1; look <= 10; look++) {
      socket.read(...numbered(32 * (look - 1), 32 * look));
      expect(layer.takeTurns()).toBe(true);
      expect(seen.length).toBe(look < 8 ? 0 : 256);
    }
    socket.read('320');
    expect(layer.takeTurns()).toBe(false);
    expect(seen).toEqual(numbered(0, 321));
  });

  test('others have their turn once 4,096 were read in a row, though the socket holds more', async () => {
    const { socket, layer } = await opened();
    let looks = 1;
    for (socket.read(...numbered(0, 32)); layer.takeTurns(); looks++) socket.read(...numbered(0, 32));
    expect(looks).toBe(128);
    socket.read(...numbered(0, 32));
    expect(layer.takeTurns()).toBe(true);
  });

  test('what the socket still holds has come after what was read, which came at the rate of before', async () => {
    const { socket, layer, came, away } = await opened();
    away(10);
    socket.read(...numbered(0, 10));
    layer.takeTurns();
    expect([came.at(0), came.at(-1)]).toEqual([-9.5, -0.5]);
    away(400);
    for (let look = 0; look < 8; look++) {
      socket.read(...numbered(0, 32));
      layer.takeTurns();
    }
    expect([came.at(10), came.at(-1)]).toEqual([-399.5, -144.5]);
    socket.read('last');
    layer.takeTurns();
    expect(came.at(-1)).toBe(-72);
  });

  test('what came behind datagrams that are handed to nobody has an age, and a rate is known of it', async () => {
    const { socket, layer, came, away } = await opened();
    away(60);
    for (let look = 0; look < 8; look++) {
      socket.read(...Array.from({ length: 32 }, () => '\r\n\r\n'));
      layer.takeTurns();
    }
    socket.read('1', '2', '3');
    layer.takeTurns();
    expect(came).toEqual([-50, -30, -10]);
    away(3);
    for (let look = 0; look < 8; look++) {
      socket.read(...numbered(0, 32));
      layer.takeTurns();
    }
    expect([came.at(3), came.at(-1)]).toEqual([-3 + 3 / 512, -3 / 512]);
  });

  test('comes by itself where nobody takes it', async () => {
    const { socket, layer, seen } = await opened();
    socket.read(...numbered(0, 32));
    expect(layer.takeTurns()).toBe(true);
    await nextTurn();
    expect(seen).toEqual(numbered(0, 32));
  });
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function sender(): ReturnType<typeof createDatagramSocket> {
  const socket = createDatagramSocket('udp4');
  cleanup.add(() => socket.close());
  return socket;
}

const batching = new DatagramBatching(silentLog);

test('this machine can move datagrams in batches, so that what follows is about both', () => {
  expect(batching.offBecause).toBeUndefined();
});

describe.each([
  { by: 'node:dgram', createSocket: undefined },
  { by: 'recvmmsg and sendmmsg', createSocket: batching.createSocket },
])('by $by', ({ createSocket }) => {
  const newNode = (options: Partial<TransportLayerOptions> = {}) => cleanup.node({ createSocket, ...options });

  describe('datagrams', () => {
    test('a datagram arrives octet for octet, one character each', async () => {
      const node = await newNode().open(udp);
      const octets = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
      sender().send(Buffer.concat([Buffer.from('X'), octets]), node.port(), '127.0.0.1');
      const { text } = await node.user.next('message');
      expect(Buffer.from(text, 'latin1').subarray(1)).toEqual(octets);
    });

    test('RFC 2543: a head whose lines end with LF alone arrives with CRLFs', async () => {
      const node = await newNode().open(udp);
      sender().send('OPTIONS sip:a@b SIP/2.0\nl: 3\n\na\nb', node.port(), '127.0.0.1');
      expect((await node.user.next('message')).text).toBe('OPTIONS sip:a@b SIP/2.0\r\nl: 3\r\n\r\na\nb');
    });

    test('messages of one peer come on one flow, and answers on it reach the peer', async () => {
      const node = await newNode().open(udp);
      const peer = await newNode().open(udp);
      const flow = peer.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: node.port() });
      flow.send('one');
      flow.send('two');
      const first = await node.user.next('message');
      const second = await node.user.next('message');
      expect(second.flow).toBe(first.flow);
      expect(first.flow.key).toBe(`udp|${first.flow.listenerId}|127.0.0.1|${peer.port()}`);
      first.flow.send('answer');
      expect((await peer.user.next('message')).flow).toBe(flow);
    });

    test('what waits together is handled before the answers leave, both in order', async () => {
      const steps: string[] = [];
      const toldSocket = (options: SocketOptions) => {
        const socket = (createSocket ?? createDatagramSocket)(options);
        const { send } = socket;
        return Object.assign(socket, {
          send(...args: Parameters<typeof send>) {
            steps.push(`send ${String(args[0])}`);
            Reflect.apply(send, socket, args);
          },
        });
      };
      const node = await newNode({ createSocket: toldSocket }).open(udp);
      const peer = await newNode({ createSocket: toldSocket }).open(udp);
      node.user.onMessage = (text, flow) => {
        steps.push(`handle ${text}`);
        flow.send(`answer ${text}`);
      };
      const flow = peer.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: node.port() });
      for (const text of ['1', '2', '3']) flow.send(text);
      for (let answer = 0; answer < 3; answer++) await peer.user.next('message');
      expect(steps).toEqual([
        ...['1', '2', '3'].map((text) => `send ${text}`),
        ...['1', '2', '3'].map((text) => `handle ${text}`),
        ...['1', '2', '3'].map((text) => `send answer ${text}`),
      ]);
    });

    test('what the user disposes of is not handed over as a message, and octets are sent as they are', async () => {
      const node = await newNode().open(udp);
      const peer = await newNode().open(udp);
      const disposed: string[] = [];
      Object.assign(node.user, {
        disposes: (octets: Buffer, from: Flow) => {
          if (octets[0] !== 0x78) return false;
          disposed.push(octets.toString('latin1'));
          from.sendOctets?.(Buffer.from([0xff, 0, 0x41]));
          return true;
        },
      });
      const flow = peer.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: node.port() });
      flow.send('x1');
      flow.send('y');
      expect((await node.user.next('message')).text).toBe('y');
      expect((await peer.user.next('message')).text).toBe('\u00ff\0A');
      expect(disposed).toEqual(['x1']);
      expect([node.user.count('message'), node.user.count('sent')]).toEqual([1, 0]);
    });

    test.each([
      ['while messages wait, since the sockets were looked at before', 20, [-70, -50, -30, -10]],
      ['though that was long before the socket was read last', -1_000, [-87.5, -62.5, -37.5, -12.5]],
      ['else in no longer than a turn may take', undefined, [-17.5, -12.5, -7.5, -2.5]],
    ])('those read together are taken to have come evenly: %s', async (_when, lookedMs, came) => {
      const node = await newNode().open(udp);
      const peer = await newNode().open(udp);
      const seen: number[] = [];
      Object.assign(node.user, {
        lookedMs,
        onMessage: (_text: string, from: Flow, cameMs: number) => {
          seen.push(cameMs - node.scheduler.nowMs());
          from.send('answer');
        },
      });
      const flow = peer.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: node.port() });
      flow.send('one that empties the socket');
      await peer.user.next('message');
      node.scheduler.advance(100);
      for (let index = 0; index < 4; index++) flow.send(`${index}`);
      for (let answer = 0; answer < 4; answer++) await peer.user.next('message');
      expect(seen.slice(1)).toEqual(came);
    });

    test('while messages wait, what comes to a quiet socket, or is brought to it, has come since the last look, not since the last datagram', async () => {
      const node = await newNode().open(udp);
      const seen: number[] = [];
      Object.assign(node.user, {
        onMessage: (_text: string, _flow: Flow, cameMs: number) => seen.push(cameMs - node.scheduler.nowMs()),
      });
      const peer = await newNode().open(udp);
      const flow = peer.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: node.port() });
      const seenNow = (count: number) => eventually(`message ${count}`, () => seen.length === count);
      flow.send('long ago');
      await seenNow(1);
      node.scheduler.advance(30_000);
      Object.assign(node.user, { lookedMs: node.scheduler.nowMs() - 8 });
      const [listenerId = ''] = node.layer.listening().map(({ id }) => id);
      node.layer.bring(listenerId, Buffer.from('brought'), '192.0.2.9', 5060);
      await seenNow(2);
      flow.send('a second one');
      await seenNow(3);
      expect(seen.slice(1)).toEqual([-4, -4]);
    });

    test('what another process is to serve does not make the next datagram older', async () => {
      const keeps = vi.fn((_id: string, octets: Buffer) => octets[0] !== 0x78);
      const node = await newNode().open({ ...udp, shared: { ownPort: 5060, keeps } });
      const peer = await newNode().open(udp);
      const seen: number[] = [];
      Object.assign(node.user, {
        onMessage: (_text: string, _flow: Flow, cameMs: number) => seen.push(cameMs - node.scheduler.nowMs()),
      });
      const flow = peer.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: node.port() });
      flow.send('one');
      await eventually('the first', () => seen.length === 1);
      flow.send('x');
      await eventually('the one of another process', () => keeps.mock.calls.length === 2);
      await nextTurn();
      node.scheduler.advance(30_000);
      flow.send('two');
      await eventually('the second', () => seen.length === 2);
      expect(seen[1]).toBe(-10);
    });

    test('what waits to be sent leaves when the layer closes', async () => {
      const node = await newNode().open(udp);
      const peer = await newNode().open(udp);
      const flow = peer.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: node.port() });
      flow.send('last words');
      await peer.layer.close();
      expect((await node.user.next('message')).text).toBe('last words');
    });

    test('with `udpGatherMs` a turn that brought something lasts as long at least, and none lasts longer for it', async () => {
      const node = await newNode({ limits: { udpGatherMs: 5 } }).open(udp);
      const peer = await newNode().open(udp);
      const waits: unknown[] = [];
      const wait = vi.spyOn(Atomics, 'wait').mockImplementation((_array, _index, _value, ms) => {
        waits.push(ms);
        return 'timed-out';
      });
      let workMs = 2;
      node.user.onMessage = (_text, flow) => {
        node.scheduler.advance(workMs);
        flow.send('answer');
      };
      const flow = peer.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: node.port() });
      flow.send('the first for a long time, and no other one is to be expected');
      await peer.user.next('message');
      expect(waits).toEqual([]);
      for (let request = 0; request < 40; request++) flow.send('request of many, two ms apart');
      for (let answer = 0; answer < 40; answer++) await peer.user.next('message');
      waits.length = 0;
      flow.send('request');
      await peer.user.next('message');
      expect(waits).toEqual([3]);
      workMs = 9;
      flow.send('request that takes its time');
      await peer.user.next('message');
      node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: peer.port() }).send('on its own account');
      await peer.user.next('message');
      expect(waits).toEqual([3]);
      node.scheduler.advance(5_000);
      workMs = 1;
      flow.send('request after a long silence');
      await peer.user.next('message');
      expect(waits).toEqual([3]);
      wait.mockRestore();
    });

    test('with `udpGatherMs` the thread does not rest before all listeners have handled and sent what they have', async () => {
      let unsent = 0;
      const toldSocket = (options: SocketOptions) => {
        const socket = (createSocket ?? createDatagramSocket)(options);
        const { send } = socket;
        return Object.assign(socket, {
          send(...args: Parameters<typeof send>) {
            unsent--;
            Reflect.apply(send, socket, args);
          },
        });
      };
      const node = await newNode({ limits: { udpGatherMs: 8 }, createSocket: toldSocket }).open(udp, {
        ...udp,
        host: '127.0.0.2',
      });
      const peer = await newNode().open(udp);
      const waits: number[] = [];
      const wait = vi.spyOn(Atomics, 'wait').mockImplementation((_array, _index, _value, ms = 0) => {
        node.scheduler.advance(ms);
        waits.push(unsent);
        return 'timed-out';
      });
      const flows = ['127.0.0.1', '127.0.0.2'].map((address, index) =>
        peer.layer.flowTo({ transport: 'udp', address, port: node.port(index) }),
      );
      const first = new Map<string, Flow>();
      node.user.onMessage = (text, flow) => {
        first.set(text, flow);
        node.scheduler.advance(1);
        unsent++;
        (first.get(text === '0' ? '1' : '0') ?? flow).send('on the other listener');
      };
      for (let round = 0; round < 40; round++) {
        for (const [index, flow] of flows.entries()) flow.send(String(index));
        for (let answer = 0; answer < 2; answer++) await peer.user.next('message');
      }
      wait.mockRestore();
      expect(waits.length).toBeGreaterThan(5);
      expect(waits.filter((each) => each > 0)).toEqual([]);
    });

    test.each([
      { who: 'a source that is not let in', host: '127.0.0.3', text: 'flood', shared: {} },
      { who: 'phones that keep their NAT open', host: '127.0.0.2', text: '\r\n\r\n', shared: {} },
      {
        who: 'peers of another process',
        host: '127.0.0.2',
        text: 'x',
        shared: { shared: { ownPort: 5060, keeps: (_id: string, octets: Buffer) => octets[0] !== 0x78 } },
      },
    ])(
      'with `udpGatherMs` the thread does not rest while the socket holds more, most of it of $who',
      async ({ host, text, shared }) => {
        const sources = {
          admits: (address: string) => address !== '127.0.0.3',
          hasRoomFor: () => true,
          ...knownBy(() => true),
        };
        const node = await newNode({ limits: { udpGatherMs: 8 }, sources }).open({ ...udp, ...shared });
        const [first, others, last] = await Promise.all(
          ['127.0.0.2', host, '127.0.0.2'].map((from) => newNode().open({ ...udp, host: from })),
        );
        const sendTo = (from: typeof node | undefined, count: number, what: string) => {
          const flow = from?.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: node.port() });
          for (let each = 0; each < count; each++) flow?.send(what);
        };
        let unhandled = 0;
        const waits: number[] = [];
        const wait = vi.spyOn(Atomics, 'wait').mockImplementation((_array, _index, _value, ms = 0) => {
          node.scheduler.advance(ms);
          waits.push(unhandled);
          return 'timed-out';
        });
        node.user.onMessage = (_text, flow) => {
          unhandled--;
          node.scheduler.advance(0.25);
          flow.send('answer');
        };
        for (let round = 0; round < 40; round++) {
          node.scheduler.advance(10);
          unhandled = 4;
          sendTo(first, 3, 'ping');
          sendTo(others, 40, text);
          sendTo(last, 1, 'ping');
          for (let answer = 0; answer < 3; answer++) await first?.user.next('message');
          await last?.user.next('message');
        }
        wait.mockRestore();
        expect(waits.length).toBeGreaterThan(5);
        expect(waits.filter((each) => each > 0)).toEqual([]);
      },
    );

    test('a flood that is not let in, and that the kernel always has more of, does not keep what is let in from being handled', async () => {
      const sources = {
        admits: (address: string) => address !== '127.0.0.3',
        hasRoomFor: () => true,
        ...knownBy(() => true),
      };
      const node = await newNode({ limits: { udpGatherMs: 8 }, sources }).open(udp);
      const known = await newNode().open({ ...udp, host: '127.0.0.2' });
      const flood = await newNode().open({ ...udp, host: '127.0.0.3' });
      const target = { transport: 'udp' as const, address: '127.0.0.1', port: node.port() };
      let isFlooding = true;
      const sendOn = () => {
        for (let each = 0; each < 100; each++) flood.layer.flowTo(target).send('flood');
        if (isFlooding) setImmediate(sendOn);
      };
      sendOn();
      known.layer.flowTo(target).send('ping');
      const { text } = await node.user.next('message');
      isFlooding = false;
      expect(text).toBe('ping');
      expect(node.layer.counters.rateLimited).toBeLessThan(3_000);
    });

    test('the largest datagram arrives; a larger message is a failure of the flow, told on a later turn', async () => {
      const node = await newNode().open(udp);
      const peer = await newNode().open(udp);
      const flow = node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: peer.port() });
      flow.send('x'.repeat(65_507));
      expect((await peer.user.next('message')).text.length).toBe(65_507);
      flow.send('x'.repeat(65_508));
      expect(node.user.count('failed')).toBe(0);
      expect((await node.user.next('failed')).text).toBe('message of 65508 octets does not fit a datagram');
      expect(flow.closed).toBe(false);
    });

    test('what the kernel refuses to send fails the flow it was sent on', async () => {
      const node = await newNode().open(udp);
      const flow = node.layer.flowTo({ transport: 'udp', address: '255.255.255.255', port: 5060 });
      flow.send('x');
      const failed = await node.user.next('failed');
      expect(failed.flow).toBe(flow);
      expect(failed.text).toMatch(/^send failed: E/);
      expect(node.layer.counters.sendErrors).toBe(1);
    });

    test.each(['EPERM', 'ENOBUFS'])(
      'a datagram that the kernel refuses for the moment (%s) is lost as on the way: nobody is told that its peer is gone, it is said once a second',
      async (code) => {
        let isRefused = true;
        const refusing = (options: SocketOptions) => {
          const socket = (createSocket ?? createDatagramSocket)(options);
          const { send } = socket;
          return Object.assign(socket, {
            send(octets: Buffer, port: number, address: string, done: (error: Error | null) => void) {
              if (isRefused) process.nextTick(done, Object.assign(new Error('send'), { code, address, port }));
              else Reflect.apply(send, socket, [octets, port, address, done]);
            },
          });
        };
        const peer = await newNode().open(udp);
        const node = await newNode({ createSocket: refusing as typeof createSocket }).open(udp);
        const flow = node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: peer.port() });
        for (let copy = 0; copy < 3; copy++) flow.send('x');
        await eventually('all to be refused', () => node.layer.counters.sendErrors === 3);
        isRefused = false;
        flow.send('again');
        expect((await peer.user.next('message')).text).toBe('again');
        expect(node.user.count('failed')).toBe(0);
        expect(flow.closed).toBe(false);
        expect(node.log.lines.filter(({ event }) => event === 'udp-send-refused')).toMatchObject([{ level: 'warn' }]);
      },
    );

    test('a peer to whom the kernel refuses all for more than 2 s (a firewall rule) has failed, until a datagram leaves', async () => {
      let isRefused = true;
      const refusing = (options: SocketOptions) => {
        const socket = (createSocket ?? createDatagramSocket)(options);
        const { send } = socket;
        return Object.assign(socket, {
          send(octets: Buffer, port: number, address: string, done: (error: Error | null) => void) {
            const error = Object.assign(new Error('send'), { code: 'EPERM', address, port });
            if (isRefused) process.nextTick(done, error);
            else Reflect.apply(send, socket, [octets, port, address, done]);
          },
        });
      };
      const scheduler = new VirtualScheduler();
      const peer = await newNode().open(udp);
      const node = await newNode({ scheduler, createSocket: refusing as typeof createSocket }).open(udp);
      const flow = node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: peer.port() });
      let refused = 0;
      const refuse = async (afterMs: number) => {
        isRefused = true;
        scheduler.advance(afterMs);
        flow.send('x');
        refused++;
        await eventually('the refusal', () => node.layer.counters.sendErrors === refused);
      };
      const pass = async () => {
        isRefused = false;
        flow.send('passes');
        await peer.user.next('message');
      };
      await refuse(0);
      await refuse(1_500);
      await pass();
      await refuse(500);
      await refuse(1_900);
      expect(node.user.count('failed')).toBe(0);
      await refuse(100);
      expect(await node.user.next('failed')).toMatchObject({ flow, text: 'send failed: EPERM' });
      await refuse(10);
      expect((await node.user.next('failed')).flow).toBe(flow);
      await pass();
      await refuse(10);
      expect(node.user.count('failed')).toBe(2);
      expect(flow.closed).toBe(false);
    });

    test('a peer at port 0 fails its own flow; others get theirs, and the socket goes on', async () => {
      const node = await newNode().open(udp);
      const peer = await newNode().open(udp);
      const nowhere = node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: 0 });
      const flow = node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: peer.port() });
      nowhere.send('x');
      flow.send('one');
      expect((await peer.user.next('message')).text).toBe('one');
      const failed = await node.user.next('failed');
      expect(failed.flow).toBe(nowhere);
      expect(failed.text).toContain('Port');
      flow.send('two');
      expect((await peer.user.next('message')).text).toBe('two');
      expect(node.layer.counters.sendErrors).toBe(1);
    });

    test('remembered peers are bounded', async () => {
      const node = await newNode({ limits: { maxUdpFlows: 100 } }).open(udp);
      const flowTo = (port: number) => node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port });
      const first = flowTo(1);
      for (let port = 2; port <= 1_000; port++) flowTo(port);
      expect(flowTo(1)).not.toBe(first);
      expect(flowTo(1).key).toBe(first.key);
    });

    test('too small kernel buffers are a warning that says what to do', async () => {
      const node = await newNode({ limits: { udpBufferOctets: 1 << 30 } }).open(udp);
      const fields = await node.log.line('udp-buffers-small');
      expect(fields['hint']).toContain('net.core.rmem_max');
    });
  });

  describe('keep-alive', () => {
    test('CRLF and NUL datagrams of phones behind NAT are no messages and get no answer', async () => {
      const node = await newNode().open(udp);
      const socket = sender();
      for (const text of ['\r\n\r\n', '\r\n', '\0', '\0\0\0\0', ''])
        socket.send(Buffer.from(text), node.port(), '127.0.0.1');
      for (let count = 0; count < 5; count++) await node.user.next('keep-alive');
      expect(node.user.count('message')).toBe(0);
      expect(node.user.count('sent')).toBe(0);
    });

    test('RFC 5626 §8: a STUN Binding Request is answered, of an address that nobody knows with little more than it sent', async () => {
      const sources = new SourceGate(
        new VirtualScheduler(),
        knownBy((address) => address === '127.0.0.2'),
      );
      const node = await newNode({ sources }).open(udp);
      const bare = Buffer.from('000100002112a442b7e7a701bc34d686fa87dfae', 'hex');
      const named = Buffer.from('000100082112a442b7e7a701bc34d686fa87dfae802200046c696272', 'hex');
      const answers: string[] = [];
      for (const [address, request] of [
        ['127.0.0.1', bare],
        ['127.0.0.1', named],
        ['127.0.0.2', bare],
      ] as const) {
        const socket = sender();
        await new Promise<void>((resolve) => socket.bind(0, address, resolve));
        socket.on('message', (octets) => answers.push(`${address} ${octets.length}`));
        socket.send(request, node.port(), '127.0.0.1');
        await node.user.next('keep-alive');
      }
      await eventually('both answers', () => answers.length >= 2);
      expect(answers.toSorted()).toEqual(['127.0.0.1 32', '127.0.0.2 32']);
      expect(node.user.count('message')).toBe(0);
      expect(node.layer.counters).toMatchObject({ stunAnswered: 2, stunWithheld: 1 });
    });

    test('a registered flow is kept open through NAT by a double CRLF at each interval', async () => {
      const node = await newNode().open(udp);
      const peer = await newNode().open(udp);
      const flow = node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: peer.port() });
      flow.keepAlive(30_000);
      node.scheduler.advance(33_000);
      await peer.user.next('keep-alive');
      node.scheduler.advance(33_000);
      await peer.user.next('keep-alive');
      flow.keepAlive(0);
      expect(node.scheduler.armedCount).toBe(0);
    });

    test('for the longest time that anybody asks for, however often they ask', async () => {
      const node = await newNode().open(udp);
      const peer = await newNode().open(udp);
      const flow = node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: peer.port() });
      flow.keepAlive(30_000, 90_000);
      for (let second = 0; second < 40; second++) {
        node.scheduler.advance(1_000);
        flow.keepAlive(30_000, 10_000);
      }
      await peer.user.next('keep-alive');
      node.scheduler.advance(30_000);
      await peer.user.next('keep-alive');
      node.scheduler.advance(60_000);
      expect(node.scheduler.armedCount).toBe(0);
    });
  });

  describe('limits', () => {
    test('a source over its rate loses datagrams before they are looked at; a known peer does not', async () => {
      const sources = new SourceGate(new VirtualScheduler(), {
        burst: 3,
        messagesPerSecond: 1,
        ...knownBy((address) => address === '127.0.0.2'),
      });
      const node = await newNode({ sources }).open(udp);
      const flood = sender();
      const carrier = sender();
      await new Promise<void>((resolve) => carrier.bind(0, '127.0.0.2', resolve));
      const send = (socket: typeof flood, text: string) =>
        new Promise((resolve) => socket.send(text, node.port(), '127.0.0.1', resolve));
      for (let count = 0; count < 10; count++) await send(flood, 'flood');
      for (let count = 0; count < 10; count++) await send(carrier, `known ${count}`);
      while ((await node.user.next('message')).text !== 'known 9');
      expect(node.user.count('message')).toBe(13);
      expect(node.layer.counters.rateLimited).toBe(7);
    });
  });
});
