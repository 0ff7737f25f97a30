// What a route's schema may say for the document: `hide`, `tags`.
import type {} from '@fastify/swagger';
import type { FastifyRequest } from 'fastify';
import { defined } from '../base/defined.ts';
import type { FailureCounter } from '../base/failure-counter.ts';
import type { Log } from '../base/log.ts';
import type { OneAtATime } from '../base/one-at-a-time.ts';
import type { Clock } from '../base/scheduler.ts';
import type { AuditFact, EventBus, Metrics } from '../observe/index.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import type { GatheredAs } from './across/gather.ts';
import type { KnownUsers } from './known-users.ts';
import type { OidcProvider } from './oidc.ts';
import type { OwnerTurns } from './owner-turns.ts';
import type {
  AuditSink,
  CallRecords,
  DrainView,
  EngineView,
  MessagesPort,
  NodesPort,
  NodeView,
  ProvisioningService,
  ReloadReport,
  StorePort,
  TransportsPort,
  WebhookSender,
  WebhookStore,
} from './ports.ts';
import type { Sessions } from './sessions.ts';
import type { Identity, Tokens } from './tokens.ts';

/** What the routes work with. */
export interface ApiContext {
  readonly engine: EngineView;
  readonly provisioning: ProvisioningService;
  readonly tokens: Tokens;
  readonly users: KnownUsers;
  readonly sessions: Sessions;
  /** Who vouches for people beside their passwords; default: nobody. */
  readonly oidc?: OidcProvider | undefined;
  /** Wrong tokens and sign-ins, by source. */
  readonly failures: FailureCounter;
  readonly changes: OwnerTurns;
  /** Of the thread that reads large bodies. */
  readonly bodies: OwnerTurns;
  readonly webhooks: {
    readonly store: WebhookStore;
    readonly sender: WebhookSender;
    /** What is written, and given to the sender, is one after the other. */
    readonly turns: OneAtATime;
  };
  readonly limits: Pick<
    NodeSettings['api'],
    'trunksPerTenant' | 'usersPerTenant' | 'webhooksPerTenant' | 'bytesPerTenant' | 'auditBytesPerTenant'
  >;
  readonly audit: AuditSink;
  /** Octets that changes of each tenant's admins have put there. */
  readonly audited: FailureCounter;
  readonly records: CallRecords;
  readonly events: EventBus;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly store: StorePort;
  readonly transports: TransportsPort;
  readonly node: () => NodeView;
  readonly nodes: NodesPort;
  readonly messages: MessagesPort;
  /** Reads the node's files again, all or nothing. Throws a SettingsError when one is at fault, an UnavailableError when the store is. */
  readonly reload: () => Promise<ReloadReport>;
  /** The node takes no new calls and ends with its last one; asked again, it goes on as it does. */
  readonly drain: () => DrainView;
  /** The provisioning file that owns `tenants/NAME` or `trunks/ID`; default: none does. */
  readonly managedBy?: (resource: string) => string | undefined;
  /** Keys entity tags; the same on all nodes of one store. */
  readonly entityTagKey: Buffer;
}

/** A view of a resource, with the file that owns it if one does. */
export function withManager<V extends object>(context: ApiContext, resource: string, view: V): V {
  const managedBy = context.managedBy?.(resource);
  return managedBy === undefined ? view : { ...view, managedBy };
}

/** Who may call a route: `public` without a token, `system` only system admins, `any` every token, sorted out by the handler. */
export type Access = 'public' | 'any' | 'system';

/** `one`: a single node is meant, the one that is asked unless another is named. `events`: a stream. */
export type Across = GatheredAs | 'one' | 'events';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    /** Each node has its own part of the answer. */
    across?: Across;
    /** Whoever may only read may call it too: it changes nothing, or only what is its own. */
    readOnly?: boolean;
    /** What it answers, by status, for the OpenAPI document. */
    answers?: Answers;
  }
  interface FastifyRequest {
    identity: Identity | undefined;
  }
}

/** The identity that the authentication hook left; every route but the public ones has one. */
export function identityOf(request: FastifyRequest): Identity {
  if (request.identity === undefined) throw new Error(`route ${request.routeOptions.url} has no authentication`);
  return request.identity;
}

/** Has the audit log keep what whoever asks has done; of what a resource was and is each may be left out. */
export function audit(
  { audit: log }: Pick<ApiContext, 'audit'>,
  request: FastifyRequest,
  action: AuditFact['action'],
  resource: string,
  about: Partial<Record<'tenant', string | undefined> & Record<'before' | 'after', object | undefined>>,
): void {
  log.record({ actor: identityOf(request).actor, action, resource, ...defined(about) });
}

/** JSON schema of a part of an answer, for the OpenAPI document: of named shapes the name (`openapi.ts`). */
export type AnswerSchema = Readonly<Record<string, unknown>>;

/** By status. */
export type Answers = Readonly<Record<string, AnswerSchema>>;

/** An answer's description with its JSON schema. */
export function answer(description: string, schema?: AnswerSchema): AnswerSchema {
  return schema === undefined
    ? { description, type: 'null' }
    : { description, content: { 'application/json': { schema } } };
}
