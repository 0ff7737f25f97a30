/**
 * Sign-in by an identity provider (OpenID Connect Core 1.0 §3.1, the code flow; PKCE by RFC 7636). The protocol is `openid-client`'s:
 * what is here is what this console asks for, what somebody may do by what the provider says, and why somebody is refused, in words for
 * an operator.
 */
import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  buildEndSessionUrl,
  ClientError,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  fetchUserInfo,
  None,
  ResponseBodyError,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import type { Clock } from '../base/scheduler.ts';
import type { OidcSettings } from '../settings/console-schema.ts';

/** Why nobody is signed in; the sign-in page has a sentence for each. */
export type OidcFault = 'unreachable' | 'wrong-issuer' | 'clock' | 'no-role' | 'cancelled' | 'expired' | 'refused';

export class OidcError extends Error {
  readonly fault: OidcFault;

  /** `message`: what is wrong, for the log. */
  constructor(fault: OidcFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** What a browser keeps while it is at the provider. */
export interface OidcFlow {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly startedMs: number;
}

/** Who the provider says that somebody is, and what that means here. */
export interface OidcPerson {
  readonly name: string;
  readonly subject: string;
  readonly role: OidcSettings['roles'][number];
}

export const CALLBACK_PATH = '/console/oidc/callback';
/** How long somebody may take at the provider. */
const FLOW_MS = 600_000;
/** How long what a provider says of itself is good; its keys are fetched again when one is unknown. */
const DISCOVERY_MS = 3_600_000;
const TIMEOUT_SECONDS = 10;
const MAX_NAME = 128;

export class OidcProvider {
  readonly #options: OidcSettings;
  readonly #clock: Clock;
  #known: { readonly configuration: Configuration; readonly untilMs: number } | undefined = undefined;
  #asked: Promise<Configuration> | undefined = undefined;

  constructor(options: OidcSettings, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Where browsers reach this interface, without a slash at the end. */
  get consoleUrl(): string {
    return new URL(this.#options.consoleUrl).origin;
  }

  /** Where to send the browser, and what it keeps meanwhile. Throws an OidcError. */
  async begin(): Promise<{ readonly url: URL; readonly flow: OidcFlow }> {
    const configuration = await this.#configuration();
    const flow = {
      state: randomState(),
      nonce: randomNonce(),
      verifier: randomPKCECodeVerifier(),
      startedMs: this.#clock.wallMs(),
    };
    const url = buildAuthorizationUrl(configuration, {
      redirect_uri: this.consoleUrl + CALLBACK_PATH,
      scope: this.#options.scopes.join(' '),
      code_challenge: await calculatePKCECodeChallenge(flow.verifier),
      code_challenge_method: 'S256',
      state: flow.state,
      nonce: flow.nonce,
    });
    return { url, flow };
  }

  /**
   * Who has come back.
   *
   * @param query of the request that the provider sent the browser with.
   */
  async finish(query: string, flow: OidcFlow | undefined): Promise<OidcPerson> {
    const ageMs = this.#clock.wallMs() - (flow?.startedMs ?? 0);
    if (flow === undefined || ageMs > FLOW_MS || ageMs < 0)
      throw new OidcError('expired', 'no sign-in of this browser is under way');
    const configuration = await this.#configuration();
    try {
      const tokens = await authorizationCodeGrant(
        configuration,
        new URL(`${this.consoleUrl}${CALLBACK_PATH}${query}`),
        {
          pkceCodeVerifier: flow.verifier,
          expectedState: flow.state,
          expectedNonce: flow.nonce,
          idTokenExpected: true,
        },
      );
      const claims = tokens.claims();
      if (claims === undefined) throw new OidcError('refused', 'the provider sent no ID token');
      const { roleClaim } = this.#options;
      const isWhole = roleClaim in claims || configuration.serverMetadata().userinfo_endpoint === undefined;
      const more = isWhole ? {} : await fetchUserInfo(configuration, tokens.access_token, claims.sub);
      return this.#personOf({ ...more, ...claims });
    } catch (error) {
      throw faultOf(error);
    }
  }

  /** Where the provider ends its own session; undefined when it has no such place, or cannot be asked. */
  async signOutUrl(): Promise<string | undefined> {
    try {
      const configuration = await this.#configuration();
      if (configuration.serverMetadata().end_session_endpoint === undefined) return undefined;
      const back = `${this.consoleUrl}/console/sign-in`;
      return buildEndSessionUrl(configuration, { post_logout_redirect_uri: back }).href;
    } catch {
      return undefined;
    }
  }

  #personOf(claims: Readonly<Record<string, unknown>> & { readonly sub: string }): OidcPerson {
    const { userClaim, roleClaim, roles } = this.#options;
    const texts = [claims[userClaim], claims['email'], claims.sub];
    const name = texts.find((each): each is string => typeof each === 'string' && each.trim() !== '') ?? claims.sub;
    const held = valuesOf(claims[roleClaim]);
    const role = roles.find(({ value }) => held.includes(value));
    if (role === undefined) {
      const what =
        roleClaim in claims ? `its ${roleClaim} has none of console.oidc.roles` : `it has no claim ${roleClaim}`;
      throw new OidcError('no-role', `${readable(name)} may do nothing here: ${what}`);
    }
    return { name: readable(name), subject: readable(claims.sub), role };
  }

  /** Asked once for all who wait; a failure is not kept. */
  #configuration(): Promise<Configuration> {
    const known = this.#known;
    if (known !== undefined && known.untilMs > this.#clock.nowMs()) return Promise.resolve(known.configuration);
    this.#asked ??= this.#discover().finally(() => {
      this.#asked = undefined;
    });
    return this.#asked;
  }

  async #discover(): Promise<Configuration> {
    const { issuer, clientId, clientSecret } = this.#options;
    try {
      const configuration = await discovery(
        new URL(issuer),
        clientId,
        clientSecret,
        clientSecret === undefined ? None() : undefined,
        { timeout: TIMEOUT_SECONDS, ...(issuer.startsWith('http:') && { execute: [allowInsecureRequests] }) },
      );
      this.#known = { configuration, untilMs: this.#clock.nowMs() + DISCOVERY_MS };
      return configuration;
    } catch (error) {
      throw faultOf(error);
    }
  }
}

/** A claim of one value, or of several. */
function valuesOf(claim: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return all.filter((value): value is string => typeof value === 'string');
}

/** As it may stand in a log: one line, not for ever. */
function readable(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '').slice(0, MAX_NAME);
}

const WRONG_ISSUER = /issuer|"iss"/;

function faultOf(error: unknown): OidcError {
  if (error instanceof OidcError) return error;
  if (error instanceof AuthorizationResponseError) {
    const isOwnWish = error.error === 'access_denied';
    return new OidcError(isOwnWish ? 'cancelled' : 'refused', `the provider says ${readable(error.error)}`);
  }
  if (error instanceof ResponseBodyError) return new OidcError('refused', `the provider says ${readable(error.error)}`);
  const message = messageOf(error);
  if (!(error instanceof ClientError)) return new OidcError('unreachable', message);
  switch (error.code) {
    case 'OAUTH_TIMEOUT':
    case 'OAUTH_RESPONSE_IS_NOT_CONFORM':
      return new OidcError('unreachable', message);
    case 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED':
      return new OidcError('clock', message);
    default:
      return new OidcError(WRONG_ISSUER.test(message) ? 'wrong-issuer' : 'refused', message);
  }
}

/** The whole way down: what fails in a fetch says so only in its cause. */
function messageOf(error: unknown): string {
  const parts: string[] = [];
  for (let at = error; at instanceof Error && parts.length < 4; at = at.cause) parts.push(at.message);
  return readable(parts.join(': ')) || 'unknown';
}
