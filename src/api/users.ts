import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { defined } from '../base/defined.ts';
import { optional } from '../base/schema.ts';
import { tenantIn } from '../provisioning/directory/places.ts';
import { maySeeTenant, requireSystemAdmin, requireTenant } from './access.ts';
import { sendResource } from './change.ts';
import { keyText } from './collection.ts';
import { type ApiContext, answer, audit, identityOf } from './context.ts';
import { entityTag, requireMatch } from './documents.ts';
import { ofTenantQuery, pageOfTenant } from './of-tenant.ts';
import { body, named } from './openapi.ts';
import { operation } from './operation.ts';
import { pageOf } from './paging.ts';
import { hashPassword, isPassword } from './passwords.ts';
import { requirePlace } from './places-per-tenant.ts';
import type { Role, UserRecord } from './ports.ts';
import { ApiProblem, forbidden, invalid, notFound, taken } from './problem.ts';
import { newTotpSecret, totpStep, totpUri } from './totp.ts';

const shape = named('User');
const MIN_PASSWORD = 12;
const MAX_PASSWORD = 256;

/** Capitals make no other user. */
export const userName = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[a-z0-9][a-z0-9._+@-]{0,63}$/, {
    error: 'must be 1 to 64 letters, digits, dots, dashes, underscores, plus or at signs',
  })
  .describe('The name to sign in with, e.g. a mail address.');
const password = z
  .string()
  .min(MIN_PASSWORD, { error: `must have at least ${MIN_PASSWORD} characters` })
  .max(MAX_PASSWORD, { error: `must have at most ${MAX_PASSWORD} characters` })
  .describe('Kept as an Argon2id hash.');
const role = z.enum(['system-admin', 'tenant-admin']).describe('What it may do.');
const tenant = keyText.describe('The tenant of a tenant admin.');
const readOnly = z.boolean().describe('It sees what its role sees, and changes nothing.');
const enabled = z.boolean().describe('Whether it may sign in.');

const userBody = z
  .strictObject({
    id: userName,
    role,
    tenant: tenant.optional(),
    readOnly: readOnly.default(false),
    enabled: enabled.default(true),
    password,
  })
  .refine(hasItsTenant, { error: 'a tenant-admin names its tenant, a system-admin none', path: ['tenant'] });
const patchBody = z.strictObject({
  role: role.optional(),
  tenant: tenant.nullable().optional(),
  readOnly: readOnly.optional(),
  enabled: enabled.optional(),
  password: password.optional(),
  codes: optional(z.literal(false), 'Takes the authenticator app away.'),
  currentPassword: optional(z.string().max(MAX_PASSWORD), 'The present one, of whoever changes its own.'),
});
const codeBody = z.strictObject({ code: z.string().max(16).describe('What the authenticator app shows.') });
const params = z.strictObject({ id: userName });

function hasItsTenant(user: { readonly role: Role; readonly tenant?: string | undefined }): boolean {
  return (user.role === 'tenant-admin') === (user.tenant !== undefined);
}

/** People who sign in to the console. */
export function userRoutes(app: FastifyInstance, context: ApiContext): void {
  readRoutes(app, context);
  createRoute(app, context);
  changeRoutes(app, context);
  codeRoutes(app, context);
}

function readRoutes(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'listUsers', { querystring: ofTenantQuery, answers: { 200: pageOf(shape) } }).by(async (request) => {
    const all = [...(await context.users.list())].sort((a, b) => a.id.localeCompare(b.id));
    return pageOfTenant(request, all, userView);
  });
  operation(app, 'getUser', { params, answers: { 200: answer('The user', shape) } }).by(async (request, reply) =>
    sendUser(context, reply, await visibleUser(context, request)),
  );
}

function createRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'createUser', { body: body('UserInput', userBody), answers: { 201: answer('The user', shape) } }).by(
    async (request, reply) => {
      const identity = identityOf(request);
      const wanted = request.body;
      // A user has no end: what ends must not leave one behind.
      if (identity.expiresAtMs !== undefined) throw forbidden('a token that ends cannot make a user');
      const nameTaken = () => taken('id', `the name ${wanted.id} is taken`);
      const requireMayAdd = (known: readonly UserRecord[]) => {
        requireMayGrant(context, request, wanted);
        if (known.some(({ id }) => id === wanted.id)) throw nameTaken();
        requirePlace(context, 'users', wanted.tenant, known);
      };
      requireMayAdd(await context.users.list());
      const now = new Date(context.clock.wallMs()).toISOString();
      const user: UserRecord = {
        ...defined(wanted),
        password: await hashPassword(wanted.password, identity.actor),
        createdAt: now,
        createdBy: identity.actor,
        passwordChangedAt: now,
      };
      // Hashing takes long: others may have been made meanwhile, and the tenant deleted.
      if (!(await context.users.add(user, requireMayAdd))) throw nameTaken();
      auditUser(context, request, 'create', undefined, user);
      reply.code(201).header('location', `/api/v1/users/${encodeURIComponent(user.id)}`);
      return sendUser(context, reply, user);
    },
  );
}

function changeRoutes(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'patchUser', {
    params,
    readOnly: true,
    body: body('UserPatch', patchBody),
    answers: { 200: answer('The user', shape) },
  }).by(async (request, reply) => {
    const found = seen(context, request, await visibleUser(context, request));
    const wanted = request.body;
    const isOwn = identityOf(request).user === found.id;
    if (isOwn) await requireOwnChange(found, wanted);
    else requireMayChange(request, found);
    const chosen = await chosenPassword(context, found, wanted);
    const { before, after } = await context.users.change(found.id, (known) => {
      const now = seen(context, request, known);
      // The password that it was let in by is another meanwhile, or it may not come in any more.
      if (isOwn && (!now.enabled || now.password !== found.password)) throw changedMeanwhile();
      if (!isOwn) requireMayChange(request, now);
      const next = changed(now, wanted, chosen);
      if (!hasItsTenant(next))
        throw invalid([
          { code: 'invalid', path: 'tenant', message: 'a tenant-admin names its tenant, a system-admin none' },
        ]);
      requireMayGrant(context, request, next);
      return next;
    });
    if (wanted.password !== undefined || !after.enabled)
      await context.sessions.endAllOf(after.id, isOwn ? identityOf(request).tokenId : undefined);
    auditUser(context, request, 'update', before, after);
    return sendUser(context, reply, after);
  });
  operation(app, 'deleteUser', { params, answers: { 204: answer('Deleted') } }).by(async (request, reply) => {
    const user = await visibleUser(context, request);
    if (identityOf(request).user === user.id)
      throw new ApiProblem(409, 'own-user', 'nobody deletes the user that it is signed in as');
    const { before } = await context.users.change(user.id, (now) => {
      seen(context, request, now);
      return undefined;
    });
    await context.sessions.endAllOf(user.id);
    auditUser(context, request, 'delete', before, undefined);
    return reply.code(204).send();
  });
}

/** Whoever finds an open browser cannot take the account over: that needs the password. */
async function requireOwnChange(user: UserRecord, wanted: z.infer<typeof patchBody>): Promise<void> {
  const { role: otherRole, tenant: otherTenant, readOnly: otherReadOnly, enabled: otherEnabled } = wanted;
  if ([otherRole, otherTenant, otherReadOnly, otherEnabled].some((field) => field !== undefined))
    throw forbidden('nobody changes what the own user may do');
  if (await isPassword(wanted.currentPassword ?? '', user.password, `user:${user.id}`, true)) return;
  throw invalid([{ code: 'wrong-password', path: 'currentPassword', message: 'is not the present password' }]);
}

function requireMayChange(request: FastifyRequest, user: UserRecord): void {
  const identity = identityOf(request);
  if (identity.readOnly === true) throw forbidden('this user sees everything and changes nothing');
  if (identity.expiresAtMs !== undefined) throw forbidden('a token that ends cannot change a user');
  if (user.role === 'system-admin') requireSystemAdmin(identity, 'change a system admin');
}

function changedMeanwhile(): ApiProblem {
  return new ApiProblem(409, 'concurrent-changes', 'the user has changed meanwhile; read it again');
}

type ChosenPassword = Pick<UserRecord, 'password' | 'passwordChangedAt'>;

async function chosenPassword(
  context: ApiContext,
  { id }: UserRecord,
  { password: chosen }: z.infer<typeof patchBody>,
): Promise<ChosenPassword | undefined> {
  if (chosen === undefined) return undefined;
  return {
    password: await hashPassword(chosen, `user:${id}`),
    passwordChangedAt: new Date(context.clock.wallMs()).toISOString(),
  };
}

function changed(
  before: UserRecord,
  { tenant: to, password: _given, codes, currentPassword: _present, ...fields }: z.infer<typeof patchBody>,
  chosen: ChosenPassword | undefined,
): UserRecord {
  const { tenant: from, totp, ...rest } = before;
  return {
    ...rest,
    ...defined(fields),
    ...defined({ tenant: to === undefined ? from : (to ?? undefined), totp: codes === false ? undefined : totp }),
    ...chosen,
  };
}

function codeRoutes(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'createUserCodes', {
    params,
    readOnly: true,
    answers: { 201: answer('What the app needs', named('NewCodes')) },
  }).by(async (request, reply) => {
    const { id } = await ownUser(context, request);
    const secret = newTotpSecret();
    await context.users.change(id, (known) => {
      const user = seen(context, request, known);
      if (user.totp?.confirmed === true)
        throw new ApiProblem(409, 'exists', 'an authenticator app is set up; take it away first');
      return { ...user, totp: { secret, confirmed: false, lastStep: 0 } };
    });
    return reply.code(201).send({ secret, uri: totpUri(secret, id, 'tandem') });
  });
  operation(app, 'confirmUserCodes', {
    params,
    readOnly: true,
    body: body('CodeInput', codeBody),
    answers: { 200: answer('The user', shape) },
  }).by(async (request, reply) => {
    const { id } = await ownUser(context, request);
    const { code } = request.body;
    const { before, after } = await context.users.change(id, (known) => {
      const user = seen(context, request, known);
      const { totp } = user;
      if (totp === undefined || totp.confirmed)
        throw new ApiProblem(409, 'nothing-to-confirm', 'begin to set up an authenticator app first');
      const step = totpStep(totp.secret, code, context.clock.wallMs(), totp.lastStep);
      if (step === undefined)
        throw invalid([{ code: 'wrong-code', path: 'code', message: 'is not what the app shows now' }]);
      return { ...user, totp: { ...totp, confirmed: true, lastStep: step } };
    });
    auditUser(context, request, 'update', before, after);
    return sendUser(context, reply, after);
  });
}

async function visibleUser(context: ApiContext, request: FastifyRequest): Promise<UserRecord> {
  const { id } = request.params as { id: string };
  return visible(request, await context.users.get(id));
}

function visible(request: FastifyRequest, user: UserRecord | undefined): UserRecord {
  const { id } = request.params as { id: string };
  const identity = identityOf(request);
  if (user === undefined || (identity.user !== user.id && !maySeeTenant(identity, user.tenant)))
    throw notFound(`user ${id}`);
  return user;
}

async function ownUser(context: ApiContext, request: FastifyRequest): Promise<UserRecord> {
  const user = await visibleUser(context, request);
  if (identityOf(request).user !== user.id) throw forbidden('only whoever is signed in as this user may do this');
  return user;
}

/** Nobody gives what it has not: a tenant admin makes admins of its own tenant. */
function requireMayGrant(
  context: ApiContext,
  request: FastifyRequest,
  { role: wanted, tenant: of }: { readonly role: Role; readonly tenant?: string | undefined },
): void {
  const identity = identityOf(request);
  if (wanted === 'system-admin') requireSystemAdmin(identity, 'make a system admin');
  if (of === undefined) return;
  requireTenant(identity, of);
  if (tenantIn(context.provisioning.current().state, of) === undefined) throw notFound(`tenant ${of}`);
}

/** The version that whoever asks has read, where it says so: a code that was used makes no other one. */
function seen(context: ApiContext, request: FastifyRequest, user: UserRecord | undefined): UserRecord {
  const found = visible(request, user);
  requireMatch(request.headers['if-match'], entityTag(userView(found), context.entityTagKey));
  return found;
}

function sendUser(context: ApiContext, reply: FastifyReply, user: UserRecord): FastifyReply {
  return sendResource(context, reply, userView(user));
}

function userView({ password: _password, totp, ...user }: UserRecord): object {
  return { ...user, codes: totp?.confirmed === true };
}

function auditUser(
  context: ApiContext,
  request: FastifyRequest,
  action: 'create' | 'update' | 'delete',
  before: UserRecord | undefined,
  after: UserRecord | undefined,
): void {
  const { id, tenant: of } = (after ?? before) as UserRecord;
  const views = { before: before && userView(before), after: after && userView(after) };
  audit(context, request, action, `users/${id}`, { tenant: of, ...views });
}
