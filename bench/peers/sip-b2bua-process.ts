/** A two-legged B2BUA on the npm package `sip`: the baseline that other Node projects start from. argv: PORT CARRIER_PORT. */
import { createRequire } from 'node:module';

interface Message {
  method?: string;
  status?: number;
  uri?: string;
  headers: Record<string, unknown> & {
    to: { uri: string; params: Record<string, string> };
    from: { uri: string; params: Record<string, string> };
    cseq: { method: string; seq: number };
    contact?: { uri: string }[];
    'call-id': string;
  };
  content?: string;
}
interface SipPackage {
  start(options: object, onRequest: (request: Message) => void): void;
  send(message: Message, onResponse?: (response: Message) => void): void;
  makeResponse(request: Message, status: number, reason: string): Message;
  parseUri(uri: string): { user: string };
}
interface Leg {
  remote: string;
  callId: string;
  local: { uri: string; params: Record<string, string> };
  peer: { uri: string; params: Record<string, string> };
  sequence: number;
}

const sip = createRequire(import.meta.url)('sip') as SipPackage;
const [port, carrierPort] = process.argv.slice(2).map(Number) as [number, number];
const token = () => Math.random().toString(36).slice(2);
const other = new Map<string, Leg>();
const contact = [{ uri: `sip:127.0.0.1:${port}` }];

function request(leg: Leg, method: string, sequence: number): Message {
  return {
    method,
    uri: leg.remote,
    headers: {
      to: leg.peer,
      from: leg.local,
      'call-id': leg.callId,
      cseq: { method, seq: sequence },
      contact,
      'max-forwards': 69,
      via: [],
    },
  };
}

function onInvite(invite: Message): void {
  const number = sip.parseUri(invite.uri ?? '').user;
  const callId = token();
  const localTag = token();
  const outgoing: Message = {
    method: 'INVITE',
    uri: `sip:${number}@127.0.0.1:${carrierPort}`,
    headers: {
      ...invite.headers,
      to: { uri: `sip:${number}@127.0.0.1:${carrierPort}`, params: {} },
      from: { uri: invite.headers.from.uri, params: { tag: token() } },
      'call-id': callId,
      cseq: { method: 'INVITE', seq: 1 },
      contact,
      via: [],
    },
    content: invite.content ?? '',
  };
  sip.send(outgoing, (response) => {
    const status = response.status ?? 500;
    if (status === 100) return;
    const answer = sip.makeResponse(invite, status, 'OK');
    answer.headers.to = { ...invite.headers.to, params: { ...invite.headers.to.params, tag: localTag } };
    answer.headers.contact = contact;
    if (response.content !== undefined && response.content !== '') {
      answer.headers['content-type'] = response.headers['content-type'];
      answer.content = response.content;
    }
    if (status >= 200 && status < 300) {
      const carrier: Leg = {
        remote: response.headers.contact?.[0]?.uri ?? outgoing.uri ?? '',
        callId,
        local: outgoing.headers.from,
        peer: response.headers.to,
        sequence: 1,
      };
      other.set(invite.headers['call-id'], carrier);
    }
    sip.send(answer);
  });
}

// The package takes a peer on its own host name for itself, so the name it goes by is not the loopback address that all share here.
sip.start(
  { port, address: '127.0.0.1', publicAddress: 'b2bua.invalid', tcp: false, logger: { error() {} } },
  (incoming) => {
    if (incoming.method === 'INVITE') return onInvite(incoming);
    const leg = other.get(incoming.headers['call-id']);
    if (incoming.method === 'ACK') {
      if (leg !== undefined) sip.send(request(leg, 'ACK', 1));
      return;
    }
    if (leg === undefined) return sip.send(sip.makeResponse(incoming, 481, 'Call Does Not Exist'));
    other.delete(incoming.headers['call-id']);
    sip.send(request(leg, 'BYE', 2), (response) => {
      sip.send(sip.makeResponse(incoming, response.status ?? 200, 'OK'));
    });
  },
);
console.log('ready');
