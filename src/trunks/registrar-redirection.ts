import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { HeaderId, isSipUri, readableNameAddrs, type SipResponse } from '../sip/message/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';

/** A registrar as a redirection names it. */
export interface RegistrarPlace {
  readonly host: string;
  /** Undefined: where the host's DNS records say (RFC 3263). */
  readonly port: number | undefined;
}

/** Whom a REGISTER is sent to. */
export interface RegistrarAsked {
  readonly to: Flow | Target;
  /** Set where the trunk's own registrar has sent us there: its word, not the operator's. */
  readonly place: RegistrarPlace | undefined;
}

/** Places asked in one turn: a registrar that sends us round in circles ends as a failure like any other. */
const MAX_PLACES = 5;

/**
 * Where the registrar of a trunk sends it (RFC 3261 §8.1.3.4): the Contacts of its 3xx answers in the order of their q, each once. The
 * trunk's own transport holds for all of them, whatever they say of theirs; `sips:` counts for a trunk over TLS only.
 */
export class RegistrarRedirection {
  readonly #known = new Set<string>();
  #waiting: RegistrarPlace[] = [];

  /** A turn begins, at the trunk's own registrar. */
  begin({ host, port }: Trunk): void {
    this.#known.clear();
    this.#known.add(keyOf({ host, port }));
    this.#waiting = [];
  }

  /** Takes over what a redirection names, before what waits from an earlier one. */
  add(response: SipResponse, { transport }: Trunk): void {
    const named: { readonly place: RegistrarPlace; readonly q: number }[] = [];
    for (const { uri, params } of readableNameAddrs(response.headers, HeaderId.Contact)) {
      if (!isSipUri(uri) || (uri.scheme === 'sips' && transport !== 'tls')) continue;
      const q = Number(params.get('q') ?? 1);
      named.push({ place: { host: uri.host, port: uri.port }, q: Number.isNaN(q) ? 0 : q });
    }
    const places: RegistrarPlace[] = [];
    for (const { place } of named.sort((a, b) => b.q - a.q)) {
      if (this.#known.size > MAX_PLACES || this.#known.has(keyOf(place))) continue;
      this.#known.add(keyOf(place));
      places.push(place);
    }
    this.#waiting = [...places, ...this.#waiting];
  }

  next(): RegistrarPlace | undefined {
    return this.#waiting.shift();
  }
}

function keyOf({ host, port }: RegistrarPlace): string {
  return `${host.toLowerCase().replace(/^\[|\]$/g, '')} ${port ?? ''}`;
}
