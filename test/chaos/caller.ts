/** Calls that a party places, and its registration: at one node, and at the next when that one does not answer. */

import { replaceAuthorization } from '../../src/sip/auth/digest-client.ts';
import { DigestClient } from '../../src/sip/auth/index.ts';
import { HeaderId, parseMessage, type SipRequest, type SipResponse, serialize } from '../../src/sip/message/index.ts';
import type { Leg } from './journal.ts';
import { type Dialog, hostOf, type Party, SDP, uriOf } from './party.ts';

export interface Placing {
  readonly key: string;
  readonly node: string;
  readonly uri: string;
  readonly from: string;
  readonly password?: string;
  readonly trunkPort: number;
  /** When the caller hangs up after the answer; undefined: he leaves that to the other. */
  readonly talkMs?: number;
}

/** Nothing at all came: the next node is tried. */
const SILENT_MS = 2_000;
const PATIENCE_MS = 20_000;

/** Places a call at one node. Resolves with its leg when it has its final response, or was given up. */
export function place(party: Party, placing: Placing): Promise<Leg> {
  return new Promise((resolve) => new OutgoingCall(party, placing, resolve).start());
}

class OutgoingCall {
  readonly #party: Party;
  readonly #placing: Placing;
  readonly #done: (leg: Leg) => void;
  readonly #callId: string;
  readonly #leg: Leg;
  readonly #branches: string[] = [];
  #stop: () => void = () => {};
  #dialog: Dialog | undefined;
  #hasHeard = false;

  constructor(party: Party, placing: Placing, done: (leg: Leg) => void) {
    this.#party = party;
    this.#placing = placing;
    this.#done = done;
    this.#callId = `a${placing.key}-${party.options.name}`;
    const { key, node, trunkPort } = placing;
    const fields = { key, side: 'A' as const, who: party.options.name, callId: this.#callId, node, trunkPort };
    this.#leg = party.world.journal.leg(fields);
  }

  start(): void {
    this.#send(1);
    setTimeout(() => {
      if (!this.#hasHeard) this.#giveUp();
    }, SILENT_MS);
    setTimeout(() => {
      if (this.#leg.final === undefined) this.#giveUp();
    }, PATIENCE_MS);
  }

  #text(cseq: number, method = 'INVITE', to = `<${this.#placing.uri}>`): string {
    const { uri, from } = this.#placing;
    const body = method === 'INVITE' ? SDP : '';
    const offer =
      body === '' ? [] : [`Contact: ${this.#party.contact}`, this.#party.allow, 'Content-Type: application/sdp'];
    return [
      `${method} ${uri} SIP/2.0`,
      this.#party.via(this.#branches[cseq] ?? ''),
      'Max-Forwards: 70',
      `From: <${from}>;tag=${this.#callId}`,
      `To: ${to}`,
      `Call-ID: ${this.#callId}`,
      `CSeq: ${cseq} ${method}`,
      ...offer,
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n');
  }

  #send(cseq: number, challenge?: SipResponse, refused?: SipRequest): void {
    this.#branches[cseq] = this.#party.newBranch();
    const request = parseMessage(this.#text(cseq)) as SipRequest;
    if (challenge !== undefined && refused !== undefined && !this.#sign(request, challenge, refused)) return;
    this.#stop();
    this.#stop = this.#party.transact(
      serialize(request),
      this.#branches[cseq] ?? '',
      this.#callId,
      this.#placing.node,
      (response, node) => this.#heard(response, node, cseq, request),
    );
  }

  #sign(request: SipRequest, challenge: SipResponse, refused: SipRequest): boolean {
    const { password } = this.#placing;
    if (password === undefined) return false;
    const client = new DigestClient({ username: this.#party.options.name, secret: { password } });
    const answer = client.answer(challenge, refused, 'proxy', 0);
    if (answer.kind !== 'retry') return false;
    replaceAuthorization(request, answer.headers);
    return true;
  }

  #heard(response: SipResponse, node: string, cseq: number, request: SipRequest): void {
    const { journal } = this.#party.world;
    const { status } = response;
    const leg = this.#leg;
    this.#hasHeard = true;
    this.#stop();
    if (status < 200) {
      if (status > 100) leg.ringsAtMs.push(journal.nowMs());
      return;
    }
    if (status >= 300) {
      const ack = this.#text(cseq, 'ACK', response.headers.value(HeaderId.To)).replace(
        /^CSeq: .*$/m,
        `CSeq: ${cseq} ACK`,
      );
      this.#party.send(ack, node, this.#callId);
      if (leg.final !== undefined) return;
      if ((status === 401 || status === 407) && cseq === 1) {
        if (this.#branches.length > 2) return;
        this.#send(2, response, request);
        return;
      }
      leg.final = status;
      leg.reason = response.headers.value(HeaderId.Warning) ?? response.reason;
      leg.finalAtMs = journal.nowMs();
      this.#done(leg);
      return;
    }
    this.#answered(response, cseq);
  }

  #answered(response: SipResponse, cseq: number): void {
    const leg = this.#leg;
    const to = response.headers.value(HeaderId.To) ?? '';
    const target = uriOf(response.headers.value(HeaderId.Contact));
    const made: Dialog = {
      leg,
      local: `<${this.#placing.from}>;tag=${this.#callId}`,
      remote: to,
      target,
      cseq: 10,
      timers: [],
    };
    const isCopy = this.#dialog?.remote === to;
    const dialog = isCopy && this.#dialog !== undefined ? this.#dialog : made;
    const branch = this.#party.newBranch();
    this.#party.send(this.#party.inDialog('ACK', dialog, branch, cseq), hostOf(dialog.target), this.#callId);
    if (isCopy) return;
    if (this.#dialog !== undefined || leg.final !== undefined) {
      // Another answer, or one that comes when he has hung up: it is ended at once.
      if (leg.final === 200) leg.furtherAnswers++;
      const bye = this.#party.newBranch();
      void this.#party.ask(this.#party.inDialog('BYE', made, bye, 11), bye, this.#callId, hostOf(target));
      if (this.#dialog === undefined) this.#dialog = made;
      return;
    }
    this.#dialog = dialog;
    this.#party.dialogs.set(this.#callId, dialog);
    leg.node = hostOf(target);
    leg.final = response.status;
    leg.answeredAtMs = this.#party.world.journal.nowMs();
    leg.finalAtMs = leg.answeredAtMs;
    const { talkMs } = this.#placing;
    if (talkMs !== undefined) this.#party.later(dialog, talkMs, () => void this.#party.hangUp(dialog));
    this.#done(leg);
  }

  #giveUp(): void {
    const leg = this.#leg;
    if (leg.final !== undefined) return;
    this.#stop();
    leg.isAbandoned = true;
    leg.final = 0;
    leg.finalAtMs = this.#party.world.journal.nowMs();
    const cseq = this.#branches.length - 1;
    if (this.#hasHeard) {
      const { node } = this.#placing;
      const cancel = this.#text(cseq, 'CANCEL');
      for (const host of new Set([node, ...this.#party.world.nodes])) this.#party.send(cancel, host, this.#callId);
    }
    this.#done(leg);
  }
}

/** Registers at the first node that takes it; false: none did. */
export async function register(party: Party, nodes: readonly string[], password: string): Promise<boolean> {
  for (const node of nodes) if (await registerAt(party, node, password)) return true;
  return false;
}

async function registerAt(party: Party, node: string, password: string): Promise<boolean> {
  const { name } = party.options;
  const callId = `r-${name}-${party.newBranch()}`;
  const made = (cseq: number, branch: string) =>
    parseMessage(
      [
        'REGISTER sip:acme.test SIP/2.0',
        party.via(branch),
        'Max-Forwards: 70',
        `From: <sip:${name}@acme.test>;tag=${callId}`,
        `To: <sip:${name}@acme.test>`,
        `Call-ID: ${callId}`,
        `CSeq: ${cseq} REGISTER`,
        `Contact: ${party.contact}`,
        'Expires: 120',
        'Content-Length: 0',
        '',
        '',
      ].join('\r\n'),
    ) as SipRequest;
  const first = party.newBranch();
  const refused = made(1, first);
  const challenge = await party.ask(serialize(refused), first, callId, node);
  if (challenge === undefined || challenge.status === 200) return challenge !== undefined;
  const client = new DigestClient({ username: name, secret: { password } });
  const answer = client.answer(challenge, refused, 'registrar', 0);
  if (answer.kind !== 'retry') return false;
  const second = party.newBranch();
  const signed = made(2, second);
  replaceAuthorization(signed, answer.headers);
  return (await party.ask(serialize(signed), second, callId, node))?.status === 200;
}
