/**
 * WhatsApp (`type: whatsapp`): what is configured for it, and what the calls of a number that has them preset. The facts are Meta's own
 * (docs/whatsapp.md).
 */
import { DidPool, DidPoolError } from '../tenants/did-pool.ts';
import { normalizeNumber } from '../tenants/number.ts';
import type { RuleReport } from '../tenants/rules.ts';
import type { BrandPreset } from './brands.ts';
import type { Trunk, TrunkCredentials, TrunkSettings } from './schema.ts';
import type { WhatsappSettings } from './whatsapp-schema.ts';

/** Where WhatsApp takes calls. */
export const WHATSAPP_HOST = 'wa.meta.vc';
export const WHATSAPP_PORT = 5061;

/** A number that carries calls, as it is written to WhatsApp. */
export interface WhatsappCalls {
  /** Lower case. */
  readonly hostname: string;
  readonly password: string;
  /** With `+`: user of From and of the credentials. */
  readonly number: string;
}

/** Undefined for a trunk of another type, and for one that carries messages alone. */
export function whatsappCalls({
  type,
  whatsapp,
}: {
  readonly type: string;
  readonly whatsapp?: WhatsappSettings | undefined;
}): WhatsappCalls | undefined {
  if (type !== 'whatsapp' || whatsapp?.calls === undefined) return undefined;
  const { hostname, password } = whatsapp.calls;
  return { hostname: hostname.toLowerCase(), password, number: `+${whatsapp.number.replace('+', '')}` };
}

/** What takes the place of a brand's preset. */
export function whatsappPreset({
  hostname,
  number,
}: WhatsappCalls): Pick<BrandPreset, 'transport' | 'port' | 'tlsPort' | 'options' | 'outboundParameters'> {
  return {
    port: WHATSAPP_PORT,
    tlsPort: WHATSAPP_PORT,
    transport: 'tls',
    // WhatsApp knows a caller by the business's own number; nobody can call it without.
    options: { media: 'srtp', sessionTimer: { mode: 'off' }, numberMayShow: true, contactToken: false },
    outboundParameters: {
      from: { user: { custom: number }, host: { custom: hostname } },
      contact: { user: { custom: number }, host: 'ContactUri' },
      privacy: [],
    },
  };
}

/** What WhatsApp signs its calls with, and is shown on those to it. */
export function whatsappCredentials({ number, password }: WhatsappCalls, registerSeconds: number): TrunkCredentials {
  return {
    authName: number,
    username: number,
    password,
    registerSeconds,
    realms: undefined,
    digest: undefined,
  };
}

/** Paths are relative to the trunk. */
export function checkWhatsapp(settings: TrunkSettings, trunk: Trunk, report: RuleReport): void {
  const { type, whatsapp, assignments } = trunk;
  if (whatsapp === undefined) return;
  if (type !== 'whatsapp') {
    report('option-not-for-type', 'whatsapp', 'is for whatsapp trunks');
    return;
  }
  if (whatsapp.apiBase !== undefined && !isProtected(whatsapp.apiBase))
    report('api-unprotected', 'whatsapp.apiBase', 'must be https: the access token travels in every request');
  if (!assignments.some(({ didPool }) => holds(didPool, whatsapp.number)))
    report('number-outside-pool', 'whatsapp.number', `${whatsapp.number} is not in the trunk's DID pool`);
  if (whatsapp.calls === undefined) return;
  for (const [path, why] of refused(settings, trunk)) report('option-not-for-type', path, why);
}

/** What cannot be otherwise on calls with WhatsApp. */
function* refused(settings: TrunkSettings, { transport, options }: Trunk): Generator<readonly [string, string]> {
  const { credentials, brand, outboundParameters: fields } = settings;
  if (brand !== 'generic') yield ['brand', 'a whatsapp trunk is of no other brand'];
  if (transport !== 'tls') yield ['transport', 'WhatsApp speaks TLS alone'];
  if (credentials !== undefined) yield ['credentials', 'whatsapp.number and whatsapp.calls.password say it'];
  if (options.media !== 'srtp' && options.media !== 'webrtc')
    yield ['options.media', 'WhatsApp talks SRTP: srtp (SDES) or webrtc (DTLS), as the number is set at Meta'];
  if (options.sessionTimer.mode !== 'off')
    yield ['options.sessionTimer.mode', 'WhatsApp takes no re-INVITE that would refresh a session'];
  for (const option of ['telUriRequestLine', 'telUriTo', 'removePlus', 'mutualTls'] as const)
    if (options[option]) yield [`options.${option}`, NOT_SO[option]];
  if (settings.numberFormat !== undefined && settings.numberFormat !== 'e164')
    yield ['numberFormat', 'WhatsApp writes E.164 numbers'];
  for (const field of ['requestUri', 'to', 'from'] as const)
    if (fields[field] !== undefined) yield [`outboundParameters.${field}`, 'WhatsApp takes one form of it alone'];
}

const NOT_SO = {
  telUriRequestLine: 'WhatsApp takes sip URIs alone',
  telUriTo: 'WhatsApp takes sip URIs alone',
  removePlus: 'WhatsApp takes no number without +',
  mutualTls: "calls from WhatsApp are known by the number's password",
} as const;

/** Whether what goes to it (files and messages may hold the access token) goes by TLS, or not beyond this machine. */
export function isProtected(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || /^(127\.[0-9.]+|\[::1\]|localhost)$/.test(hostname);
}

/** A pool that cannot be read is told of as such. */
function holds(didPool: string, number: string): boolean {
  try {
    return DidPool.parse(didPool).contains(normalizeNumber(number));
  } catch (error) {
    if (error instanceof DidPoolError) return true;
    throw error;
  }
}
