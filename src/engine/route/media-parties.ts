import { isInward } from '../../base/egress.ts';
import { formatNetwork, parseAddress } from '../../base/network.ts';
import { familyOf, type LegOptions } from '../../call/index.ts';
import type { MediaMode, MediaRelays } from '../../media/index.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import type { Binding } from '../../registrar/index.ts';
import { isSipUri, parseUri, type SipRequest } from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import type { Sender } from '../admit/front-proxies.ts';

type LegMedia = NonNullable<LegOptions['media']>;

/** Of a call that is only thought through, and whose caller has not registered: nothing can be said of a NAT. */
export const UNKNOWN_ADDRESS = '0.0.0.0';

const NO_CODECS: readonly string[] = [];
/** Most parties are like this one. */
const PLAIN: LegMedia = { mode: 'auto', behindNat: false, codecs: NO_CODECS, withoutRelay: 'refuse' };

/** The same of a party that is reached through the node that it registered at: media goes to itself. */
export function mediaThroughNode(media: LegMedia, { target, source }: Binding<Flow>): LegMedia {
  return { ...media, family: familyOf(target?.address ?? source.address) };
}

/** A party's extension, where it is one. */
export type MediaOwner = { readonly media?: MediaMode | undefined } | undefined;

/** What is known of a party's media before anything is described: what is provisioned for it, and how its signalling comes. */
export class MediaParties {
  readonly #relays: Pick<MediaRelays, 'configured'>;

  /** @param relays where there are none, nobody would do anything about a NAT, and nobody looks for one */
  constructor(relays: Pick<MediaRelays, 'configured'>) {
    this.#relays = relays;
  }

  /** A phone or service that sends this request. */
  caller(tenant: Tenant, owner: MediaOwner, request: SipRequest, flow: Flow, sender: Sender): LegMedia {
    return partyMedia(owner?.media ?? tenant.media, this.#relays.configured && requestBehindNat(request, flow, sender));
  }

  /** A phone that is called where it has registered. */
  callee(tenant: Tenant, owner: MediaOwner, binding: Binding<Flow>): LegMedia {
    return partyMedia(owner?.media ?? tenant.media, this.#relays.configured && bindingBehindNat(binding));
  }

  /** A trunk that sends this request. */
  fromTrunk(trunk: Trunk, request: SipRequest, flow: Flow, sender: Sender): LegMedia {
    return trunkMedia(trunk, this.#relays.configured && requestBehindNat(request, flow, sender), false);
  }

  /** A trunk that is called; `binding` is where its gateway has registered, if it does. */
  toTrunk(trunk: Trunk, binding: Binding<Flow> | undefined, emergency: boolean): LegMedia {
    const behindNat = binding !== undefined && this.#relays.configured && bindingBehindNat(binding);
    return trunkMedia(trunk, behindNat, emergency);
  }
}

function partyMedia(mode: MediaMode, behindNat: boolean): LegMedia {
  return mode === 'auto' && !behindNat ? PLAIN : { ...PLAIN, mode, behindNat };
}

function trunkMedia({ options, teams, type }: Trunk, behindNat: boolean, emergency: boolean): LegMedia {
  const { media: mode, codecs, mediaFallback } = options;
  const withoutRelay = emergency ? 'pass' : mediaFallback;
  if (mode === 'auto' && !behindNat && codecs.length === 0 && withoutRelay === 'refuse') return PLAIN;
  if (teams !== undefined) return { mode, behindNat, codecs, withoutRelay, needsOffer: true, holdsInactive: true };
  if (type === 'whatsapp') return { mode, behindNat, codecs, withoutRelay, steady: true };
  return { mode, behindNat, codecs, withoutRelay };
}

/** What it says of itself in Via and Contact is an address for itself alone that it does not send from; of a proxy in front the Via is its own. */
function requestBehindNat(request: SipRequest, { remoteAddress }: Flow, sender: Sender): boolean {
  if (isHidden(request.topVia().host, remoteAddress)) return true;
  const contact = request.contact()?.uri;
  return contact !== undefined && isSipUri(contact) && isHidden(contact.host, sender.remoteAddress);
}

function bindingBehindNat({ contactUri, source }: Binding<Flow>): boolean {
  const uri = parseUri(contactUri);
  return isSipUri(uri) && isHidden(uri.host, source.address);
}

function isHidden(host: string, source: string): boolean {
  return source !== UNKNOWN_ADDRESS && isInward(host, source) && canonical(host) !== canonical(source);
}

function canonical(address: string): string {
  const words = parseAddress(address);
  return words === undefined ? address : formatNetwork({ words, length: words.length * 32 });
}
