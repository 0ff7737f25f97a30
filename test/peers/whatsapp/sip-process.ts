/**
 * WhatsApp's SIP side as a process of its own: `node sip-process.ts CONFIG.json`. It reads commands from its standard input and prints
 * what happens, one JSON object a line each. README.md has the facts that it holds a business to.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Challenge, credentials, readChallenge } from '../../end-to-end/outbound/digest.ts';
import {
  fieldOf,
  methodOf,
  responseTo,
  statusOf,
  tagOf,
  uriOf,
  valuesOf,
  type WireMessage,
  writeMessage,
} from '../../end-to-end/outbound/wire-message.ts';
import { CallMedia } from '../teams/call-media.ts';
import { Connections, type Identity, type Peer } from '../teams/connections.ts';
import { type BusinessNumber, refusalOf } from './sip-facts.ts';

interface Config extends Identity, BusinessNumber {
  readonly domain: string;
  readonly address: string;
  readonly port: number;
}

interface Command {
  readonly do: 'call' | 'bye' | 'media' | 'behave' | 'sbc';
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  /** Header fields of the call's own, as `name: value`. */
  readonly headers?: readonly string[];
  /** What it signs calls with in place of its password. */
  readonly password?: string;
  /** Status line that INVITEs are answered with, in place of an answer. */
  readonly invite?: string;
  /** Where the business is. */
  readonly address?: string;
  readonly port?: number;
}

interface Dialog {
  readonly peer: Peer;
  readonly callId: string;
  readonly local: string;
  readonly remote: string;
  readonly target: string;
  readonly media: CallMedia;
  readonly sinceMs: number;
  sequence: number;
}

interface Asked {
  readonly media: CallMedia;
  readonly command: Command;
  readonly body: string;
  tries: number;
}

const tell = (event: string, facts: object = {}) => console.log(JSON.stringify({ event, ...facts }));
const token = () => randomBytes(8).toString('hex');
const TAG = token();

class WhatsappSip {
  readonly #config: Config;
  readonly #connections: Connections;
  readonly #challenge: Challenge;
  readonly #dialogs = new Map<string, Dialog>();
  readonly #calls = new Map<string, Asked>();
  #business = { address: '', port: 0 };
  #invite: string | undefined;

  constructor(config: Config) {
    this.#config = config;
    this.#challenge = { realm: config.domain, nonce: token(), algorithm: 'MD5', opaque: '', uses: 0 };
    this.#connections = new Connections(config, config.address, {
      onMessage: (message, peer) => void this.#onMessage(message, peer),
      onRefused: (reason) => tell('tls-refused', { reason }),
      onClosed: () => tell('closed'),
    });
  }

  async start(): Promise<void> {
    await this.#connections.listen(this.#config.port);
    tell('listening');
  }

  async command(command: Command): Promise<void> {
    const dialog = this.#dialogs.get(command.callId ?? '');
    switch (command.do) {
      case 'sbc':
        this.#business = { address: command.address ?? '', port: command.port ?? 0 };
        return;
      case 'behave':
        this.#invite = command.invite;
        tell('behaving');
        return;
      case 'call': {
        const media = await CallMedia.open(this.#config.address);
        const asked = { media, command, body: media.describe(), tries: 0 };
        const callId = token();
        this.#calls.set(callId, asked);
        await this.#ask(callId, asked, undefined);
        return;
      }
      case 'media':
        tell('media', { callId: command.callId, received: dialog?.media.received, forged: dialog?.media.forged });
        return;
      case 'bye':
        if (dialog !== undefined) this.#bye(dialog);
    }
  }

  /** A user's call, to the name that the business has entered. */
  async #ask(callId: string, asked: Asked, challenge: Challenge | undefined): Promise<void> {
    const { number, hostname, domain, password } = this.#config;
    const { from = '', to = number, headers = [], password: shown = password } = asked.command;
    const uri = `sip:${to}@${hostname};transport=TLS`;
    const signed =
      challenge === undefined
        ? []
        : [
            `Proxy-Authorization: ${credentials(challenge, { username: number, password: shown, method: 'INVITE', uri })}`,
          ];
    asked.tries++;
    const fields = [
      `From: <sip:${from}@${domain}>;tag=${TAG}`,
      `To: <sip:${to}@${hostname}>`,
      `Call-ID: ${callId}`,
      `CSeq: ${asked.tries} INVITE`,
      `X-FB-External-Domain: ${domain}`,
      ...headers,
      ...signed,
      ...this.#described(),
    ];
    try {
      const { address, port } = this.#business;
      const peer = await this.#connections.to(hostname, address, port);
      peer.send(writeMessage(`INVITE ${uri} SIP/2.0`, [...this.#own(), ...fields], asked.body));
    } catch (error) {
      tell('unreachable', { reason: (error as Error).message });
    }
  }

  async #onMessage(message: WireMessage, peer: Peer): Promise<void> {
    if (statusOf(message) > 0) {
      await this.#onResponse(message, peer);
      return;
    }
    const method = methodOf(message);
    const callId = fieldOf(message, 'Call-ID');
    const dialog = this.#dialogs.get(callId);
    tell('request', { method, callId, within: tagOf(fieldOf(message, 'To')) !== '' ? 1 : 0, text: message.text });
    switch (method) {
      case 'INVITE':
        if (tagOf(fieldOf(message, 'To')) === '') await this.#onInvite(message, peer);
        else this.#refuse(message, peer, { status: '488 Not Acceptable Here', fact: 're-invite' });
        return;
      case 'UPDATE':
        this.#refuse(message, peer, { status: '488 Not Acceptable Here', fact: 'update' });
        return;
      case 'ACK':
        return;
      case 'BYE':
        dialog?.media.close();
        this.#dialogs.delete(callId);
        peer.send(responseTo(message, '200 OK', TAG));
        return;
      default:
        peer.send(responseTo(message, '200 OK', TAG));
    }
  }

  async #onInvite(message: WireMessage, peer: Peer): Promise<void> {
    const refusal = refusalOf(message, { ...this.#config, challenge: this.#challenge });
    if (refusal !== undefined) {
      this.#refuse(message, peer, refusal);
      return;
    }
    peer.send(responseTo(message, '100 Trying', TAG));
    if (this.#invite !== undefined) {
      peer.send(responseTo(message, this.#invite, TAG));
      return;
    }
    peer.send(responseTo(message, '180 Ringing', TAG, this.#described().slice(0, 1)));
    const media = await CallMedia.open(this.#config.address);
    media.heard(message.body);
    const callId = fieldOf(message, 'Call-ID');
    this.#dialogs.set(callId, {
      peer,
      callId,
      local: `${fieldOf(message, 'To')};tag=${TAG}`,
      remote: fieldOf(message, 'From'),
      target: uriOf(fieldOf(message, 'Contact')),
      media,
      sinceMs: Date.now(),
      sequence: 0,
    });
    peer.send(responseTo(message, '200 OK', TAG, this.#described(), media.describe()));
    tell('answered', { callId });
  }

  #refuse(message: WireMessage, peer: Peer, { status, fact }: { status: string; fact: string }): void {
    tell('refused', { fact, status });
    const { realm, nonce } = this.#challenge;
    const challenge = `Proxy-Authenticate: Digest realm="${realm}", nonce="${nonce}", algorithm=MD5, qop="auth"`;
    peer.send(responseTo(message, status, TAG, status.startsWith('407') ? [challenge] : []));
  }

  async #onResponse(message: WireMessage, peer: Peer): Promise<void> {
    const status = statusOf(message);
    const callId = fieldOf(message, 'Call-ID');
    const cseq = fieldOf(message, 'CSeq');
    tell('response', { status, cseq, callId, text: message.text });
    const asked = this.#calls.get(callId);
    if (!cseq.endsWith('INVITE') || status < 200 || asked === undefined) return;
    this.#acknowledge(message, peer, asked);
    if ((status === 401 || status === 407) && asked.tries < 2) {
      await this.#ask(
        callId,
        asked,
        readChallenge(fieldOf(message, status === 401 ? 'WWW-Authenticate' : 'Proxy-Authenticate')),
      );
      return;
    }
    if (status >= 300) {
      asked.media.close();
      return;
    }
    if (this.#dialogs.has(callId)) return;
    if (asked.tries === 1) tell('unchallenged', { callId });
    asked.media.heard(message.body);
    this.#dialogs.set(callId, {
      peer,
      callId,
      local: fieldOf(message, 'From'),
      remote: fieldOf(message, 'To'),
      target: uriOf(fieldOf(message, 'Contact')),
      media: asked.media,
      sinceMs: Date.now(),
      sequence: asked.tries,
    });
    tell('established', { callId });
  }

  #acknowledge(message: WireMessage, peer: Peer, { command: { to = this.#config.number } }: Asked): void {
    const isTaken = statusOf(message) < 300;
    const branch = /branch=([^;]+)/.exec(valuesOf(message, 'Via').at(0) ?? '')?.[1];
    const target = isTaken ? uriOf(fieldOf(message, 'Contact')) : `sip:${to}@${this.#config.hostname};transport=TLS`;
    peer.send(
      writeMessage(`ACK ${target} SIP/2.0`, [
        ...this.#own(isTaken ? undefined : branch),
        `From: ${fieldOf(message, 'From')}`,
        `To: ${fieldOf(message, 'To')}`,
        `Call-ID: ${fieldOf(message, 'Call-ID')}`,
        `CSeq: ${Number.parseInt(fieldOf(message, 'CSeq'), 10)} ACK`,
      ]),
    );
  }

  /** WhatsApp says how long the call was. */
  #bye(dialog: Dialog): void {
    const { peer, callId, local, remote, target, media, sinceMs } = dialog;
    peer.send(
      writeMessage(`BYE ${target} SIP/2.0`, [
        ...this.#own(),
        `From: ${local}`,
        `To: ${remote}`,
        `Call-ID: ${callId}`,
        `CSeq: ${++dialog.sequence} BYE`,
        `x-wa-meta-call-duration: ${Math.round((Date.now() - sinceMs) / 1000)}`,
      ]),
    );
    media.close();
    this.#dialogs.delete(callId);
  }

  #own(branch = `z9hG4bK${token()}`): string[] {
    const { address, port } = this.#config;
    return [`Via: SIP/2.0/TLS ${address}:${port};branch=${branch};alias`, 'Max-Forwards: 68'];
  }

  #described(): string[] {
    const { address, port } = this.#config;
    return [`Contact: <sip:wa@${address}:${port};transport=tls>`, 'Content-Type: application/sdp'];
  }
}

const config = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Config;
const whatsapp = new WhatsappSip(config);
createInterface({ input: process.stdin }).on('line', (line) => void whatsapp.command(JSON.parse(line) as Command));
await whatsapp.start();
