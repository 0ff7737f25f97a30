/** What each node has by itself is answered for all nodes of the store, by any of them. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Answered } from '../../observe/index.ts';
import type { ApiContext } from '../context.ts';
import type { NodeAnswer, NodeQuestion, NodesPort } from '../ports.ts';
import { ApiProblem, notFound } from '../problem.ts';
import type { Identity } from '../tokens.ts';
import { type AnsweringNode, gather, queryOf } from './gather.ts';

/** A node that does not answer costs whoever asks so much. */
const ANSWER_MS = 1_500;
const TEXT = /^(?:text\/|application\/(?:[a-z.-]+\+)?json\b)/;

type Ask = (identity: Identity, method: string, url: string) => Promise<Answered>;

/** Before a route answers by itself: whether others have to be asked. */
export function answerAcross(app: FastifyInstance, { nodes, tokens }: ApiContext): void {
  const askSelf = selfOf(app, tokens);
  nodes.answerWith((question) => answerTo(question, askSelf));
  app.addHook('preHandler', async (request, reply) => {
    const { across } = request.routeOptions.config;
    const { identity } = request;
    if (identity?.ofNode === true && across === undefined)
      throw new ApiProblem(403, 'forbidden', 'no node asks this of another');
    if (across === undefined || across === 'events' || identity === undefined || identity.ofNode === true) return;
    const wanted = (request.query as { node?: string }).node;
    if (wanted === undefined && (across === 'one' || nodes.others().length === 0)) return;
    const named = wanted === undefined ? undefined : requireNamed(nodes, wanted);
    if (named?.every((name) => name === nodes.self)) return;
    const answered = await answerOf(nodes, askSelf, request, identity, named);
    return send(reply, answered);
  });
}

/** Those whom a query asks. Throws 404 when it names nobody. */
export function requireNamed(nodes: NodesPort, wanted: string): readonly string[] {
  const named = nodes.named(wanted);
  if (named.length === 0) throw notFound(`node ${wanted}`);
  return named;
}

function answerOf(
  nodes: NodesPort,
  askSelf: Ask,
  { method: asked, url, routeOptions }: FastifyRequest,
  identity: Identity,
  named: readonly string[] | undefined,
): Promise<Answered> {
  const method = asked === 'HEAD' ? 'GET' : asked;
  const query = queryOf(url);
  query.delete('node');
  const path = `${url.split('?', 1)[0]}${query.size === 0 ? '' : `?${query}`}`;
  const others = nodes
    .others()
    .map((name): AnsweringNode => ({ name, ask: (own) => askNode(nodes, name, identity, method, own) }));
  const { across } = routeOptions.config;
  const kind = across === undefined || across === 'one' || across === 'events' ? 'whoever' : across;
  const self: AnsweringNode = { name: nodes.self, ask: (own) => askSelf(identity, method, own) };
  // Rows of a listing come in the order of the nodes' names, whichever is asked; of what is looked for, the nearest node is asked first.
  const all = kind === 'whoever' ? [self, ...others] : [self, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
  const sources = named === undefined ? all : all.filter(({ name }) => named.includes(name));
  return gather(kind, sources, path);
}

/** Answers of the others are the interface's own, and were checked there. */
async function askNode(
  nodes: NodesPort,
  name: string,
  identity: Identity,
  method: string,
  url: string,
): Promise<Answered> {
  const { actor, role, tenant, readOnly } = identity;
  const who = { actor, role, ...(tenant === undefined ? {} : { tenant }), ...(readOnly === true ? { readOnly } : {}) };
  const { status, type, text, isBase64 } = await nodes.ask(name, { method, url, identity: who }, ANSWER_MS);
  return { status, headers: { 'content-type': type }, body: Buffer.from(text, isBase64 ? 'base64' : 'utf8') };
}

/** Asks this node as another one would. */
function selfOf(app: FastifyInstance, tokens: ApiContext['tokens']): Ask {
  return (identity, method, url) =>
    tokens.lend({ ...identity, ofNode: true }, async (token) => {
      const headers = { authorization: `Bearer ${token}` };
      const { statusCode, headers: said, rawPayload } = await app.inject({ method: method as 'GET', url, headers });
      const { 'content-type': type = '', 'content-disposition': disposition } = said;
      return {
        status: statusCode,
        headers: {
          'content-type': String(type),
          ...(disposition === undefined ? {} : { 'content-disposition': String(disposition) }),
        },
        body: rawPayload,
      };
    });
}

/** Who asks is believed to be a node of this store, which has let in whom it speaks for. */
async function answerTo({ method, url, identity }: NodeQuestion, askSelf: Ask): Promise<NodeAnswer> {
  const { status, headers, body } = await askSelf({ ...identity, owner: false }, method, url);
  const type = String(headers['content-type']);
  const isBase64 = type !== '' && !TEXT.test(type);
  return { status, type, text: body.toString(isBase64 ? 'base64' : 'utf8'), isBase64 };
}

function send(reply: FastifyReply, { status, headers, body }: Answered): FastifyReply {
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && value !== '') reply.header(name, value);
  return reply.code(status).send(body.length === 0 ? undefined : body);
}
