/** Peers that play by themselves, each time another way: for tests that break what they send. */
import { PeerError } from '../../src/base/errors.ts';
import { DigestClient, replaceAuthorization } from '../../src/sip/auth/digest-client.ts';
import { HeaderId, parseMessage, SipRequest, type SipResponse, serialize } from '../../src/sip/message/index.ts';
import { ENGINE, PASSWORD, SDP, type World } from '../engine/world.ts';

type Random = () => number;
type Fields = Readonly<Record<string, string | undefined>>;

const OFFERS = [
  SDP,
  `${SDP}a=sendonly\r\n`,
  `${SDP}m=video 4002 RTP/AVP 96\r\n`,
  'v=0\r\no=- 2 2 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n',
];
const TARGETS = ['918005550199', '18005550199', '101', '102', '103', '+14155550102', '911', '*72102', '999', 'alice'];
const ADORNMENTS: Fields[] = [
  {},
  { Supported: '100rel, timer, replaces', 'Session-Expires': '90;refresher=uac', 'Min-SE': '90' },
  { Require: '100rel' },
  { 'X-Outbound-Cli': 'from=14155550101' },
  { Privacy: 'id', 'P-Asserted-Identity': '<sip:14155550101@acme.example.com>' },
  { Diversion: '<sip:14155550102@example.net>;reason=user-busy' },
  { Allow: 'INVITE, ACK, CANCEL, BYE, UPDATE, PRACK, REFER, INFO, NOTIFY', Supported: 'timer' },
];

/** Sends and answers over UDP; remembers the dialogs that it is in. */
class Robot {
  readonly world: World;
  readonly address: string;
  readonly random: Random;
  /** Dialogs: what a request within needs. */
  readonly dialogs: { local: string; remote: string; callId: string; target: string; sequence: number }[] = [];

  constructor(world: World, address: string, random: Random) {
    this.world = world;
    this.address = address;
    this.random = random;
    world.network.attach('udp', address, 5060, { receive: (text) => this.#receive(text) });
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[Math.floor(this.random() * values.length)] as Value;
  }

  after(ms: number, act: () => void): void {
    this.world.scheduler.after(this.random() * ms, act);
  }

  send(text: string): void {
    this.world.network.carry('udp', { host: this.address, port: 5060 }, { host: ENGINE, port: 5060 }, text);
  }

  text(method: string, uri: string, fields: Fields, body = ''): string {
    const all: Fields = {
      Via: `SIP/2.0/UDP ${this.address};rport;branch=z9hG4bK-${this.world.next()}`,
      'Max-Forwards': '70',
      Contact: `<sip:robot@${this.address}:5060>`,
      'Content-Type': body === '' ? undefined : 'application/sdp',
      ...fields,
      'Content-Length': String(body.length),
    };
    const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
    return `${method} ${uri} SIP/2.0\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
  }

  answer(request: SipRequest, status: number, fields: Fields = {}, body = ''): void {
    const to = request.headers.value(HeaderId.To) ?? '';
    const tagged = request.toTag() === undefined && status > 100 ? `${to};tag=r${this.address}` : to;
    const vias = [...request.headers.fieldValues(HeaderId.Via)].map((via) => `Via: ${via}\r\n`).join('');
    const all: Fields = {
      From: request.headers.value(HeaderId.From),
      To: tagged,
      'Call-ID': request.callId(),
      CSeq: request.headers.value(HeaderId.CSeq),
      Contact: `<sip:robot@${this.address}:5060>`,
      'Content-Type': body === '' ? undefined : 'application/sdp',
      ...fields,
      'Content-Length': String(body.length),
    };
    const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
    this.send(`SIP/2.0 ${status} Whatever\r\n${vias}${lines.join('\r\n')}\r\n\r\n${body}`);
    if (request.method === 'INVITE' && status === 200 && request.toTag() === undefined) {
      this.dialogs.push({
        local: tagged,
        remote: request.headers.value(HeaderId.From) ?? '',
        callId: request.callId(),
        target: /<([^>]*)>/.exec(request.headers.value(HeaderId.Contact) ?? '')?.[1] ?? '',
        sequence: 100,
      });
    }
  }

  /** Something that a party to a call does. */
  within(): void {
    const dialog = this.pick(this.dialogs);
    if (dialog === undefined) return;
    const method = this.pick([
      'BYE',
      'BYE',
      'INVITE',
      'UPDATE',
      'INFO',
      'REFER',
      'MESSAGE',
      'NOTIFY',
      'OPTIONS',
      'CANCEL',
    ]);
    const more: Record<string, Fields> = {
      REFER: {
        'Refer-To': this.pick([
          '<sip:102@acme.example.com>',
          '<sip:918005550188@acme.example.com>',
          `<sip:102@acme.example.com?Replaces=${dialog.callId}%3Bto-tag%3Da%3Bfrom-tag%3Db>`,
        ]),
      },
      NOTIFY: { Event: 'refer', 'Subscription-State': 'active' },
      UPDATE: { 'Session-Expires': '90;refresher=uas', Supported: 'timer' },
    };
    const hasBody = method === 'INVITE' || (method === 'UPDATE' && this.random() < 0.5);
    this.send(
      this.text(
        method,
        dialog.target,
        {
          From: dialog.local,
          To: dialog.remote,
          'Call-ID': dialog.callId,
          CSeq: `${++dialog.sequence} ${method}`,
          ...more[method],
        },
        hasBody ? this.pick(OFFERS) : '',
      ),
    );
    if (method === 'BYE') this.dialogs.splice(this.dialogs.indexOf(dialog), 1);
  }

  #receive(text: string): void {
    const message = parseMessage(text);
    try {
      if (message instanceof SipRequest) this.onRequest(message);
      else this.onResponse(message as SipResponse);
    } catch (error) {
      // The answer to a broken request may miss what that missed.
      if (!(error instanceof PeerError)) throw error;
    }
  }

  onRequest(request: SipRequest): void {
    if (request.method === 'ACK') return;
    if (request.method !== 'INVITE' || request.toTag() !== undefined) {
      const isRefused = this.random() < 0.1;
      this.answer(request, isRefused ? this.pick([481, 491, 500]) : 200, {}, request.method === 'INVITE' ? SDP : '');
      return;
    }
    this.ring(request);
  }

  /** Answers a call in one of many ways. */
  ring(request: SipRequest): void {
    const reliable = { Require: '100rel', RSeq: '1' };
    const supports = (request.headers.value(HeaderId.Supported) ?? '').includes('100rel');
    if (this.random() < 0.5) this.answer(request, 100);
    this.after(200, () => this.answer(request, 180, supports && this.random() < 0.5 ? reliable : {}));
    if (this.random() < 0.3) this.after(400, () => this.answer(request, 183, {}, this.pick(OFFERS)));
    const final = this.pick([200, 200, 200, 200, 200, 486, 503, 302, 401, 407, 422, 420, 404, 600, 0]);
    const fields: Record<number, Fields> = {
      302: { Contact: this.pick(['<sip:102@acme.example.com>;q=0.5', '<sip:1@192.0.2.20>', '<tel:+18005550177>']) },
      401: { 'WWW-Authenticate': 'Digest realm="x", nonce="n", algorithm=MD5, qop="auth"' },
      407: { 'Proxy-Authenticate': 'Digest realm="x", nonce="n", algorithm=SHA-256, qop="auth,auth-int"' },
      422: { 'Min-SE': '1800' },
      420: { Unsupported: 'timer' },
      503: { 'Retry-After': '5 (busy);duration=10' },
      200: {
        'Session-Expires': this.random() < 0.3 ? '90;refresher=uac' : undefined,
        Allow: 'INVITE, ACK, BYE, UPDATE',
      },
    };
    if (final === 0) return;
    this.after(2_000, () => this.answer(request, final, fields[final] ?? {}, final === 200 ? this.pick(OFFERS) : ''));
    for (let act = 0; act < 3; act++) this.after(20_000, () => this.within());
  }

  onResponse(_response: SipResponse): void {}
}

export class RobotCarrier extends Robot {
  call(number: string): void {
    const id = this.world.next();
    const uri = `sip:${number}@${ENGINE}`;
    const fields = { From: `<sip:+4930${id}@${this.address}>;tag=${id}`, To: `<${uri}>`, 'Call-ID': `carrier-${id}` };
    const invite = this.text(
      'INVITE',
      uri,
      { ...fields, CSeq: '1 INVITE', ...this.pick(ADORNMENTS) },
      this.pick(OFFERS),
    );
    this.send(invite);
    if (this.random() < 0.2) this.after(1_000, () => this.send(invite.replaceAll('INVITE', 'CANCEL')));
  }

  override onResponse(response: SipResponse): void {
    acknowledge(this, response);
  }
}

/** The ACK of an answer, and now and then what a party to the call does next. */
function acknowledge(robot: Robot, response: SipResponse): void {
  if (response.cseq().method !== 'INVITE' || response.status < 200) return;
  const dialog = {
    local: response.headers.value(HeaderId.From) ?? '',
    remote: response.headers.value(HeaderId.To) ?? '',
    callId: response.callId(),
    target: /<([^>]*)>/.exec(response.headers.value(HeaderId.Contact) ?? '')?.[1] ?? `sip:${ENGINE}`,
    sequence: response.cseq().sequence,
  };
  const fields = { From: dialog.local, To: dialog.remote, 'Call-ID': dialog.callId, CSeq: `${dialog.sequence} ACK` };
  const via = response.status < 300 ? {} : { Via: response.headers.value(HeaderId.Via) };
  robot.send(robot.text('ACK', dialog.target, { ...fields, ...via }));
  if (response.status >= 300) return;
  robot.dialogs.push(dialog);
  for (let act = 0; act < 3; act++) robot.after(20_000, () => robot.within());
}

export class RobotPhone extends Robot {
  readonly number: string;
  readonly #client: DigestClient;
  readonly #asked = new Map<string, string>();

  constructor(world: World, address: string, number: string, random: Random) {
    super(world, address, random);
    this.number = number;
    this.#client = new DigestClient({ username: number, secret: { password: PASSWORD } });
  }

  #ask(method: string, uri: string, fields: Fields, body = ''): void {
    const id = this.world.next();
    const own = `<sip:${this.number}@acme.example.com>`;
    const text = this.text(
      method,
      uri,
      { From: `${own};tag=${id}`, To: `<${uri}>`, 'Call-ID': `phone-${id}`, CSeq: `1 ${method}`, ...fields },
      body,
    );
    this.#asked.set(`phone-${id}`, text);
    this.send(text);
    if (method === 'INVITE' && this.random() < 0.2)
      this.after(1_500, () => this.send(text.replaceAll('INVITE', 'CANCEL')));
  }

  register(): void {
    const own = `<sip:${this.number}@acme.example.com>`;
    this.#ask('REGISTER', 'sip:acme.example.com', { To: own, Expires: this.pick(['60', '3600', '0', undefined]) });
  }

  act(): void {
    const uri = `sip:${this.pick(TARGETS)}@acme.example.com`;
    const kind = this.random();
    if (kind < 0.7) this.#ask('INVITE', uri, this.pick(ADORNMENTS), this.random() < 0.9 ? this.pick(OFFERS) : '');
    else if (kind < 0.8) this.register();
    else if (kind < 0.9) this.#ask('MESSAGE', uri, { 'Content-Type': 'text/plain' }, 'hello');
    else
      this.#ask(this.pick(['SUBSCRIBE', 'REFER', 'OPTIONS', 'PUBLISH']), uri, {
        Event: 'dialog',
        'Refer-To': `<${uri}>`,
      });
  }

  override onResponse(response: SipResponse): void {
    acknowledge(this, response);
    const asked = this.#asked.get(response.callId());
    if (asked === undefined || (response.status !== 401 && response.status !== 407)) return;
    this.#asked.delete(response.callId());
    const again = parseMessage(asked) as SipRequest;
    again.headers.set(HeaderId.Via, `SIP/2.0/UDP ${this.address};rport;branch=z9hG4bK-${this.world.next()}`);
    again.headers.set(HeaderId.CSeq, `2 ${again.method}`);
    const request = parseMessage(serialize(again)) as SipRequest;
    const answer = this.#client.answer(response, request, `udp:${ENGINE}:5060`, 0);
    if (answer.kind !== 'retry') return;
    replaceAuthorization(request, answer.headers);
    this.send(serialize(request));
  }
}
