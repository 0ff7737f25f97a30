/**
 * An identity provider on a real socket (OpenID Connect Core 1.0, code flow), as strict as a real one: an unknown redirect_uri gets no
 * redirect, PKCE is demanded, a code is good once and for its verifier alone. Who signs in is decided beforehand; a page asks whether to
 * where a person is to be asked, and another one says that somebody is signed out.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

interface Grant {
  readonly challenge: string;
  readonly redirectUri: string;
  readonly nonce: string;
}

export class IdentityProvider {
  readonly clientId = 'tandem';
  readonly clientSecret = 'c4n4ry-client-secret';
  /** What the next one who signs in is said to be. */
  claims: Record<string, unknown> = { sub: 'u-1', preferred_username: 'pat', groups: ['ops'] };
  /** Claims that only the userinfo endpoint tells. */
  userinfo: Record<string, unknown> = {};
  /** Written over those of the ID token. */
  wrong: Record<string, unknown> = {};
  /** It knows this client as one that has no secret. */
  isPublic = false;
  /** Whether a page asks first, as in a browser. */
  asks = false;
  /** The token endpoint is out of order. */
  isDown = false;
  /** What it answers in place of a code. */
  error: string | undefined = undefined;
  /** How it names itself in its own document. */
  issuerName: string | undefined = undefined;
  /** Why it has refused, request by request. */
  readonly refusals: string[] = [];
  redirectUris: readonly string[] = [];
  readonly #codes = new Map<string, Grant>();
  readonly #keys = generateKeyPair('ES256');
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error: Error) => this.#refuse(response, 500, error.message));
  });

  get issuer(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const url = new URL(request.url ?? '/', this.issuer);
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return json(response, {
          issuer: this.issuerName ?? this.issuer,
          authorization_endpoint: `${this.issuer}/authorize`,
          token_endpoint: `${this.issuer}/token`,
          userinfo_endpoint: `${this.issuer}/userinfo`,
          jwks_uri: `${this.issuer}/keys`,
          end_session_endpoint: `${this.issuer}/sign-out`,
          response_types_supported: ['code'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['ES256'],
          code_challenge_methods_supported: ['S256'],
        });
      case '/keys': {
        const { publicKey } = await this.#keys;
        return json(response, { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }] });
      }
      case '/authorize':
        return this.#authorize(url.searchParams, response, request.method === 'POST');
      case '/token':
        if (this.isDown) return response.writeHead(503, { 'content-type': 'text/plain' }).end('out of order');
        return this.#token(request, response);
      case '/userinfo':
        if (request.headers.authorization !== 'Bearer access') return this.#refuse(response, 401, 'invalid_token');
        return json(response, { sub: this.claims['sub'], ...this.userinfo });
      case '/sign-out':
        return this.#signOut(url.searchParams, response);
      default:
        return this.#refuse(response, 404, 'not_found');
    }
  }

  /** OpenID Connect RP-Initiated Logout 1.0 §2: back only to where the client is known to be, with whom it is asked by. */
  #signOut(asked: URLSearchParams, response: ServerResponse): unknown {
    const back = asked.get('post_logout_redirect_uri') ?? '';
    const isKnown = this.redirectUris.some((uri) => URL.parse(back)?.origin === new URL(uri).origin);
    if (asked.get('client_id') !== this.clientId || !isKnown) return this.#refuse(response, 400, 'wrong sign-out');
    return html(response, `<p>You are signed out.</p><a href="${back}">Back to the console</a>`);
  }

  #authorize(asked: URLSearchParams, response: ServerResponse, isAgreed: boolean): unknown {
    const redirectUri = asked.get('redirect_uri') ?? '';
    if (asked.get('client_id') !== this.clientId) return this.#refuse(response, 400, 'unauthorized_client');
    if (!this.redirectUris.includes(redirectUri)) return this.#refuse(response, 400, 'wrong redirect_uri');
    if (this.asks && !isAgreed)
      return html(response, '<form method="post"><button>Sign in as the one who is decided</button></form>');
    const back = new URL(redirectUri);
    const state = asked.get('state');
    if (state !== null) back.searchParams.set('state', state);
    const challenge = asked.get('code_challenge') ?? '';
    const isWhole =
      asked.get('response_type') === 'code' &&
      asked.get('code_challenge_method') === 'S256' &&
      challenge.length === 43 &&
      (asked.get('scope') ?? '').split(' ').includes('openid');
    const error = this.error ?? (isWhole ? undefined : 'invalid_request');
    if (error !== undefined) back.searchParams.set('error', error);
    else {
      const code = randomBytes(16).toString('hex');
      this.#codes.set(code, { challenge, redirectUri, nonce: asked.get('nonce') ?? '' });
      back.searchParams.set('code', code);
    }
    return response.writeHead(303, { location: back.href }).end();
  }

  async #token(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const part of request) body += String(part);
    const given = new URLSearchParams(body);
    const code = given.get('code') ?? '';
    const grant = this.#codes.get(code);
    // RFC 6749 §4.1.2: good once, whatever comes of it.
    this.#codes.delete(code);
    if (!this.#knows(request, given)) return this.#refuse(response, 401, 'invalid_client');
    const verifier = createHash('sha256')
      .update(given.get('code_verifier') ?? '')
      .digest('base64url');
    if (grant === undefined || grant.challenge !== verifier || grant.redirectUri !== given.get('redirect_uri'))
      return this.#refuse(response, 400, 'invalid_grant');
    const nowSeconds = Math.floor(Date.now() / 1000);
    const { privateKey } = await this.#keys;
    const claims = {
      iss: this.issuer,
      aud: this.clientId,
      iat: nowSeconds,
      exp: nowSeconds + 300,
      nonce: grant.nonce,
      ...this.claims,
      ...this.wrong,
    };
    const idToken = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(privateKey);
    json(response, { access_token: 'access', token_type: 'Bearer', expires_in: 300, id_token: idToken });
  }

  /** By HTTP Basic or in the body (RFC 6749 §2.3.1). */
  #knows({ headers }: IncomingMessage, given: URLSearchParams): boolean {
    if (this.isPublic) return given.get('client_id') === this.clientId && headers.authorization === undefined;
    const basic = `Basic ${Buffer.from(`${this.clientId}:${encodeURIComponent(this.clientSecret)}`).toString('base64')}`;
    const inBody = given.get('client_id') === this.clientId && given.get('client_secret') === this.clientSecret;
    return inBody || headers.authorization?.replaceAll('%2D', '-') === basic || headers.authorization === basic;
  }

  #refuse(response: ServerResponse, status: number, error: string): void {
    this.refusals.push(error);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
  }
}

function html(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>Provider</title>${body}`);
}

function json(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
