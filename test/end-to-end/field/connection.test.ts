import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type KeyPair, TestAuthority } from '../../kit/certificates.ts';
import { eventually } from '../../kit/eventually.ts';
import { dialogOfCaller, SDP } from '../outbound/phone.ts';
import { readMessage, responseTo, type WireMessage } from '../outbound/wire-message.ts';
import { startWorld, type World } from '../outbound/wire-world.ts';

const BIG = `${SDP}${'a=x:0123456789\r\n'.repeat(90)}`;
const DOMAIN = 'acme.test';
const callOut = { user: '101', domain: DOMAIN, dialled: '914155559999' };

/** A carrier that is reached over TCP or TLS alone; what it received, with the number of the connection. */
class StreamCarrier {
  readonly received: { readonly connection: number; readonly message: WireMessage }[] = [];
  /** The numbers of the connections that both sides have ended: nothing comes over them any more. */
  readonly ended: number[] = [];
  onMessage: (message: WireMessage, socket: Socket, connection: number) => void = () => {};
  readonly #server: Server;
  readonly #sockets: Socket[] = [];

  /** With a certificate over TLS, else over TCP. */
  constructor(pair?: KeyPair) {
    const onSocket = (socket: Socket) => {
      const connection = this.#sockets.push(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.ended.push(connection));
      let waiting = '';
      socket.on('data', (chunk) => {
        waiting += chunk.toString('latin1');
        for (let end = endOf(waiting); end > 0; end = endOf(waiting)) {
          const message = readMessage(waiting.slice(0, end));
          waiting = waiting.slice(end);
          this.received.push({ connection, message });
          this.onMessage(message, socket, connection);
        }
      });
    };
    this.#server =
      pair === undefined ? createServer(onSocket) : createTlsServer({ cert: pair.cert, key: pair.key }, onSocket);
  }

  async open(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as { port: number }).port;
  }

  /** The connections on which requests of this method came. */
  connectionsOf(method: string): number[] {
    return this.received
      .filter(({ message }) => message.startLine.startsWith(`${method} `))
      .map(({ connection }) => connection);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/** Where the first message ends; 0 while it is not whole. */
function endOf(text: string): number {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return 0;
  const end = head + 4 + Number(/^(?:Content-Length|l)\s*:\s*([0-9]+)/im.exec(text.slice(0, head))?.[1] ?? 0);
  return text.length >= end ? end : 0;
}

describe.each(['tcp', 'tls'] as const)('toward a carrier over %s', (transport) => {
  const authority = new TestAuthority();
  let folder: string;
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const pair = authority.issue({ commonName: 'carrier.test', alternativeNames: ['IP:127.0.0.1'] });
  let world: World;
  let carrier: StreamCarrier;
  let port: number;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-connection-'));
    world = await startWorld({
      settings: {
        timers: { attemptMs: 1_500 },
        listen: [
          { transport: 'udp', host: '127.0.0.1', port: 0 },
          { transport: 'tcp', host: '127.0.0.1', port: 0 },
          {
            transport: 'tls',
            host: '127.0.0.1',
            port: 0,
            certificate: file('own.pem', pair.cert),
            key: file('own.key', pair.key),
          },
        ],
      },
    });
  });
  afterAll(async () => {
    await world.stop();
    authority.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  const hold = (changes: Partial<Parameters<World['hold']>[1][number]> = {}) =>
    world.hold(
      [
        {
          name: 'acme',
          domain: DOMAIN,
          outboundCallerId: '14155550100',
          extensions: [{ number: '101' }],
          outboundRules: [{ name: 'world', match: { prefixes: ['9'] }, routes: [{ trunk: 'carrier', strip: 1 }] }],
        },
      ],
      [
        {
          id: '1',
          name: 'carrier',
          type: 'ip',
          host: '127.0.0.1',
          port,
          transport,
          ...(transport === 'tls' ? { tls: { ca: file('ca.pem', authority.certificate) } } : {}),
          tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }],
          ...changes,
        },
      ],
    );
  beforeEach(async () => {
    carrier = new StreamCarrier(transport === 'tls' ? pair : undefined);
    port = await carrier.open();
    await hold();
    return () => carrier.close();
  });

  /** A carrier that answers with this Contact, ends its connection after the ACK, and takes what comes then. */
  const endsAfterAck = (contact: string) => {
    carrier.onMessage = (message, socket) => {
      if (message.startLine.startsWith('INVITE'))
        socket.write(responseTo(message, '200 OK', 'c', [`Contact: ${contact}`, 'Content-Type: application/sdp'], SDP));
      if (message.startLine.startsWith('ACK')) socket.end();
      if (message.startLine.startsWith('BYE')) socket.write(responseTo(message, '200 OK', 'c'));
    };
  };
  /** The connections that the BYE of a call came over. */
  const byesOf = async () => {
    const call = await world.phone.call(callOut);
    expect(call.status).toBe(200);
    // The ACK may be there before the phone has its answer, and its BYE under way before the engine reads the end.
    await eventually('the end of the connection', () => carrier.ended.includes(1));
    expect((await world.phone.inDialog(dialogOfCaller(call), 'BYE', 100)).startLine).toContain('200');
    await eventually('the BYE', () => carrier.connectionsOf('BYE')[0]);
    return carrier.connectionsOf('BYE');
  };

  test.each([
    ['its port', () => `<sip:c@127.0.0.1:${port}>`],
    ['no port', () => '<sip:c@127.0.0.1>'],
    ['UDP', () => `<sip:c@127.0.0.1:${port};transport=udp>`],
    ['a port where nobody listens', () => '<sip:c@127.0.0.1:9>'],
    ['a private address', () => '<sip:c@10.9.8.7:5060>'],
    ['a name', () => '<sip:c@sbc.carrier.test>'],
    ['another family', () => '<sip:c@[2001:db8::1]:5060>'],
    ['WebSocket', () => `<sip:c@127.0.0.1:${port};transport=ws>`],
  ])('a dialog whose connection has ended goes on, whatever its Contact names: %s', async (_, contact) => {
    endsAfterAck(contact());
    expect(await byesOf()).toEqual([2]);
  });

  test('a BYE whose connection ends before its answer goes over a new one, once', async () => {
    carrier.onMessage = (message, socket, connection) => {
      const contact = `Contact: <sip:c@127.0.0.1:${port}>`;
      if (message.startLine.startsWith('INVITE'))
        socket.write(responseTo(message, '200 OK', 'c', [contact, 'Content-Type: application/sdp'], SDP));
      if (message.startLine.startsWith('BYE') && connection === 1) socket.end();
      else if (message.startLine.startsWith('BYE')) socket.write(responseTo(message, '200 OK', 'c'));
    };
    const call = await world.phone.call(callOut);
    expect(call.status).toBe(200);
    expect((await world.phone.inDialog(dialogOfCaller(call), 'BYE', 100)).startLine).toContain('200');
    await eventually('the BYE over the new connection', () => carrier.connectionsOf('BYE').includes(2));
    expect(carrier.connectionsOf('BYE')).toEqual([1, 2]);
  });

  test('a dialog of a trunk behind a proxy makes its new connection to the proxy, by the name of that', async () => {
    carrier.close();
    const edge = authority.issue({ commonName: 'edge.test', alternativeNames: ['DNS:edge.test'] });
    carrier = new StreamCarrier(transport === 'tls' ? edge : undefined);
    port = await carrier.open();
    await hold({ host: 'carrier.test', outboundProxy: { host: 'edge.test', port } });
    endsAfterAck('<sip:c@10.9.8.7>');
    expect(await byesOf()).toEqual([2]);
  });

  test('a connection that proves dead when an INVITE is written to it is made anew, once', async () => {
    carrier.onMessage = (message, socket, connection) => {
      if (!message.startLine.startsWith('INVITE')) return;
      const isDead = connection === 1 && carrier.connectionsOf('INVITE').length > 1;
      if (isDead && transport === 'tcp') socket.resetAndDestroy();
      else if (isDead) socket.destroy();
      else socket.write(responseTo(message, '486 Busy Here', 'c'));
    };
    expect((await world.phone.call(callOut)).status).toBe(486);
    expect((await world.phone.call(callOut)).status).toBe(486);
    expect(carrier.connectionsOf('INVITE')).toEqual([1, 1, 2]);
  });

  const small = ['', SDP, {}] as const;
  const large = [', that of large requests over UDP too', BIG, { transport: 'udp' }] as const;
  test.each(transport === 'tcp' ? [small, large] : [small])(
    'a connection that has fallen silent costs one call, not the next one too%s',
    async (_, body, changes) => {
      await hold(changes);
      const call = () => world.phone.call({ ...callOut, body });
      carrier.onMessage = (message, socket, connection) => {
        const isSilent = connection === 1 && carrier.connectionsOf('INVITE').length > 1;
        if (message.startLine.startsWith('INVITE') && !isSilent)
          socket.write(responseTo(message, '486 Busy Here', 'c'));
      };
      expect((await call()).status).toBe(486);
      expect((await call()).status).toBeGreaterThanOrEqual(500);
      expect((await call()).status).toBe(486);
      expect(carrier.connectionsOf('INVITE')).toEqual([1, 1, 2]);
    },
  );
});
