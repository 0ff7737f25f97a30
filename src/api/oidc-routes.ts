/** The two pages of a sign-in by an identity provider: to it, and back from it. */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { defined } from '../base/defined.ts';
import { tenantIn } from '../provisioning/directory/places.ts';
import type { ApiContext } from './context.ts';
import { CALLBACK_PATH, OidcError, type OidcFlow, type OidcProvider } from './oidc.ts';
import { clearFlowCookie, flowCookieOf, setFlowCookie, setSessionCookie } from './session-cookie.ts';
import { startSession } from './session-routes.ts';

const START_PATH = '/console/oidc/start';
const SIGN_IN_PAGE = '/console/sign-in';

export function oidcRoutes(app: FastifyInstance, context: ApiContext, provider: OidcProvider): void {
  const flows = new FlowCookies(context.entityTagKey);
  const open = { config: { access: 'public' as const }, schema: { hide: true } };
  app.get(START_PATH, open, async (request, reply) => {
    // The provider brings the browser back to one name: what it keeps meanwhile must be kept under that one.
    const { host } = new URL(provider.consoleUrl);
    const { query } = request as { readonly query: Readonly<Record<string, unknown>> };
    if (request.host !== host && query['again'] === undefined)
      return reply.redirect(`${provider.consoleUrl}${START_PATH}?again`);
    try {
      const { url, flow } = await provider.begin();
      setFlowCookie(request, reply, flows.seal(flow));
      return reply.redirect(url.href);
    } catch (error) {
      return refuse(context, request, reply, error);
    }
  });
  app.get(CALLBACK_PATH, open, async (request, reply) => {
    const flow = flows.open(flowCookieOf(request));
    // Good for one answer, whatever comes of it.
    clearFlowCookie(request, reply);
    try {
      const at = request.url.indexOf('?');
      const { name, subject, role } = await provider.finish(at < 0 ? '' : request.url.slice(at), flow);
      const { role: may, tenant, readOnly } = role;
      if (tenant !== undefined && tenantIn(context.provisioning.current().state, tenant) === undefined)
        throw new OidcError('no-role', `${name} may do nothing here: there is no tenant ${tenant}`);
      const opened = await context.sessions.openFor({
        role: may,
        ...defined({ tenant }),
        readOnly,
        createdBy: `oidc:${name}`,
      });
      await startSession(context, request, opened, { provider: provider.name, subject });
      setSessionCookie(request, reply, opened.cookie);
      return reply.redirect('/console');
    } catch (error) {
      return refuse(context, request, reply, error);
    }
  });
}

/** The page says why in its own words: nothing of what came is shown. */
function refuse(context: ApiContext, request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  if (!(error instanceof OidcError)) throw error;
  const { fault, message } = error;
  context.log.warn('oidc-refused', { source: request.ip, fault, reason: message });
  return reply.redirect(`${SIGN_IN_PAGE}#oidc=${fault}`);
}

/** What a browser keeps while it is at the provider: every node of the store reads it, and nobody else can have made it. */
class FlowCookies {
  readonly #key: Buffer;

  constructor(secret: Buffer) {
    this.#key = Buffer.from(hkdfSync('sha256', secret, '', 'tandem oidc flow', 32));
  }

  seal(flow: OidcFlow): string {
    const text = Buffer.from(JSON.stringify(flow)).toString('base64url');
    return `${text}.${this.#mark(text).toString('base64url')}`;
  }

  open(value: string | undefined): OidcFlow | undefined {
    const [text = '', mark = ''] = (value ?? '').split('.');
    const [given, expected] = [Buffer.from(mark, 'base64url'), this.#mark(text)];
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    return JSON.parse(Buffer.from(text, 'base64url').toString()) as OidcFlow;
  }

  #mark(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest();
  }
}
