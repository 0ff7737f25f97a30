/**
 * One of Teams' datacentres as a process of its own: `node datacentre.ts CONFIG.json`. It reads commands from its standard input and
 * prints what happens, one JSON object a line each. README.md has the facts that it holds a session border controller to.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  fieldOf,
  methodOf,
  responseTo,
  statusOf,
  uriOf,
  valuesOf,
  type WireMessage,
  writeMessage,
} from '../../end-to-end/outbound/wire-message.ts';
import { CallMedia } from './call-media.ts';
import { Connections, type Identity, type Peer } from './connections.ts';
import { readUri, refusalOf, type Tenant, tenantOf } from './facts.ts';

/** How INVITEs are answered. */
interface Behaviour {
  readonly invite?: 'answer' | 'ring' | `${number}`;
  /** Seconds of Retry-After in a 503. */
  readonly retryAfter?: number;
  /** 180 responses with different To tags before the answer. */
  readonly forks?: number;
  readonly options?: number;
}

interface Config extends Identity {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly tenants: readonly Tenant[];
}

interface Command extends Behaviour {
  readonly do: 'behave' | 'sbc' | 'call' | 'refer' | 'bye' | 'reinvite' | 'media';
  readonly fqdn?: string;
  readonly address?: string;
  readonly port?: number;
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  readonly referTo?: string;
  readonly referredBy?: string;
  /** Value of a Replaces header field. */
  readonly replaces?: string;
  readonly direction?: 'sendrecv' | 'inactive';
}

/** One dialog, as this side sees it. */
interface Dialog {
  readonly peer: Peer;
  readonly callId: string;
  readonly local: string;
  remote: string;
  readonly target: string;
  /** Allow of the other side. */
  readonly allow: string;
  readonly media: CallMedia;
  sequence: number;
}

const tell = (event: string, facts: object = {}) => console.log(JSON.stringify({ event, ...facts }));
const token = () => randomBytes(8).toString('hex');

class Datacentre {
  readonly #config: Config;
  readonly #connections: Connections;
  readonly #dialogs = new Map<string, Dialog>();
  /** INVITEs of this side that wait for their answers. */
  readonly #calls = new Map<string, { readonly media: CallMedia; readonly to: string }>();
  readonly #invites = new Map<string, WireMessage>();
  readonly #sbcs = new Map<string, { readonly address: string; readonly port: number }>();
  #behaviour: Behaviour = {};

  constructor(config: Config) {
    this.#config = config;
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
      case 'behave':
        this.#behaviour = command;
        tell('behaving');
        return;
      case 'sbc':
        this.#sbcs.set(command.fqdn ?? '', { address: command.address ?? '', port: command.port ?? 0 });
        return;
      case 'call':
        await this.#call(command);
        return;
      case 'media':
        tell('media', { callId: command.callId, received: dialog?.media.received, forged: dialog?.media.forged });
        return;
      default:
        if (dialog !== undefined) this.#within(dialog, command);
    }
  }

  async #onMessage(message: WireMessage, peer: Peer): Promise<void> {
    if (statusOf(message) > 0) {
      this.#onResponse(message, peer);
      return;
    }
    const method = methodOf(message);
    const dialog = this.#dialogs.get(fieldOf(message, 'Call-ID'));
    tell('request', { method, callId: fieldOf(message, 'Call-ID'), text: message.text });
    switch (method) {
      case 'OPTIONS':
        await this.#onOptions(message, peer);
        return;
      case 'INVITE':
        await this.#onInvite(message, peer, dialog);
        return;
      case 'ACK':
        if (dialog !== undefined && message.body !== '') tell('answer-in-ack');
        return;
      case 'CANCEL':
        this.#onCancel(message, peer);
        return;
      case 'BYE':
        peer.send(this.#response(message, '200 OK'));
        dialog?.media.close();
        this.#dialogs.delete(fieldOf(message, 'Call-ID'));
        return;
      default:
        peer.send(this.#response(message, '200 OK'));
        // A transfer that has succeeded: Teams leaves the call.
        if (method === 'NOTIFY' && /^SIP\/2.0 2/.test(message.body) && dialog !== undefined)
          this.#within(dialog, { do: 'bye' });
    }
  }

  /** 200 for whom it knows, and then an OPTIONS of its own to the name in Contact. */
  async #onOptions(message: WireMessage, peer: Peer): Promise<void> {
    const refusal = this.#refusal(message, peer);
    if (refusal !== undefined) {
      tell('refused', refusal);
      peer.send(this.#response(message, refusal.status));
      return;
    }
    const { options, retryAfter } = this.#behaviour;
    if (options !== undefined) {
      const wait = retryAfter === undefined ? [] : [`Retry-After: ${retryAfter}`];
      peer.send(this.#response(message, `${options} Unavailable`, wait));
      return;
    }
    peer.send(this.#response(message, '200 OK', ['Allow: INVITE,ACK,OPTIONS,CANCEL,BYE,NOTIFY']));
    const { host } = readUri(uriOf(fieldOf(message, 'Contact')));
    await this.#options(host);
  }

  async #options(fqdn: string): Promise<void> {
    const sbc = this.#sbcs.get(fqdn);
    if (sbc === undefined) return;
    const uri = `sip:${fqdn}:${sbc.port};transport=tls`;
    const { host, port } = this.#config;
    await this.#request(fqdn, 'OPTIONS', uri, [
      `From: <sip:${host}:${port}>;tag=${token()}`,
      `To: <${uri}>`,
      `Call-ID: ${token()}`,
      'CSeq: 1 OPTIONS',
    ]);
  }

  async #onInvite(message: WireMessage, peer: Peer, dialog: Dialog | undefined): Promise<void> {
    const refusal = this.#refusal(message, peer);
    if (refusal !== undefined) {
      tell('refused', refusal);
      peer.send(this.#response(message, refusal.status));
      return;
    }
    peer.send(this.#response(message, '100 Trying'));
    if (dialog !== undefined) {
      dialog.media.heard(message.body);
      const direction = /^a=inactive/m.test(message.body) ? 'inactive' : 'sendrecv';
      tell('reinvite', { callId: dialog.callId, direction });
      peer.send(this.#response(message, '200 OK', this.#described(), dialog.media.describe(direction)));
      return;
    }
    const { invite = 'answer', retryAfter, forks = 0 } = this.#behaviour;
    if (invite !== 'answer' && invite !== 'ring') {
      const wait = retryAfter === undefined ? [] : [`Retry-After: ${retryAfter}`];
      peer.send(this.#response(message, `${invite} Refused`, wait));
      return;
    }
    // Each user's devices ring, each with a tag of its own.
    for (let fork = 1; fork <= forks; fork++)
      peer.send(responseTo(message, '180 Ringing', `fork-${fork}`, this.#described().slice(0, 2)));
    if (forks === 0) peer.send(this.#response(message, '180 Ringing', this.#described().slice(0, 2)));
    const callId = fieldOf(message, 'Call-ID');
    if (invite === 'ring') {
      this.#invites.set(callId, message);
      return;
    }
    const media = await CallMedia.open(this.#config.address);
    media.heard(message.body);
    const tag = forks === 0 ? TAG : `fork-${forks}`;
    const opened = {
      peer,
      callId,
      local: `${fieldOf(message, 'To')};tag=${tag}`,
      remote: fieldOf(message, 'From'),
      media,
      sequence: 0,
    };
    const contact = uriOf(fieldOf(message, 'Contact'));
    this.#dialogs.set(callId, { ...opened, target: contact, allow: valuesOf(message, 'Allow').join(',') });
    const answer = media.describe();
    if (forks > 0) peer.send(responseTo(message, '183 Session Progress', tag, this.#described(), answer));
    peer.send(responseTo(message, '200 OK', tag, this.#described(), answer));
    const to = readUri(message.startLine.split(' ')[1] ?? '');
    const tenant = tenantOf(message, this.#config.tenants)?.name;
    tell('answered', {
      callId,
      tenant,
      to: to.user,
      xm: to.params.get('x-m'),
      referredBy: fieldOf(message, 'Referred-By'),
    });
  }

  #onCancel(message: WireMessage, peer: Peer): void {
    const invite = this.#invites.get(fieldOf(message, 'Call-ID'));
    peer.send(this.#response(message, '200 OK'));
    if (invite !== undefined) peer.send(this.#response(invite, '487 Request Terminated'));
    tell('cancelled');
  }

  /** A call from a Teams user: to the session border controller, by name. */
  async #call({ fqdn = '', from = '', to = '', replaces }: Command): Promise<void> {
    const sbc = this.#sbcs.get(fqdn);
    if (sbc === undefined) return;
    const media = await CallMedia.open(this.#config.address);
    const callId = token();
    this.#calls.set(callId, { media, to: fqdn });
    const uri = `sip:${to}@${fqdn}:${sbc.port};user=phone;transport=tls`;
    const fields = [
      `From: <sip:${from}@${this.#config.host}:${this.#config.port};transport=tls;user=phone>;tag=${TAG}`,
      `To: <${uri}>`,
      `Call-ID: ${callId}`,
      'CSeq: 1 INVITE',
      ...this.#described(),
      ...(replaces === undefined ? [] : [`Replaces: ${replaces}`, 'Require: replaces']),
    ];
    await this.#request(fqdn, 'INVITE', uri, fields, media.describe());
  }

  #onResponse(message: WireMessage, peer: Peer): void {
    const status = statusOf(message);
    const callId = fieldOf(message, 'Call-ID');
    const cseq = fieldOf(message, 'CSeq');
    tell('response', { status, cseq, callId, text: message.text });
    const call = this.#calls.get(callId);
    if (!cseq.endsWith('INVITE') || status < 200) return;
    const known = this.#dialogs.get(callId);
    if (status < 300 && call !== undefined && known === undefined) {
      call.media.heard(message.body);
      const target = uriOf(fieldOf(message, 'Contact'));
      const local = fieldOf(message, 'From');
      const dialog: Dialog = {
        peer,
        callId,
        local,
        remote: fieldOf(message, 'To'),
        target,
        allow: fieldOf(message, 'Allow'),
        media: call.media,
        sequence: 1,
      };
      this.#dialogs.set(callId, dialog);
    } else if (known !== undefined && status < 300) known.media.heard(message.body);
    const dialog = this.#dialogs.get(callId);
    const sequence = Number.parseInt(cseq, 10);
    const [local, remote] = [fieldOf(message, 'From'), fieldOf(message, 'To')];
    const target = status < 300 ? (dialog?.target ?? '') : `sip:${call?.to}`;
    const via = valuesOf(message, 'Via').at(0) ?? '';
    const branch = status < 300 ? `z9hG4bK${token()}` : (/branch=([^;]+)/.exec(via)?.[1] ?? '');
    peer.send(
      writeMessage(`ACK ${target} SIP/2.0`, [
        ...this.#own(branch),
        `From: ${local}`,
        `To: ${remote}`,
        `Call-ID: ${callId}`,
        `CSeq: ${sequence} ACK`,
      ]),
    );
    if (status < 300) tell('established', { callId });
  }

  #within(dialog: Dialog, command: Command): void {
    const { peer, callId, local, remote, target, media } = dialog;
    const method = command.do === 'reinvite' ? 'INVITE' : command.do.toUpperCase();
    if (method === 'REFER' && !/\bREFER\b/.test(dialog.allow)) {
      // Teams transfers by itself then, with a new INVITE.
      tell('refused', { fact: 'refer-not-allowed' });
      return;
    }
    const more = method === 'REFER' ? [`Refer-To: <${command.referTo}>`, `Referred-By: ${command.referredBy}`] : [];
    const body = method === 'INVITE' ? media.describe(command.direction) : '';
    const fields = [
      `From: ${local}`,
      `To: ${remote}`,
      `Call-ID: ${callId}`,
      `CSeq: ${++dialog.sequence} ${method}`,
      ...more,
    ];
    const contact = method === 'INVITE' ? this.#described() : method === 'REFER' ? this.#described().slice(0, 2) : [];
    peer.send(writeMessage(`${method} ${target} SIP/2.0`, [...this.#own(), ...fields, ...contact], body));
  }

  async #request(fqdn: string, method: string, uri: string, fields: readonly string[], body = ''): Promise<void> {
    const sbc = this.#sbcs.get(fqdn);
    if (sbc === undefined) return;
    try {
      const peer = await this.#connections.to(fqdn, sbc.address, sbc.port);
      const contact = method === 'OPTIONS' ? this.#described().slice(1, 2) : [];
      peer.send(writeMessage(`${method} ${uri} SIP/2.0`, [...this.#own(), ...fields, ...contact], body));
    } catch (error) {
      tell('unreachable', { fqdn, reason: (error as Error).message });
    }
  }

  #refusal(message: WireMessage, peer: Peer) {
    const { host, tenants } = this.#config;
    return refusalOf(message, { host, tenants, certificateNames: peer.names });
  }

  #response(request: WireMessage, status: string, more: readonly string[] = [], body = ''): string {
    return responseTo(request, status, TAG, more, body);
  }

  #own(branch = `z9hG4bK${token()}`): string[] {
    const { host, port } = this.#config;
    return [`Via: SIP/2.0/TLS ${host}:${port};branch=${branch};alias`, 'Max-Forwards: 68'];
  }

  /** Record-Route and Contact name the same datacentre. */
  #described(): string[] {
    const { host, port } = this.#config;
    return [
      `Record-Route: <sip:${host}:${port};transport=tls;lr>`,
      `Contact: <sip:${host}:${port};x-i=${TAG};transport=tls>`,
      'Content-Type: application/sdp',
    ];
  }
}

/** Of this side's dialogs. */
const TAG = token();

const config = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Config;
const datacentre = new Datacentre(config);
createInterface({ input: process.stdin }).on('line', (line) => void datacentre.command(JSON.parse(line) as Command));
await datacentre.start();
