import { UdpParty } from './udp-party.ts';
import { fieldOf, methodOf, responseTo, type WireMessage } from './wire-message.ts';

/** Status lines a carrier answers an INVITE with, in order; a body goes with the last when `sdp` is set. */
export interface CarrierAnswer {
  readonly statuses: readonly string[];
  readonly headers?: readonly string[];
  readonly sdp?: string;
}

const BUSY: CarrierAnswer = { statuses: ['100 Trying', '486 Busy Here'] };

/** A carrier that notes every INVITE and refuses it at once, unless told otherwise; REGISTER, OPTIONS, BYE and CANCEL get a 200. */
export class Carrier {
  readonly party: UdpParty;
  readonly invites: WireMessage[] = [];
  answer: (invite: WireMessage) => CarrierAnswer = () => BUSY;

  #onInvite: ((invite: WireMessage) => void) | undefined;

  private constructor(party: UdpParty) {
    this.party = party;
    party.onMessage = (message, from) => this.#serve(message, from);
  }

  static async open(address = '127.0.0.1', port = 0): Promise<Carrier> {
    return new Carrier(await UdpParty.open(address, port));
  }

  get port(): number {
    return this.party.port;
  }

  /** The next INVITE that comes in. */
  nextInvite(): Promise<WireMessage> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no INVITE came to the carrier in 8 s')), 8_000);
      this.#onInvite = (invite) => {
        clearTimeout(timer);
        resolve(invite);
      };
    });
  }

  /** The INVITEs received since the last time, retransmissions left out. */
  take(): WireMessage[] {
    return this.invites.splice(0);
  }

  close(): void {
    this.party.close();
  }

  #serve(message: WireMessage, from: { address: string; port: number }): void {
    const method = methodOf(message);
    if (method === '' || method === 'ACK') return;
    if (method !== 'INVITE') {
      const bindings = method === 'REGISTER' ? [`Contact: ${fieldOf(message, 'Contact')};expires=600`] : [];
      this.party.send(responseTo(message, '200 OK', 'carrier', bindings), from);
      return;
    }
    const known = this.invites.some((invite) => invite.text === message.text);
    if (!known) {
      this.invites.push(message);
      this.#onInvite?.(message);
    }
    const { statuses, headers = [], sdp } = this.answer(message);
    const contact = `Contact: <sip:carrier@${this.party.hostPort}>`;
    for (const status of statuses) {
      const isLast = status === statuses.at(-1) && sdp !== undefined;
      const more = [contact, ...headers, ...(isLast ? ['Content-Type: application/sdp'] : [])];
      this.party.send(responseTo(message, status, 'carrier', more, isLast ? sdp : ''), from);
    }
  }
}
