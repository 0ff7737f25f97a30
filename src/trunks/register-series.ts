import { randomToken } from '../base/ids.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import {
  escapeUser,
  FIRST_HOPS,
  formatHost,
  HeaderId,
  octetsFromText,
  SipRequest,
  transportParameter,
} from '../sip/message/index.ts';
import type { HostPort } from '../sip/transport/index.ts';
import type { RegistrarAsked } from './registrar-redirection.ts';
import { addFixed, addRoute, providerUri, TOKEN_PARAMETER } from './trunk-requests.ts';

/** The REGISTERs of one registration (RFC 3261 §10.2, RFC 6140): one Contact, one Call-ID and rising CSeq, by the settings of the moment. */
export class RegisterSeries {
  trunk: Trunk;
  /** The user part of our Contact, or its `tdm` parameter: names the trunk in the provider's requests. */
  readonly token: string;
  readonly #userAgent: string;
  readonly #callId = randomToken();
  readonly #fromTag = randomToken();
  #sequence = 0;
  /** §10.2.8: what the registrar wants at least; kept for later refreshes. */
  #leastSeconds = 0;

  constructor(trunk: Trunk, token: string, userAgent: string) {
    this.trunk = trunk;
    this.token = token;
    this.#userAgent = userAgent;
  }

  /** The time that is asked for. */
  get askedSeconds(): number {
    return Math.max(this.trunk.credentials?.registerSeconds ?? 0, this.#leastSeconds);
  }

  /** The registrar wants at least so many seconds. False where as many were asked for. */
  raise(seconds: number): boolean {
    if (seconds <= this.askedSeconds) return false;
    this.#leastSeconds = seconds;
    return true;
  }

  /** The next one, without Via; one of 0 seconds takes the Contact at `own` away. */
  next(own: HostPort, { to, place }: RegistrarAsked, expiresSeconds = this.askedSeconds): SipRequest {
    const { trunk, token } = this;
    const { host, port, credentials, options } = trunk;
    // The Request-URI names the domain of the location service, without a user part.
    const request = new SipRequest('REGISTER', providerUri(place ?? { host, port }));
    const address = `<sip:${escapeUser(octetsFromText(credentials?.username ?? ''))}@${formatHost(host)}>`;
    const here = `${formatHost(own.host)}:${own.port}${transportParameter(to.transport)}`;
    addRoute(trunk, request);
    request.headers
      .add(HeaderId.MaxForwards, String(FIRST_HOPS))
      .add(HeaderId.From, `${address};tag=${this.#fromTag}`)
      .add(HeaderId.To, address)
      .add(HeaderId.CallId, this.#callId)
      .add(HeaderId.CSeq, `${++this.#sequence} REGISTER`)
      // RFC 6140 §5.1: no user part; the provider fills in each number and copies the other parameters (§5.2).
      .add(HeaderId.Contact, options.bnc ? `<sip:${here};bnc;${TOKEN_PARAMETER}=${token}>` : `<sip:${token}@${here}>`)
      .add(HeaderId.Expires, String(expiresSeconds));
    if (options.bnc) {
      // RFC 6140 §5.1: both a registrar and a proxy on the way must understand bulk registration.
      request.headers.add(HeaderId.Require, 'gin').add(HeaderId.ProxyRequire, 'gin');
    }
    request.headers.add(HeaderId.Supported, options.bnc ? 'path, gin' : 'path');
    addFixed(trunk, request, this.#userAgent);
    return request;
  }
}
