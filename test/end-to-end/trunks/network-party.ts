import { randomBytes } from 'node:crypto';
import { SDP } from '../outbound/phone.ts';
import { UdpParty } from '../outbound/udp-party.ts';
import { fieldOf, methodOf, responseTo, statusOf, type WireMessage, writeMessage } from '../outbound/wire-message.ts';

export interface InboundCall {
  /** User part of the Request-URI; default: the called number. */
  readonly requestUri?: string;
  readonly from?: string;
  readonly to?: string;
  readonly headers?: readonly string[];
}

/** An INVITE that was sent. */
export interface PlacedInvite {
  readonly callId: string;
  owns(message: WireMessage): boolean;
  cancel(): void;
}

/** The far side of a carrier that places calls to DIDs, octet by octet: a UDP socket without any of the engine's code. */
export class NetworkParty {
  readonly party: UdpParty;
  engine = { address: '127.0.0.1', port: 0 };

  private constructor(party: UdpParty) {
    this.party = party;
    party.onMessage = (message, from) => {
      const method = methodOf(message);
      if (method !== '' && method !== 'ACK' && method !== 'INVITE')
        party.send(responseTo(message, '200 OK', 'network'), from);
    };
  }

  static async open(address = '127.0.0.1'): Promise<NetworkParty> {
    return new NetworkParty(await UdpParty.open(address));
  }

  get port(): number {
    return this.party.port;
  }

  /** Calls a number and gives the final response, acknowledged. */
  async call(called: string, options: InboundCall = {}): Promise<WireMessage> {
    const invite = await this.invite(called, options);
    return this.until((message) => statusOf(message) >= 200 && invite.owns(message));
  }

  async invite(
    called: string,
    { requestUri = called, from, to, headers = [] }: InboundCall = {},
  ): Promise<PlacedInvite> {
    const host = `${this.engine.address}:${this.engine.port}`;
    const uri = `sip:${requestUri}@${host}`;
    const callId = randomBytes(9).toString('hex');
    const via = `Via: SIP/2.0/UDP ${this.party.address}:${this.port};rport;branch=z9hG4bK${callId}`;
    const fields = [
      'Max-Forwards: 70',
      `From: ${from ?? '"Caller" <sip:4930123456@carrier.example>'};tag=n${callId}`,
      `To: ${to ?? `<sip:${called}@${host}>`}`,
      `Call-ID: ${callId}`,
    ];
    const more = [
      `Contact: <sip:network@${this.party.address}:${this.port}>`,
      'Content-Type: application/sdp',
      ...headers,
    ];
    this.party.send(
      writeMessage(`INVITE ${uri} SIP/2.0`, [via, ...fields, 'CSeq: 1 INVITE', ...more], SDP),
      this.engine,
    );
    const request = (method: string, toField = fields[2] ?? '') =>
      writeMessage(`${method} ${uri} SIP/2.0`, [
        via,
        ...fields.slice(0, 2),
        toField,
        ...fields.slice(3),
        `CSeq: 1 ${method}`,
      ]);
    void this.party
      .next(
        (message) => statusOf(message) >= 300 && fieldOf(message, 'Call-ID') === callId && isInvite(message),
        'a refusal',
        60_000,
      )
      .then(
        (refusal) => {
          this.#refusals.push(refusal);
          this.party.send(request('ACK', `To: ${fieldOf(refusal, 'To')}`), this.engine);
        },
        () => {},
      );
    return {
      callId,
      owns: (message) => fieldOf(message, 'Call-ID') === callId && isInvite(message),
      cancel: () => this.party.send(request('CANCEL'), this.engine),
    };
  }

  readonly #refusals: WireMessage[] = [];

  /** The first message so far, or yet to come, that matches. */
  async until(matches: (message: WireMessage) => boolean, timeoutMs = 8_000): Promise<WireMessage> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = [...this.#refusals, ...this.party.received].find(matches);
      if (found !== undefined) return found;
      if (performance.now() > deadline) {
        const last = this.party.received.slice(-5).map(({ startLine }) => startLine);
        throw new Error(`nothing that matches came in ${timeoutMs} ms; last: ${JSON.stringify(last)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): void {
    this.party.close();
  }
}

function isInvite(message: WireMessage): boolean {
  return fieldOf(message, 'CSeq').endsWith('INVITE');
}
