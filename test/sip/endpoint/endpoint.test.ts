import { describe, expect, test } from 'vitest';
import { Endpoint, type ServerTransaction } from '../../../src/sip/endpoint/index.ts';
import { HeaderId } from '../../../src/sip/message/index.ts';
import type { Flow, Target } from '../../../src/sip/transport/index.ts';
import { knownBy } from '../../kit/known.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { RecordingLog } from '../transport/recorder.ts';
import { CLIENT, parseResponse, request, SERVER, TestUser, World, wire } from './world.ts';

function udpFlow(send: (text: string) => void): Flow {
  return {
    transport: 'udp',
    reliable: false,
    localAddress: SERVER,
    localPort: 5060,
    remoteAddress: '192.0.2.9',
    remotePort: 5060,
    listenerId: 'udp',
    key: 'udp 192.0.2.9:5060',
    connected: true,
    closed: false,
    tls: undefined,
    send,
    keepAlive() {},
    close() {},
  };
}

const toServer: Target = { transport: 'udp', address: SERVER, port: 5060 };

describe('§18.1.1: requests that leave', () => {
  test('get one Via with our address, a fresh branch and rport', () => {
    const world = new World();
    world.client.sendRequest(request('OPTIONS', 'a'), toServer, world.clientUser);
    world.client.sendRequest(request('OPTIONS', 'b'), toServer, world.clientUser);
    world.scheduler.advance(100);
    const vias = world.serverUser.requests.map(({ request }) => request.topVia());
    expect(vias.map(({ host, port, transport }) => `${transport} ${host}:${port}`)).toEqual([
      `UDP ${CLIENT}:5060`,
      `UDP ${CLIENT}:5060`,
    ]);
    expect(vias[0]?.branch).toMatch(/^z9hG4bK.{24}$/);
    expect(vias[0]?.branch).not.toBe(vias[1]?.branch);
    expect(world.network.packets[0]?.text).toContain(';rport;branch=');
    expect(world.clientUser.responses).toEqual([200, 200]);
  });

  test('say another host in Via when the trunk wants it; the answer still comes back', () => {
    const world = new World();
    world.client.sendRequest(request('OPTIONS'), toServer, world.clientUser, { viaHost: '203.0.113.7', viaPort: 5070 });
    world.scheduler.advance(100);
    expect(world.network.packets[0]?.text).toContain('Via: SIP/2.0/UDP 203.0.113.7:5070;');
    expect(world.clientUser.responses).toEqual([200]);
  });

  test('an ACK for a 2xx sent again is the same octets', () => {
    const world = new World();
    const ack = request('ACK');
    world.client.sendAck(ack, toServer);
    world.client.sendAck(ack, toServer);
    world.scheduler.advance(100);
    expect(world.serverUser.acks.length).toBe(2);
    expect(world.network.packets[0]?.text).toBe(world.network.packets[1]?.text);
  });

  test('an INVITE gets through 30 % loss, duplication and reordering, once', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const world = new World({}, { loss: 0.3, duplication: 0.3, jitterMs: 50, seed });
      world.serverUser.answer = (transaction) => {
        transaction.admit();
        transaction.reply(486);
      };
      world.client.sendRequest(request('INVITE'), toServer, world.clientUser);
      world.scheduler.runUntilIdle();
      expect(world.serverUser.requests.length).toBe(1);
      expect(world.clientUser.responses.filter((status) => status >= 200)).toEqual([486]);
      expect(world.server.transactions.serverCount + world.client.transactions.clientCount).toBe(0);
    }
  });
});

describe('§18.1.1: requests over 1,300 octets', () => {
  const large = (callId: string) => request('INVITE', callId, 'x'.repeat(1_300));

  test('go over TCP when the peer has it, with TCP in Via', () => {
    const world = new World();
    world.client.sendRequest(large('a'), toServer, world.clientUser);
    world.scheduler.advance(100);
    expect(world.serverUser.requests[0]?.flow.transport).toBe('tcp');
    expect(world.serverUser.requests[0]?.request.topVia().transport).toBe('TCP');
    expect(world.serverUser.requests[0]?.request.vias().length).toBe(1);
    expect(world.clientUser.responses).toEqual([200]);
  });

  test('fall back to UDP when the connection is refused, and TCP is not tried again for a while', () => {
    const world = new World({}, {}, ['udp']);
    const first = world.client.sendRequest(large('a'), toServer, world.clientUser);
    world.scheduler.advance(100);
    world.client.sendRequest(large('b'), toServer, world.clientUser);
    world.scheduler.advance(100);
    expect(world.serverUser.requests.map(({ flow }) => flow.transport)).toEqual(['udp', 'udp']);
    expect(world.serverUser.requests[0]?.request.vias().length).toBe(1);
    expect(world.clientUser.responses).toEqual([200, 200]);
    expect(world.clientUser.outcomes).toEqual([]);
    expect(first.flow.transport).toBe('udp');
    expect(world.client.counters).toMatchObject({ largeOverTcp: 1, largeFallbacks: 1 });
    world.scheduler.advance(600_000);
    world.client.sendRequest(large('c'), toServer, world.clientUser);
    expect(world.client.counters.largeOverTcp).toBe(2);
  });

  test('a request cancelled before the connection was refused is not sent again', () => {
    const world = new World({}, {}, ['udp']);
    world.client.sendRequest(large('a'), toServer, world.clientUser).cancel();
    world.scheduler.advance(100);
    expect(world.clientUser.outcomes).toEqual(['connection refused']);
    expect(world.network.packets).toEqual([]);
  });

  test('stay on the UDP flow of a phone behind NAT', () => {
    const world = new World();
    world.client.sendRequest(large('a'), world.client.flowTo(toServer), world.clientUser);
    world.scheduler.advance(100);
    expect(world.serverUser.requests[0]?.flow.transport).toBe('udp');
  });
});

describe('§18.2.1, RFC 3581: where a request came from', () => {
  test.each([
    ['nothing is added when sent-by is the source', '192.0.2.9:5060;branch=z9hG4bK1', '192.0.2.9:5060;branch=z9hG4bK1'],
    ['received when it is another address', '10.0.0.1;branch=z9hG4bK1', '10.0.0.1;branch=z9hG4bK1;received=192.0.2.9'],
    [
      'received when it is a name',
      'pc.example.com;branch=z9hG4bK1',
      'pc.example.com;branch=z9hG4bK1;received=192.0.2.9',
    ],
    [
      'rport and received when asked',
      '192.0.2.9;rport;branch=z9hG4bK1',
      '192.0.2.9;rport=5060;received=192.0.2.9;branch=z9hG4bK1',
    ],
    [
      'a received that the peer made up is overwritten',
      'x;received=198.51.100.1;branch=z9hG4bK1',
      'x;received=192.0.2.9;branch=z9hG4bK1',
    ],
    [
      'and taken away when it is not needed',
      '192.0.2.9;received=198.51.100.1;branch=z9hG4bK1',
      '192.0.2.9;branch=z9hG4bK1',
    ],
    ['rport at the end', 'x;branch=z9hG4bK1;rport', 'x;branch=z9hG4bK1;rport=5060;received=192.0.2.9'],
    [
      'an rport that the peer filled in',
      'x;rport=1;branch=z9hG4bK1',
      'x;rport=5060;branch=z9hG4bK1;received=192.0.2.9',
    ],
    [
      'rport within quotes is text',
      'x;branch=z9hG4bK1;a=";rport";rport',
      'x;branch=z9hG4bK1;a=";rport";rport=5060;received=192.0.2.9',
    ],
    [
      'only the first of several values is touched',
      'pc.example.com;branch=z9hG4bK1, SIP/2.0/TCP b.example.com;branch=z9hG4bK2',
      'pc.example.com;branch=z9hG4bK1;received=192.0.2.9, SIP/2.0/TCP b.example.com;branch=z9hG4bK2',
    ],
  ])('%s', (_name, sent, answered) => {
    const world = new World();
    const peer = world.network.peer('192.0.2.9');
    peer.send(wire('OPTIONS', { Via: `SIP/2.0/UDP ${sent}` }), SERVER);
    world.scheduler.advance(100);
    expect(parseResponse(peer.received[0]).headers.fieldValues(HeaderId.Via)).toEqual([`SIP/2.0/UDP ${answered}`]);
  });
});

describe('§18.2.2, RFC 3581: where a response goes', () => {
  test('without rport: the source address, the port of sent-by', () => {
    const world = new World();
    const source = world.network.peer('192.0.2.9', 33_333);
    const listening = world.network.peer('192.0.2.9', 5070);
    source.send(wire('OPTIONS', { Via: 'SIP/2.0/UDP pc.example.com:5070;branch=z9hG4bK1' }), SERVER);
    source.send(
      wire('OPTIONS', { Via: 'SIP/2.0/UDP pc.example.com:5070;branch=z9hG4bK2', To: '<sip:b@x', 'Call-ID': '2' }),
      SERVER,
    );
    world.scheduler.advance(100);
    expect([source.statuses(), listening.statuses()]).toEqual([[], [200, 400]]);
    // The user still sees where it came from.
    expect(world.serverUser.requests[0]?.flow.remotePort).toBe(33_333);
  });

  test('without rport and with port 0, at which nothing listens: the source port', () => {
    const world = new World();
    const source = world.network.peer('192.0.2.9', 33_333);
    source.send(wire('OPTIONS', { Via: 'SIP/2.0/UDP pc.example.com:0;branch=z9hG4bK1' }), SERVER);
    world.scheduler.advance(100);
    expect(source.statuses()).toEqual([200]);
  });

  test.each([
    ['10.0.0.5:5070', '192.0.2.9', true],
    ['192.168.1.10', '192.0.2.9', true],
    ['[fd00::5]:5070', '2001:db8::9', true],
    ['192.168.1.10:5070', '192.168.1.10', false],
    ['10.0.0.5:5070', '10.0.1.5', false],
    ['[FD00:0::5]:5070', 'fd00::5', false],
    ['[fe80::1]:5070', 'fe80::1%eth0', false],
    ['198.51.100.7:5070', '192.0.2.9', false],
  ])('without rport, sent-by %s from %s: the source port, as behind a NAT: %s', (sentBy, address, isBehindNat) => {
    const world = new World();
    const source = world.network.peer(address, 33_333);
    const listening = world.network.peer(address, sentBy.endsWith(':5070') ? 5070 : 5060);
    source.send(wire('OPTIONS', { Via: `SIP/2.0/UDP ${sentBy};branch=z9hG4bK1` }), SERVER);
    world.scheduler.advance(100);
    expect([source.statuses(), listening.statuses()]).toEqual(isBehindNat ? [[200], []] : [[], [200]]);
  });

  test('with rport: the source port', () => {
    const world = new World();
    const source = world.network.peer('192.0.2.9', 33_333);
    source.send(wire('OPTIONS', { Via: 'SIP/2.0/UDP pc.example.com:5070;rport;branch=z9hG4bK1' }), SERVER);
    world.scheduler.advance(100);
    expect(source.statuses()).toEqual([200]);
  });

  test('a request back on the flow of such a request goes to the source port, through its NAT', () => {
    const world = new World();
    const source = world.network.peer('192.0.2.9', 33_333);
    source.send(wire('OPTIONS', { Via: 'SIP/2.0/UDP pc.example.com:5070;branch=z9hG4bK1' }), SERVER);
    world.scheduler.advance(100);
    const flow = world.serverUser.requests[0]?.flow;
    if (flow === undefined) throw new Error('no request came');
    world.server.sendRequest(request('NOTIFY'), flow, world.serverUser);
    world.server.sendAck(request('ACK'), flow);
    world.scheduler.advance(100);
    expect(source.received.map((text) => text.split(' ')[0])).toEqual(['NOTIFY', 'ACK']);
  });

  test('maddr does not send responses to a third party', () => {
    const world = new World();
    const source = world.network.peer('192.0.2.9');
    const victim = world.network.peer('198.51.100.1');
    source.send(wire('OPTIONS', { Via: 'SIP/2.0/UDP 192.0.2.9;maddr=198.51.100.1;branch=z9hG4bK1' }), SERVER);
    world.scheduler.advance(100);
    expect([source.statuses(), victim.statuses()]).toEqual([[200], []]);
  });

  test('a response whose connection has ended goes over a new one', () => {
    const world = new World();
    let answerLater: (() => void) | undefined;
    world.serverUser.answer = (transaction) => {
      answerLater = () => transaction.reply(200);
    };
    world.client.sendRequest(request('OPTIONS'), { ...toServer, transport: 'tcp' }, world.clientUser);
    world.scheduler.advance(100);
    world.serverUser.requests[0]?.flow.close('gone');
    answerLater?.();
    world.scheduler.advance(100);
    expect(world.network.packets.at(-1)).toMatchObject({ transport: 'tcp', to: `${CLIENT}:5060` });
    expect(world.clientUser.responses).toEqual([200]);
    expect(world.server.counters.reroutedResponses).toBe(1);
  });

  test('a response that nobody can be found for, since its request named nobody, is no defect', () => {
    const world = new World();
    world.client.sendRequest(request('OPTIONS'), { ...toServer, transport: 'tcp' }, world.clientUser);
    world.scheduler.advance(100);
    const flow = world.serverUser.requests[0]?.flow;
    if (flow === undefined) throw new Error('no request came');
    flow.close('gone');
    world.server.handle(wire('OPTIONS', { Via: 'sip:example.com SIP/2.0' }), flow);
    expect(world.server.counters).toMatchObject({ malformed: 1, reroutedResponses: 0, uncaughtErrors: 0 });
  });
});

describe('requests that are refused', () => {
  test.each([
    ['§8.1.1: no Call-ID', { 'Call-ID': undefined }, 400],
    ['§8.1.1.5: CSeq of another method', { CSeq: '1 BYE' }, 400],
    ['§16.3: Max-Forwards 0 of a request that would be relayed', { 'Max-Forwards': '0' }, 483],
    ['§16.3: Max-Forwards that has been counted below 0', { 'Max-Forwards': '-1' }, 483],
    ['§18.3: a Content-Length beyond the datagram', { 'Content-Length': '500' }, 400],
    ['§8.2.2.3: an extension that we lack', { Require: 'nothingSupportsThis' }, 420],
  ])('%s: %s', (_name, overrides, status) => {
    const world = new World();
    const peer = world.network.peer('192.0.2.9');
    peer.send(wire('INVITE', overrides), SERVER);
    peer.send(wire('INVITE', overrides), SERVER);
    world.scheduler.advance(100);
    expect(peer.statuses()).toEqual([status, status]);
    expect(peer.received[0]).toBe(peer.received[1]);
    expect(world.serverUser.requests).toEqual([]);
    expect(world.server.transactions.serverCount).toBe(0);
    expect(world.scheduler.armedCount).toBe(0);
  });

  test('§8.2.2.3: a 420 lists what is lacking, and only that', () => {
    const world = new World({ supported: ['100rel', 'timer'] });
    const peer = world.network.peer('192.0.2.9');
    peer.send(wire('INVITE', { Require: '100REL, gruu', require: 'path' }), SERVER);
    world.scheduler.advance(100);
    expect(parseResponse(peer.received[0]).headers.value(HeaderId.Unsupported)).toBe('gruu, path');
  });

  test('§8.2.2.3: Require is not looked at in ACK and CANCEL', () => {
    const world = new World();
    const peer = world.network.peer('192.0.2.9');
    peer.send(wire('ACK', { Require: 'x' }), SERVER);
    peer.send(wire('CANCEL', { Require: 'x' }), SERVER);
    world.scheduler.advance(100);
    expect(world.serverUser.acks.length).toBe(1);
    expect(peer.statuses()).toEqual([481]);
  });

  test('§8.2.2.3: what a REGISTER requires is the registrar’s to judge', () => {
    const world = new World();
    const peer = world.network.peer('192.0.2.9');
    peer.send(wire('REGISTER', { Require: 'path' }), SERVER);
    world.scheduler.advance(100);
    expect(world.serverUser.requests.map(({ request }) => request.method)).toEqual(['REGISTER']);
  });

  test('a bad ACK is never answered, a bad response is dropped and counted', () => {
    const world = new World();
    const peer = world.network.peer('192.0.2.9');
    peer.send(wire('ACK', { 'Call-ID': undefined }), SERVER);
    peer.send('SIP/2.0 200 OK\r\nVia: x\r\n\r\n', SERVER);
    peer.send('SIP/2.0 4294967301 better than yes\r\n\r\n', SERVER);
    peer.send('hello', SERVER);
    world.scheduler.advance(100);
    expect(peer.received).toEqual([]);
    expect(world.server.counters).toMatchObject({ malformed: 3, uncaughtErrors: 0 });
  });

  test('DEVIATION from §8.1.3.3: a response with two Vias is whose the branch of the first is, here nobody’s', () => {
    const world = new World();
    const peer = world.network.peer('192.0.2.9');
    const two = 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1, SIP/2.0/UDP 192.0.2.3;branch=z9hG4bK2';
    peer.send(wire('OPTIONS', { Via: two }).replace(/^[^\r]*/, 'SIP/2.0 200 OK'), SERVER);
    world.scheduler.advance(100);
    expect(world.server.counters).toMatchObject({ malformed: 0, uncaughtErrors: 0 });
    expect(world.server.transactions.counters.strayResponses).toBe(1);
  });

  test('§8.2.2.2: the same request by another path gets 482', () => {
    const world = new World();
    const peer = world.network.peer('192.0.2.9');
    world.serverUser.answer = () => {};
    peer.send(wire('INVITE', { Via: 'SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKone' }), SERVER);
    peer.send(wire('INVITE', { Via: 'SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKtwo' }), SERVER);
    world.scheduler.advance(100);
    expect(peer.statuses()).toEqual([482]);
    expect(world.serverUser.requests.length).toBe(1);
  });
});

describe('CANCEL (§9.2)', () => {
  test('is answered 200, and its INVITE is told', () => {
    const world = new World();
    const cancels: string[] = [];
    world.serverUser.answer = (transaction) => {
      transaction.reply(180);
      transaction.user = {
        onCancel: () => {
          cancels.push('cancel');
          transaction.reply(487);
        },
      };
    };
    const call = world.client.sendRequest(request('INVITE'), toServer, world.clientUser);
    world.scheduler.advance(50);
    call.cancel();
    world.scheduler.advance(50);
    expect(cancels).toEqual(['cancel']);
    expect(world.clientUser.responses).toEqual([180, 487]);
  });

  test('without its INVITE it gets 481; from another address it does not touch the call', () => {
    const world = new World();
    const peer = world.network.peer('192.0.2.9');
    const forger = world.network.peer('198.51.100.1');
    world.serverUser.answer = (transaction) => {
      transaction.reply(180);
      transaction.user = { onCancel: () => expect.unreachable() };
    };
    peer.send(wire('INVITE'), SERVER);
    peer.send(wire('CANCEL', { Via: 'SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKunknown' }), SERVER);
    world.scheduler.advance(50);
    forger.send(wire('CANCEL', { Via: 'SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bKpeer1' }), SERVER);
    world.scheduler.advance(50);
    expect([peer.statuses(), forger.statuses()]).toEqual([[180, 481], [481]]);
    expect(world.serverUser.requests[0]?.state).toBe('proceeding');
  });
});

describe('responses', () => {
  test('with the right branch from a third address touch nothing', () => {
    const world = new World();
    world.serverUser.answer = () => {};
    world.client.sendRequest(request('INVITE'), toServer, world.clientUser);
    const sent = world.network.packets[0]?.text ?? '';
    const forged = sent.replace(/^[^\r]*/, 'SIP/2.0 200 OK').replace('To: <sip:bob@example.com>', '$&;tag=x');
    world.network.peer('198.51.100.1').send(forged, CLIENT);
    world.scheduler.advance(50);
    expect(world.clientUser.responses).toEqual([]);
    world.network.peer(SERVER, 5062).send(forged, CLIENT);
    world.scheduler.advance(50);
    expect(world.clientUser.responses).toEqual([200]);
  });
});

describe('too busy', () => {
  test('§21.5.4: a draining node refuses what starts something new and serves what goes on', () => {
    const world = new World();
    const peer = world.network.peer('192.0.2.9');
    world.server.drain();
    const send = (method: string, branch: string, to: string) =>
      peer.send(
        wire(method, { Via: `SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK${branch}`, To: to, 'Call-ID': branch }),
        SERVER,
      );
    send('INVITE', 'new', '<sip:b@x>');
    send('BYE', 'old', '<sip:b@x>;tag=b');
    world.scheduler.advance(50);
    expect(peer.statuses()).toEqual([503, 200]);
    expect(parseResponse(peer.received[0]).headers.value(HeaderId.RetryAfter)).toBe('10');
    expect(world.server.counters.overloaded).toBe(1);
  });

  test('§8.2.7: a refusal keeps no state, and a call that rings is not refused for being sent again', () => {
    const world = new World();
    const peer = world.network.peer('192.0.2.9');
    world.serverUser.answer = (transaction) => transaction.reply(180);
    peer.send(wire('INVITE'), SERVER);
    world.scheduler.advance(50);
    world.server.drain();
    peer.send(wire('INVITE'), SERVER);
    peer.send(wire('INVITE', { Via: 'SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKnew', 'Call-ID': 'new' }), SERVER);
    peer.send(wire('CANCEL'), SERVER);
    world.scheduler.advance(50);
    expect(peer.statuses().slice(0, 4)).toEqual([180, 180, 503, 200]);
    expect(world.serverUser.requests.length).toBe(1);
  });

  test('an overloaded node says when to come back', () => {
    let seconds: number | undefined = 3;
    const world = new World({ overloadSeconds: () => seconds });
    const peer = world.network.peer('192.0.2.9');
    peer.send(wire('OPTIONS'), SERVER);
    world.scheduler.advance(50);
    seconds = undefined;
    peer.send(wire('OPTIONS', { Via: 'SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKother', 'Call-ID': '2' }), SERVER);
    world.scheduler.advance(50);
    expect(peer.statuses()).toEqual([503, 200]);
    expect(parseResponse(peer.received[0]).headers.value(HeaderId.RetryAfter)).toBe('3');
  });

  test('an emergency call of an address that has its share of the transactions is let in', () => {
    const world = new World({ maxServerTransactions: 4, isEmergency: ({ requestUri }) => requestUri.includes('112') });
    world.serverUser.answer = (transaction) => transaction.reply(180);
    const peer = world.network.peer('192.0.2.9');
    const call = (number: string, id: string) => {
      const fields = { Via: `SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK${id}`, 'Call-ID': id };
      peer.send(wire('INVITE', fields).replace('sip:bob@', `sip:${number}@`), SERVER);
      world.scheduler.advance(10);
      return peer.statuses().at(-1);
    };
    for (const id of ['1', '2', '3']) expect(call('102', id)).toBe(180);
    expect([call('102', '4'), call('112', 'sos')]).toEqual([503, 180]);
  });

  test('an address that has its share of the transactions gets a stateless 503 to new requests, those in dialogs are served, and others', () => {
    const world = new World({ maxServerTransactions: 8 });
    const pending: ServerTransaction[] = [];
    world.serverUser.answer = (transaction) => {
      transaction.admit();
      if (transaction.request.callId().startsWith('pending')) pending.push(transaction);
      else transaction.reply(200);
    };
    const peer = world.network.peer('192.0.2.9');
    const options = (host: string, id: string) =>
      wire('OPTIONS', { Via: `SIP/2.0/UDP ${host};branch=z9hG4bK${id}`, 'Call-ID': id });
    for (let index = 0; index < 8; index++) peer.send(options('192.0.2.9', `pending${index}`), SERVER);
    peer.send(wire('BYE', { Via: 'SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKbye', To: '<sip:b@x>;tag=b' }), SERVER);
    world.scheduler.advance(50);
    // Three quarters of eight wait for their answers.
    expect(pending).toHaveLength(6);
    expect(peer.statuses()).toEqual([503, 503, 200]);
    const other = world.network.peer('192.0.2.10');
    other.send(options('192.0.2.10', 'other'), SERVER);
    world.scheduler.advance(50);
    expect(other.statuses()).toEqual([200]);
    for (const transaction of pending) transaction.reply(200);
    world.scheduler.advance(64_000);
    peer.send(options('192.0.2.9', 'again'), SERVER);
    world.scheduler.advance(50);
    expect(peer.statuses().slice(3)).toEqual([200, 200, 200, 200, 200, 200, 200]);
  });
});

describe('faults of ours', () => {
  test('cost the message that met them a 500, are counted and logged, and nothing else suffers', () => {
    const world = new World();
    const peer = world.network.peer('192.0.2.9');
    world.serverUser.answer = (transaction) => {
      if (transaction.request.callId() === 'bad') throw new TypeError('a bug');
      transaction.reply(200);
    };
    peer.send(wire('INVITE', { 'Call-ID': 'bad' }), SERVER);
    peer.send(wire('OPTIONS', { Via: 'SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKgood' }), SERVER);
    world.scheduler.advance(50);
    expect(peer.statuses()).toEqual([500, 200]);
    expect(world.server.counters.uncaughtErrors).toBe(1);
    expect(world.log.lines.find(({ event }) => event === 'uncaught-error')?.fields['stack']).toContain('a bug');
  });

  test('in ACK, response and flow handlers are counted too', () => {
    const world = new World();
    const user = new TestUser();
    user.onResponse = () => {
      throw new Error('a bug');
    };
    world.serverUser.onAck = () => {
      throw new Error('a bug');
    };
    world.clientUser.onFlowClosed = () => {
      throw new Error('a bug');
    };
    world.client.sendRequest(request('OPTIONS'), { ...toServer, transport: 'tcp' }, user).flow.close('done');
    world.client.sendAck(request('ACK'), toServer);
    world.client.sendRequest(request('OPTIONS', 'x'), toServer, user);
    world.scheduler.advance(1_000);
    expect(world.client.counters.uncaughtErrors).toBe(2);
    expect(world.server.counters.uncaughtErrors).toBe(1);
  });
});

describe('seeing it', () => {
  test('the observer gets every message as it is on the wire, retransmissions included', () => {
    const world = new World();
    const seen: string[] = [];
    world.server.observer = {
      onReceived: (text, flow) => seen.push(`in ${flow.transport} ${text.split('\r\n')[0]}`),
      onSent: (text, flow) => seen.push(`out ${flow.transport} ${text.split('\r\n')[0]}`),
    };
    const peer = world.network.peer('192.0.2.9');
    peer.send(wire('OPTIONS'), SERVER);
    peer.send(wire('OPTIONS'), SERVER);
    peer.send('garbage', SERVER);
    world.scheduler.advance(50);
    expect(seen).toEqual([
      'in udp OPTIONS sip:bob@192.0.2.1 SIP/2.0',
      'out udp SIP/2.0 200 OK',
      'in udp OPTIONS sip:bob@192.0.2.1 SIP/2.0',
      'out udp SIP/2.0 200 OK',
      'in udp garbage',
    ]);
  });

  test('messages are counted by transport, direction, method and class; made-up methods together', () => {
    const world = new World();
    world.client.sendRequest(request('OPTIONS', 'a'), toServer, world.clientUser);
    world.client.sendRequest(request('OPTIONS', 'b'), { ...toServer, transport: 'tcp' }, world.clientUser);
    for (const method of ['JUMP', '__proto__'])
      world.client.sendRequest(request(method, method), toServer, world.clientUser);
    world.scheduler.advance(100);
    const { received, sent } = world.server.counters;
    expect([received.udp.requests.get('OPTIONS'), received.udp.requests.get('other')]).toEqual([1, 2]);
    expect(received.tcp.requests.get('OPTIONS')).toBe(1);
    expect([sent.udp.responses[2], sent.udp.responses[5], sent.tcp.responses[2]]).toEqual([1, 2, 1]);
    expect(world.client.counters.sent.udp.requests.get('OPTIONS')).toBe(1);
    expect(world.client.counters.received.udp.responses).toEqual([0, 0, 1, 0, 0, 2, 0]);
  });

  test('what our addresses are, by transport, target and flow', () => {
    const world = new World();
    const own = { host: CLIENT, port: 5060 };
    expect(world.client.advertised('tcp')).toEqual(own);
    expect(world.client.advertised(toServer)).toEqual(own);
    expect(world.client.advertised(world.client.flowTo(toServer))).toEqual(own);
    expect(world.client.advertised('tls')).toBe(undefined);
  });
});

describe('connections', () => {
  test('a request on a connection that has ended fails at once, on a later turn', () => {
    const world = new World();
    const flow = world.client.flowTo({ ...toServer, transport: 'tcp' });
    flow.close('gone');
    world.client.sendRequest(request('INVITE'), flow, world.clientUser);
    expect(world.clientUser.outcomes).toEqual([]);
    world.scheduler.advance(0);
    expect(world.clientUser.outcomes).toEqual(['the connection has ended']);
  });

  test('a lost connection fails its transactions at once and tells the user', () => {
    const world = new World();
    world.serverUser.answer = () => {};
    const { flow } = world.client.sendRequest(request('INVITE'), { ...toServer, transport: 'tcp' }, world.clientUser);
    world.scheduler.advance(100);
    flow.close('reset');
    expect(world.clientUser.outcomes).toEqual(['reset']);
    expect(world.clientUser.lost).toEqual(['reset']);
    expect(world.client.transactions.clientCount).toBe(0);
  });
});

describe('more new requests than there is time for', () => {
  test.each([
    ['asked of the request that is read for it', undefined],
    ['asked of the number and the host, where both are plain', (number: string, host: string) => `${number}@${host}`],
  ])('are refused unread, 503; an emergency call is let in: %s', (_case, plain) => {
    const scheduler = new VirtualScheduler();
    const user = new TestUser();
    const asked: string[] = [];
    const plainly: string[] = [];
    const endpoint = new Endpoint(
      {
        scheduler,
        sources: { admits: () => true, hasRoomFor: () => true, ...knownBy(() => true) },
        inboxLimits: { backlogMs: 0 },
        isEmergency: ({ requestUri }) => asked.push(requestUri) > 0 && requestUri.includes('112'),
        ...(plain === undefined
          ? {}
          : {
              isEmergencyNumber: (number, host) => {
                plainly.push(plain(number, host));
                return number === '112';
              },
            }),
      },
      user,
      new RecordingLog(),
    );
    const answers: string[] = [];
    const flow = udpFlow((text) => answers.push(text));
    // The first one keeps the endpoint busy; what comes meanwhile waits.
    user.answer = () => scheduler.advance(10);
    const invite = (number: string, branch: string) =>
      wire('INVITE', { Via: `SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK${branch}`, 'Call-ID': branch }).replace(
        'sip:bob@',
        `sip:${number}@`,
      );
    for (let at = 0; at < 60; at++) endpoint.onMessage(invite('102', `b${at}`), flow);
    const refused = answers.length;
    expect(answers[0]).toMatch(/^SIP\/2\.0 503 .*Retry-After: /s);
    expect(refused).toBeGreaterThan(20);
    endpoint.onMessage(invite('112', 'sos'), flow);
    endpoint.onMessage(invite('102', 'last'), flow);
    expect(answers).toHaveLength(refused + 1);
    expect(asked.filter((uri) => uri.includes('112'))).toHaveLength(plain === undefined ? 1 : 0);
    expect(plainly.filter((uri) => uri === '112@example.com')).toHaveLength(plain === undefined ? 0 : 1);
    // Written in another way, it is read.
    endpoint.onMessage(invite('1-1-2', 'dashes'), flow);
    expect(asked.filter((uri) => uri.includes('1-1-2'))).toHaveLength(1);
  });

  describe('of which nothing is read but octets', () => {
    const knownInvite = (branch: string, number = '102') =>
      wire('INVITE', { Via: `SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK${branch}`, 'Call-ID': branch }).replace(
        'sip:bob@',
        `sip:${number}@`,
      );
    function busy(send?: (octets: Buffer) => void) {
      const scheduler = new VirtualScheduler();
      const user = new TestUser();
      const endpoint = new Endpoint(
        {
          scheduler,
          sources: { admits: () => true, hasRoomFor: () => true, ...knownBy(() => true) },
          inboxLimits: { backlogMs: 0 },
          isEmergency: ({ requestUri }) => requestUri.includes('112'),
          isEmergencyNumber: (number) => number === '112',
        },
        user,
        new RecordingLog(),
      );
      const answers: string[] = [];
      const seen: string[] = [];
      endpoint.observer = {
        onReceived: (text) => seen.push(text.slice(0, 10)),
        onSent: (text) => seen.push(text.slice(0, 11)),
      };
      const flow: Flow = {
        ...udpFlow((text) => answers.push(text)),
        ...(send === undefined ? {} : { sendOctets: send }),
      };
      user.answer = (transaction) => {
        scheduler.advance(10);
        transaction.reply(180);
      };
      endpoint.onMessage(knownInvite('served'), flow);
      for (let at = 0; at < 40; at++) endpoint.onMessage(knownInvite(`waits${at}`), flow);
      answers.length = seen.length = 0;
      const before = endpoint.counters.received.udp.requests.get('INVITE') ?? 0;
      const disposes = (text: string) => endpoint.disposes(Buffer.from(text, 'latin1'), flow, scheduler.nowMs());
      return { endpoint, scheduler, answers, seen, before, disposes };
    }

    test('they are refused and counted; a copy of one that is served, an emergency call and what is odd are not', () => {
      const sent: string[] = [];
      const { endpoint, answers, before, disposes } = busy((octets) => sent.push(octets.toString('latin1')));
      sent.length = 0;
      const stateless = endpoint.transactions.counters.stateless;
      const answered = endpoint.counters.sent.udp.responses[5] ?? 0;
      expect(disposes(knownInvite('new'))).toBe(true);
      expect(sent).toHaveLength(1);
      expect(sent[0]).toMatch(/^SIP\/2\.0 503 .*branch=z9hG4bKnew\r\n.*Retry-After: [1-4]\r\n/s);
      expect(disposes(knownInvite('served'))).toBe(false);
      expect(disposes(knownInvite('sos', '112'))).toBe(false);
      expect(disposes(knownInvite('dashes', '1-1-2'))).toBe(true);
      expect(disposes(knownInvite('odd').replace('Call-ID', 'Call-ID '))).toBe(false);
      expect(answers).toEqual([]);
      expect(endpoint.transactions.counters.stateless - stateless).toBe(2);
      expect((endpoint.counters.received.udp.requests.get('INVITE') ?? 0) - before).toBe(2);
      expect((endpoint.counters.sent.udp.responses[5] ?? 0) - answered).toBe(2);
    });

    test('twenty of a second are shown to who watches', () => {
      const { scheduler, seen, disposes } = busy(() => {});
      scheduler.advance(1_000);
      for (let at = 0; at < 30; at++) disposes(knownInvite(`one${at}`));
      expect(seen).toHaveLength(40);
      expect(seen.slice(0, 2)).toEqual(['INVITE sip', 'SIP/2.0 503']);
      scheduler.advance(1_000);
      disposes(knownInvite('two'));
      expect(seen).toHaveLength(42);
    });

    test('a flow without datagrams gets the same as a text', () => {
      const { answers, disposes } = busy();
      expect(disposes(knownInvite('text'))).toBe(true);
      expect(answers[0]).toMatch(/^SIP\/2\.0 503 /);
    });
  });
});
