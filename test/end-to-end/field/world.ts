import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NodeSettingsInput } from '../../../src/settings/node-schema.ts';
import { TestAuthority } from '../../kit/certificates.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import type { ProvisioningInput } from '../../kit/engine-process.ts';
import { credentials, readChallenge } from '../outbound/digest.ts';
import {
  fieldOf,
  methodOf,
  responseTo,
  statusOf,
  uriOf,
  type WireMessage,
  writeMessage,
} from '../outbound/wire-message.ts';
import { acme, carrierTrunk } from '../world.ts';
import { Party, type PartyTransport } from './party.ts';

export { responseTo, statusOf } from '../outbound/wire-message.ts';
export { Party } from './party.ts';

/** The host that the phone of extension 101 calls from; it is not challenged there. */
export const PHONE_HOST = '127.0.0.2';

export const SDP =
  'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';

/** Over what everybody speaks, and where: for rows that have to hold over all of them. */
export const WAYS = [
  ['udp', '127.0.0.1'],
  ['tcp', '127.0.0.1'],
  ['tls', '127.0.0.1'],
  ['udp', '::1'],
  ['tls', '::1'],
] as const;

export interface FieldOptions {
  readonly tenant?: Parameters<typeof acme>[0];
  /** Changes to the trunk `carrier`, whose host and port are the world's carrier. */
  readonly trunk?: Parameters<typeof carrierTrunk>[1];
  /** More trunks, given the carrier's port. */
  readonly trunks?: (carrierPort: number) => NonNullable<ProvisioningInput['trunks']>;
  /** Over what the carrier is reached; over TLS the engine listens for that too. Default udp. */
  readonly carrier?: PartyTransport;
  /** What the phone and `party` speak unless told otherwise. Default udp. */
  readonly phones?: PartyTransport;
  /** Where everybody is; on `::1` the phone of extension 101 is at the same address as the others. Default 127.0.0.1. */
  readonly host?: '127.0.0.1' | '::1';
  readonly settings?: Partial<NodeSettingsInput>;
}

/**
 * The engine with tenant acme (`acme.test`, phones 101 to 103, `9` and a number go out by the trunk `carrier`, DIDs 14155550101 to
 * 14155550103 come in), a phone's and a carrier's raw socket. The carrier answers OPTIONS and BYE; everything else is the test's.
 */
export interface FieldWorld extends TestEngine {
  /** Where the engine listens. */
  at(transport?: PartyTransport): { readonly address: string; readonly port: number };
  readonly phone: Party;
  readonly carrier: Party;
  /** One more socket; closed with the world. */
  party(transport?: PartyTransport, address?: string): Promise<Party>;
}

export async function startField(options: FieldOptions = {}): Promise<FieldWorld> {
  const parties: Party[] = [];
  const opened = (party: Party): Party => {
    parties.push(party);
    return party;
  };
  const { carrier: way = 'udp', phones = 'udp', host = '127.0.0.1' } = options;
  const at = { address: host, port: 0 };
  const tls = way === 'tls' ? tlsFiles() : undefined;
  const carrier = opened(way === 'udp' ? await Party.udp(at, host) : await Party.listen(host, tls?.pair));
  carrier.serves = serveQuietly;
  const changes = {
    host,
    transport: way,
    ...(tls === undefined ? {} : { tls: { ca: tls.ca } }),
    ...options.trunk,
  };
  const phoneHost = host === '::1' ? host : PHONE_HOST;
  const base = acme();
  const engine = await startEngine({
    provisioning: {
      tenants: [
        {
          ...base,
          extensions: (base.extensions ?? []).map((extension) =>
            extension.number === '101' ? { ...extension, trustedAddresses: [phoneHost] } : extension,
          ),
          ...options.tenant,
        },
      ],
      trunks: [carrierTrunk(carrier.port, changes), ...(options.trunks?.(carrier.port) ?? [])],
    },
    host,
    settings: {
      digest: { algorithms: ['MD5'] },
      ...(tls === undefined ? {} : { listen: [...inClear(host), { transport: 'tls', host, port: 0, ...tls.own }] }),
      ...options.settings,
    },
  });
  at.port = engine.port();
  const where = (transport: PartyTransport = phones) => ({ address: host, port: engine.port(transport) });
  const party = async (transport: PartyTransport = phones, address: string = host) => {
    const made = opened(
      transport === 'udp'
        ? await Party.udp(where('udp'), address)
        : await Party.connect(where(transport), transport, address),
    );
    made.knownEverywhere = engine.registeredEverywhere;
    return made;
  };
  const phone = await party(phones, phoneHost);
  return {
    ...engine,
    at: where,
    phone,
    carrier,
    party,
    async stop() {
      await engine.stop();
      for (const each of parties) each.close();
      tls?.remove();
    },
  };
}

const inClear = (host: string) => [
  { transport: 'udp' as const, host, port: 0 },
  { transport: 'tcp' as const, host, port: 0 },
];

/** A certificate for both ends on this machine, of an authority that the trunk trusts. */
function tlsFiles() {
  const authority = new TestAuthority();
  const folder = mkdtempSync(join(tmpdir(), 'tandem-field-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const pair = authority.issue({ commonName: 'field.test', alternativeNames: ['IP:127.0.0.1', 'IP:::1'] });
  return {
    pair,
    ca: file('ca.pem', authority.certificate),
    own: { certificate: file('own.pem', pair.cert), key: file('own.key', pair.key) },
    remove() {
      authority.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** 200 to OPTIONS and BYE. */
export function serveQuietly(message: WireMessage): string | undefined {
  const method = methodOf(message);
  return method === 'OPTIONS' || method === 'BYE' ? responseTo(message, '200 OK', 'quiet') : undefined;
}

export const token = (): string => randomBytes(8).toString('hex');

/** Header fields by name: a text replaces the default, a list gives several, undefined leaves it out; new names come last. */
export type FieldChanges = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A request as octets, with defaults for what every request needs. */
export function requestOf(party: Party, startLine: string, changes: FieldChanges = {}, body = ''): string {
  const [method = ''] = startLine.trim().split(/\s+/);
  const fields: Record<string, string | readonly string[] | undefined> = {
    Via: `SIP/2.0/${party.transport.toUpperCase()} ${party.hostPort};rport;branch=z9hG4bK${token()}`,
    'Max-Forwards': '70',
    From: `<sip:101@acme.test>;tag=${token()}`,
    To: '<sip:acme.test>',
    'Call-ID': token(),
    CSeq: `1 ${method}`,
    Contact: `<sip:101@${party.hostPort}${party.transport === 'udp' ? '' : `;transport=${party.transport}`}>`,
    'Content-Type': body === '' ? undefined : 'application/sdp',
    ...changes,
  };
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((text) => `${name}: ${text}`),
  );
  return writeMessage(startLine, lines, body);
}

/** Signs the phone of an extension in. */
export async function register(party: Party, number: string): Promise<void> {
  const address = `<sip:${number}@acme.test>`;
  const text = requestOf(party, 'REGISTER sip:acme.test SIP/2.0', {
    From: `${address};tag=a`,
    To: address,
    Contact: `<sip:${number}@${party.hostPort}>`,
  });
  const answer = await ask(party, text, `secret-${number}`, number);
  if (statusOf(answer) !== 200) throw new Error(`${number} cannot register: ${answer.startLine}`);
}

/** The INVITE of phone 101 to an outside number, from a world's phone. */
export function phoneInvite(phone: Party, changes: FieldChanges = {}, dialled = '9442079460123'): string {
  const uri = `sip:${dialled}@acme.test`;
  return requestOf(phone, `INVITE ${uri} SIP/2.0`, { To: `<${uri}>`, ...changes }, SDP);
}

/** An INVITE of the carrier to the DID of a phone. */
export function carrierInvite(carrier: Party, changes: FieldChanges = {}, did = '14155550101'): string {
  const uri = `sip:${did}@acme.test`;
  const from = `<sip:+442079460001@${carrier.hostPort}>;tag=${token()}`;
  const contact = `<sip:carrier@${carrier.hostPort}>`;
  return requestOf(carrier, `INVITE ${uri} SIP/2.0`, { From: from, To: `<${uri}>`, Contact: contact, ...changes }, SDP);
}

/** One side's view of a dialog: what its requests say. */
export interface DialogView {
  readonly callId: string;
  readonly local: string;
  readonly remote: string;
  readonly target: string;
}

/** The dialog of who sent the INVITE that `answer` answers. */
export function dialogOfCaller(answer: WireMessage): DialogView {
  return {
    callId: fieldOf(answer, 'Call-ID'),
    local: fieldOf(answer, 'From'),
    remote: fieldOf(answer, 'To'),
    target: uriOf(fieldOf(answer, 'Contact')),
  };
}

/** The dialog of who answered `invite` with this To tag. */
export function dialogOfCallee(invite: WireMessage, tag: string): DialogView {
  return {
    callId: fieldOf(invite, 'Call-ID'),
    local: `${fieldOf(invite, 'To')};tag=${tag}`,
    remote: fieldOf(invite, 'From'),
    target: uriOf(fieldOf(invite, 'Contact')),
  };
}

/** A request within a dialog. */
export function inDialog(
  party: Party,
  dialog: DialogView,
  method: string,
  sequence: number,
  changes: FieldChanges = {},
  body = '',
): string {
  const fields = { From: dialog.local, To: dialog.remote, 'Call-ID': dialog.callId, CSeq: `${sequence} ${method}` };
  return requestOf(party, `${method} ${dialog.target} SIP/2.0`, { ...fields, ...changes }, body);
}

/** The 200 of a callee, with a session description. */
export function accept(party: Party, invite: WireMessage, tag: string, more: readonly string[] = []): string {
  const contact = more.some((line) => /^(contact|m)\s*:/i.test(line))
    ? []
    : [`Contact: <sip:callee@${party.hostPort}>`];
  return responseTo(invite, '200 OK', tag, [...contact, 'Content-Type: application/sdp', ...more], SDP);
}

/** The ACK for the 2xx or other final answer to an INVITE of `party`. */
export function ackOf(party: Party, invite: string, answer: WireMessage): string {
  const via = /\r\nVia: ([^\r]*)/.exec(invite)?.[1] ?? '';
  const accepted = statusOf(answer) < 300;
  const uri = accepted ? uriOf(fieldOf(answer, 'Contact')) : (invite.split(' ')[1] ?? '');
  return requestOf(party, `ACK ${uri} SIP/2.0`, {
    ...(accepted ? {} : { Via: via }),
    From: fieldOf(answer, 'From'),
    To: fieldOf(answer, 'To'),
    'Call-ID': fieldOf(answer, 'Call-ID'),
    CSeq: `${Number.parseInt(fieldOf(answer, 'CSeq'), 10)} ACK`,
    Contact: undefined,
  });
}

/** Sends a request and gives its final answer; a challenge is answered once. */
export async function ask(party: Party, text: string, password: string, username = '101'): Promise<WireMessage> {
  const [method = '', uri = ''] = text.split(' ');
  party.send(text);
  const first = await party.nextAnswer();
  const status = statusOf(first);
  if (status !== 401 && status !== 407) return first;
  if (method === 'INVITE') party.send(ackOf(party, text, first));
  const challenge = readChallenge(fieldOf(first, status === 401 ? 'WWW-Authenticate' : 'Proxy-Authenticate'));
  const signed = credentials(challenge, { username, password, method, uri });
  const again = text
    .replace(/branch=[^\r;]*/, `branch=z9hG4bK${token()}`)
    .replace(/\r\nCSeq: (\d+)/, (_, sequence: string) => `\r\nCSeq: ${Number(sequence) + 1}`)
    .replace('\r\n', `\r\n${status === 401 ? '' : 'Proxy-'}Authorization: ${signed}\r\n`);
  party.send(again);
  const answer = await party.nextAnswer();
  if (method === 'REGISTER') await party.knownEverywhere();
  return answer;
}

/** Has the engine call the carrier once: one that is reached over connections calls in over the engine's. */
export async function connectCarrier({ phone, carrier }: FieldWorld): Promise<void> {
  const invite = phoneInvite(phone);
  phone.send(invite);
  carrier.send(responseTo(await carrier.nextRequest('INVITE'), '486 Busy Here', 'b'));
  phone.send(ackOf(phone, invite, await phone.nextAnswer()));
  await carrier.nextRequest('ACK');
}

/** A call that stands, seen from both ends: the phone has called the carrier, or the other way round. */
export interface StandingCall {
  /** The INVITE as its callee got it. */
  readonly invite: WireMessage;
  /** The 200 as the caller got it. */
  readonly answer: WireMessage;
  readonly caller: DialogView;
  readonly callee: DialogView;
}

/** Places a call from `from` to `to` and acknowledges it. */
export async function call(from: Party, text: string, to: Party, more: readonly string[] = []): Promise<StandingCall> {
  from.send(text);
  const invite = await to.nextRequest('INVITE');
  const tag = token();
  to.send(accept(to, invite, tag, more));
  const answer = await from.nextAnswer(200);
  from.send(ackOf(from, text, answer));
  await to.nextRequest('ACK');
  return { invite, answer, caller: dialogOfCaller(answer), callee: dialogOfCallee(invite, tag) };
}
