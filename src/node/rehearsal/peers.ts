import { createHash } from 'node:crypto';

/** One of the rehearsal's peers; all have addresses of documentation networks (RFC 5737). */
export interface RehearsalPeer {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string;
}

/** The engine as its peers know it. */
export interface Server {
  readonly address: string;
  readonly port: number;
  readonly domain: string;
}

interface Dialog {
  readonly peer: RehearsalPeer;
  readonly callId: string;
  readonly from: string;
  readonly method: 'INVITE' | 'REGISTER';
  readonly uri: string;
  branch: string;
  to: string;
  target: string;
  sequence: number;
}

const SDP = [
  'v=0',
  'o=rehearsal 1 1 IN IP4 192.0.2.11',
  's=-',
  'c=IN IP4 192.0.2.11',
  't=0 0',
  'm=audio 20000 RTP/AVP 8 0 101',
  'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:101 telephone-event/8000',
  'a=fmtp:101 0-15',
  'a=ptime:20',
  'a=sendrecv',
  '',
].join('\r\n');
const OFFER = `Content-Type: application/sdp\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`;
const NO_BODY = 'Content-Length: 0\r\n\r\n';
const ABILITIES =
  'Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, PRACK\r\nSupported: replaces, timer\r\nUser-Agent: rehearsal\r\n';

/** Phones and a carrier that paste their messages together: each places calls, takes calls, and hangs up what it placed. */
export class RehearsalPeers {
  registered = 0;
  completed = 0;
  failed = 0;
  readonly #server: Server;
  readonly #post: (text: string, from: RehearsalPeer) => void;
  readonly #dialogs = new Map<string, Dialog>();
  #serial = 0;
  /** Contacts written: every other one has a parameter. */
  #contacts = 0;

  /** @param post takes a message from a peer to the engine */
  constructor(server: Server, post: (text: string, from: RehearsalPeer) => void) {
    this.#server = server;
    this.#post = post;
  }

  register(peer: RehearsalPeer): void {
    const { domain } = this.#server;
    this.#open('REGISTER', peer, `sip:${domain}`, `<sip:${peer.user}@${domain}>`);
  }

  call(peer: RehearsalPeer, number: string): void {
    const uri = `sip:${number}@${this.#server.domain}${this.#serial % 2 === 0 ? '' : ';user=phone'}`;
    this.#open('INVITE', peer, uri, `<${uri}>`);
  }

  /** A call that is refused, and no answer of it acknowledged; every other one names no user. */
  callNobody(peer: RehearsalPeer): void {
    const id = ++this.#serial;
    const { domain } = this.#server;
    const uri = `sip:${id % 2 === 0 ? '' : `${id}@`}${domain}`;
    this.#post(
      `INVITE ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${peer.address}:${peer.port};${id % 3 === 0 ? '' : 'rport;'}branch=z9hG4bKnobody${id}\r\nMax-Forwards: 70\r\nFrom: <sip:${id}@${domain}>;tag=n${id}\r\nTo: <${uri}>\r\nCall-ID: nobody-${id}\r\nCSeq: 1 INVITE\r\nContact: <sip:${id}@${peer.address}:${peer.port}>\r\n${NO_BODY}`,
      peer,
    );
  }

  ping(peer: RehearsalPeer): void {
    const id = ++this.#serial;
    const { address, port, domain } = this.#server;
    this.#post(
      `OPTIONS sip:${address}:${port} SIP/2.0\r\nVia: SIP/2.0/UDP ${peer.address}:${peer.port};rport;branch=z9hG4bKping${id}\r\nMax-Forwards: 70\r\nFrom: <sip:ping@${peer.address}>;tag=p${id}\r\nTo: <sip:${domain}>\r\nCall-ID: ping-${id}\r\nCSeq: 1 OPTIONS\r\n${NO_BODY}`,
      peer,
    );
  }

  /** A message of the engine to this peer. */
  receive(text: string, peer: RehearsalPeer): void {
    if (text.startsWith('SIP/2.0 ')) this.#answered(text);
    else this.#asked(text, peer);
  }

  #open(method: Dialog['method'], peer: RehearsalPeer, uri: string, to: string): void {
    const id = ++this.#serial;
    const callId = `rehearsal-${id}@${peer.address}`;
    const from = `${id % 2 === 0 ? '"Ms. Rehearsal" ' : ''}<sip:${peer.user}@${this.#server.domain}>;tag=r${id}`;
    const dialog = { peer, callId, from, method, uri, branch: '', to, target: uri, sequence: 0 };
    this.#dialogs.set(callId, dialog);
    this.#begin(dialog, '');
  }

  #begin(dialog: Dialog, credentials: string): void {
    dialog.sequence++;
    const rest = dialog.method === 'INVITE' ? `${ABILITIES}${OFFER}` : `Expires: 3600\r\n${NO_BODY}`;
    this.#request(dialog, dialog.method, `${contactOf(dialog.peer, ++this.#contacts)}${credentials}${rest}`);
  }

  #request(dialog: Dialog, method: string, rest: string): void {
    if (method !== 'ACK') dialog.branch = `z9hG4bK-rehearsal-${++this.#serial}`;
    const { peer, branch, from, to, callId, sequence, target } = dialog;
    const via = `Via: SIP/2.0/UDP ${peer.address}:${peer.port};branch=${branch}${sequence % 2 === 0 ? '' : ';rport'}`;
    this.#post(
      `${method} ${target} SIP/2.0\r\n${via}\r\nMax-Forwards: 70\r\nFrom: ${from}\r\nTo: ${to}\r\nCall-ID: ${callId}\r\nCSeq: ${sequence} ${method}\r\n${rest}`,
      peer,
    );
  }

  #answered(text: string): void {
    const dialog = this.#dialogs.get(field(text, 'Call-ID'));
    const status = Number(text.slice(8, 11));
    if (dialog === undefined || status < 200) return;
    const isInvite = field(text, 'CSeq').endsWith(' INVITE');
    if (status < 300) {
      if (isInvite) this.#hangUp(dialog, text);
      else this.#end(dialog, true);
      return;
    }
    const initialTo = dialog.to;
    if (isInvite) {
      dialog.to = field(text, 'To');
      this.#request(dialog, 'ACK', NO_BODY);
      dialog.to = initialTo;
    }
    const credentials = dialog.sequence === 1 ? credentialsFor(text, dialog) : undefined;
    if (credentials === undefined) this.#end(dialog, false);
    else this.#begin(dialog, credentials);
  }

  #hangUp(dialog: Dialog, answer: string): void {
    dialog.to = field(answer, 'To');
    dialog.target = /<([^>]+)>/.exec(field(answer, 'Contact'))?.[1] ?? dialog.target;
    dialog.branch = `z9hG4bK-rehearsal-${++this.#serial}`;
    this.#request(dialog, 'ACK', NO_BODY);
    dialog.sequence++;
    this.#request(dialog, 'BYE', NO_BODY);
  }

  #end(dialog: Dialog, isGood: boolean): void {
    this.#dialogs.delete(dialog.callId);
    if (!isGood) this.failed++;
    else if (dialog.method === 'REGISTER') this.registered++;
    else this.completed++;
  }

  #asked(text: string, peer: RehearsalPeer): void {
    if (text.startsWith('ACK ')) return;
    if (!text.startsWith('INVITE ')) {
      this.#reply(text, peer, '200 OK', NO_BODY);
      return;
    }
    const contact = contactOf(peer, ++this.#contacts);
    if (this.#contacts % 2 === 0) this.#reply(text, peer, '100 Trying', NO_BODY);
    this.#reply(text, peer, '180 Ringing', `${contact}${NO_BODY}`);
    this.#reply(text, peer, '200 OK', `${contact}${ABILITIES}${OFFER}`);
  }

  #reply(request: string, peer: RehearsalPeer, status: string, rest: string): void {
    const to = field(request, 'To');
    const callId = field(request, 'Call-ID');
    const tagged = to.includes(';tag=') ? to : `${to};tag=a${callId.slice(0, 12)}`;
    this.#post(
      `SIP/2.0 ${status}\r\nVia: ${field(request, 'Via')}\r\nFrom: ${field(request, 'From')}\r\nTo: ${tagged}\r\nCall-ID: ${callId}\r\nCSeq: ${field(request, 'CSeq')}\r\n${rest}`,
      peer,
    );
  }
}

function contactOf({ user, address, port }: RehearsalPeer, count: number): string {
  return `Contact: <sip:${user}@${address}:${port}${count % 2 === 0 ? ';transport=UDP' : ''}>\r\n`;
}

/** The value of a header field of a message of ours, by search. */
function field(text: string, name: string): string {
  const mark = `\r\n${name}: `;
  const start = text.indexOf(mark);
  return start < 0 ? '' : text.slice(start + mark.length, text.indexOf('\r\n', start + mark.length));
}

/** RFC 7616 §3.4.1 with qop `auth`, or without one; undefined when there is nothing to answer. */
function credentialsFor(answer: string, { peer, method, uri }: Dialog): string | undefined {
  const proxy = field(answer, 'Proxy-Authenticate');
  const challenge = proxy === '' ? field(answer, 'WWW-Authenticate') : proxy;
  if (challenge === '' || peer.password === undefined) return undefined;
  const read = (name: string) => new RegExp(`\\b${name}="?([^",]+)`).exec(challenge)?.[1] ?? '';
  const [realm, nonce, algorithm] = [read('realm'), read('nonce'), read('algorithm')];
  const hash = (text: string) =>
    createHash(algorithm.startsWith('SHA-512') ? 'sha512-256' : algorithm === 'SHA-256' ? 'sha256' : 'md5')
      .update(text)
      .digest('hex');
  const secret = hash(`${peer.user}:${realm}:${peer.password}`);
  const response = hash(`${secret}:${nonce}:00000001:c0ffee:auth:${hash(`${method}:${uri}`)}`);
  const name = proxy === '' ? 'Authorization' : 'Proxy-Authorization';
  const rest = `response="${response}", algorithm=${algorithm}, qop=auth, nc=00000001, cnonce="c0ffee"`;
  return `${name}: Digest username="${peer.user}", realm="${realm}", nonce="${nonce}", uri="${uri}", ${rest}\r\n`;
}
