import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { nameInOneLine } from '../base/certificate-chain.ts';
import { optional } from '../base/schema.ts';
import { certificateIn, certificatePlace } from '../provisioning/directory/places.ts';
import { type CertificateSettings, certificateSchema } from '../provisioning/trunk-settings/certificate-schema.ts';
import { servedPath, signingCertificate, validityOf } from '../provisioning/trunk-settings/certificates.ts';
import type { Provisioned } from '../provisioning/trunk-settings/schema.ts';
import { namesIn, tlsCertificate } from '../provisioning/trunk-settings/tls-certificates.ts';
import { isSystemAdmin, maySeeTenant, tenantScope } from './access.ts';
import { answerSchemaOf } from './answer-schema.ts';
import { factOf, type PlannedResource } from './change.ts';
import { keyText } from './collection.ts';
import { type ApiContext, answer, identityOf, withManager } from './context.ts';
import { entityTag, requireMatch, withoutSecrets } from './documents.ts';
import { type ResourceAsker, type ResourceKind, resourceHandlers } from './managed-resource.ts';
import { body, made, named, patchOf } from './openapi.ts';
import { operation } from './operation.ts';
import { auditTenant, ownByDefault } from './ownership.ts';
import { longPageFields, longPageOf, pageFrom } from './paging.ts';
import { ApiProblem, forbidden, invalid, notFound, taken } from './problem.ts';
import type { Identity } from './tokens.ts';

const params = z.strictObject({ name: keyText.describe("The certificate's name.") });
const shape = made('Certificate', () => {
  const schema = answerSchemaOf(certificateSchema) as { properties: object };
  return {
    ...schema,
    properties: {
      ...schema.properties,
      facts: named('CertificateFacts'),
      managedBy: { type: 'string', readOnly: true, description: 'The provisioning file that holds it.' },
    },
  };
});

/** Certificates that calls are signed with, or TLS is spoken with. A private key goes in and never comes out. */
export function certificateRoutes(app: FastifyInstance, context: ApiContext): void {
  listRoute(app, context);
  resourceRoutes(app, context);
  chainRoute(app, context);
}

function listRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'listCertificates', {
    querystring: z.strictObject({
      ...longPageFields,
      tenant: optional(keyText, 'Certificates of this tenant.'),
    }),
    answers: { 200: longPageOf(shape) },
  }).by((request) => {
    const identity = identityOf(request);
    const { query } = request;
    const tenant = tenantScope(identity, query.tenant);
    const { certificates } = context.provisioning.current().state;
    return pageFrom(
      {
        all: () => certificates,
        matches: (certificate) =>
          maySeeTenant(identity, certificate.owner) && (tenant === undefined || certificate.owner === tenant),
        view: (certificate) => viewOf(context, certificate),
        keyOf: ({ name }) => name,
      },
      query,
    );
  });
}

function resourceRoutes(app: FastifyInstance, context: ApiContext): void {
  const { get, create, put, patch, remove } = resourceHandlers(context, certificateKind(context));
  const input = body('CertificateInput', certificateSchema);
  operation(app, 'getCertificate', { params, answers: { 200: answer('The certificate', shape) } }).by(get);
  operation(app, 'createCertificate', {
    body: input,
    answers: { 201: answer('Created', shape) },
    preValidation: ownByDefault,
  }).by(create);
  operation(app, 'putCertificate', {
    params,
    body: input,
    answers: { 200: answer('Replaced', shape), 201: answer('Created', shape) },
    preValidation: ownByDefault,
  }).by(put);
  operation(app, 'patchCertificate', {
    params,
    body: patchOf('Certificate', certificateSchema),
    answers: { 200: answer('Changed', shape) },
  }).by(patch);
  operation(app, 'deleteCertificate', { params, answers: { 204: answer('Deleted') } }).by(remove);
}

interface CertificatePath {
  /** Absent where one is made. */
  readonly name?: string | undefined;
}

function certificateKind(context: ApiContext): ResourceKind<CertificateSettings, CertificatePath> {
  return {
    schema: certificateSchema,
    existing: ({ identity, params: { name = '' } }, state) => {
      const certificate = certificateIn(state, name);
      if (certificate === undefined || !maySeeTenant(identity, certificate.owner))
        throw notFound(`certificate ${name}`);
      return certificate;
    },
    isFree: ({ params: { name = '' } }, state) => certificateIn(state, name) === undefined,
    requireNew: (_asker, state, { name }) => {
      // Names are everybody's: one that is taken is told, and not by whom.
      if (certificateIn(state, name) !== undefined)
        throw taken('name', `there is already a certificate "${name}"`, 'certificate-name-taken');
    },
    plan: (asker, state, before, after) => planCertificate(context, asker, state, before, after),
    planDeletion: ({ ifMatch }, _state, before) => {
      requireMatch(ifMatch, entityTag(before, context.entityTagKey));
      requireUnused(context, before);
      return {
        deletes: `certificate ${before.name}`,
        change: { deleteCertificates: [before.name] },
        facts: [factOf(`certificates/${before.name}`, auditTenant(before), before, undefined)],
      };
    },
    view: (_asker, certificate) => viewOf(context, certificate),
  };
}

function planCertificate(
  context: ApiContext,
  { identity, ifMatch, params: { name } }: ResourceAsker<CertificatePath>,
  state: Provisioned,
  before: CertificateSettings | undefined,
  after: CertificateSettings,
): PlannedResource {
  if (name !== undefined && after.name !== name)
    throw invalid([{ code: 'name-fixed', path: 'name', message: `must be "${name}", as in the path` }]);
  requireMatch(ifMatch, before && entityTag(before, context.entityTagKey));
  requireAllowedCertificate(context, identity, after, before);
  const place = before === undefined ? state.certificates.length : certificatePlace(state, after.name);
  return {
    change: { putCertificates: [after] },
    facts: [factOf(`certificates/${after.name}`, auditTenant(after), before, after)],
    bodyPaths: new Map([[`certificates[${place}]`, '']]),
  };
}

/** Of other nodes nobody knows here: one that misses its certificate goes on with what it has, and says so. */
function requireUnused(context: ApiContext, { name }: CertificateSettings): void {
  const user = context.transports.list().find(({ certificateName }) => certificateName === name);
  if (user === undefined) return;
  throw new ApiProblem(
    409,
    'certificate-in-use',
    `the transport ${user.id} shows the certificate ${name}: remove it first`,
  );
}

/** The chain as verifiers fetch it, where the certificate's x5u says that it is here: public, like every certificate. */
function chainRoute(app: FastifyInstance, context: ApiContext): void {
  operation(app, 'getCertificateChain', {
    access: 'public',
    params: z.strictObject({ file: keyText.describe('`NAME.pem`.') }),
    answers: {
      200: {
        description: 'PEM, leaf first',
        content: { 'application/pem-certificate-chain': { schema: { type: 'string' } } },
      },
    },
  }).by((request, reply) => {
    const { file } = request.params;
    const name = file.endsWith('.pem') ? file.slice(0, -'.pem'.length) : '';
    const certificate = certificateIn(context.provisioning.current().state, name);
    if (certificate === undefined || servedPath(certificate) === undefined) throw notFound(`/stir/${file}`);
    return reply
      .type('application/pem-certificate-chain')
      .header('cache-control', 'public, max-age=3600')
      .send(certificate.chain);
  });
}

/** What an admin may make of a certificate: a tenant admin of its own tenant's; and nobody uploads one that has ended. */
export function requireAllowedCertificate(
  context: ApiContext,
  identity: Identity,
  after: CertificateSettings,
  before: CertificateSettings | undefined,
  path = '',
): void {
  if (before !== undefined && !maySeeTenant(identity, before.owner))
    throw new ApiProblem(409, 'certificate-name-taken', `there is already a certificate "${after.name}"`);
  if (!isSystemAdmin(identity)) {
    if (after.owner === 'system') throw forbidden("a tenant admin uploads its own tenant's certificates only");
    if (after.owner !== identity.tenant) throw notFound(`tenant ${after.owner}`);
  }
  if (after.chain === before?.chain) return;
  const validity = validityOf(after);
  if (validity !== undefined && validity.notAfterMs <= context.clock.wallMs()) {
    const message = `ended at ${new Date(validity.notAfterMs).toISOString()}: upload one that is valid`;
    throw invalid([{ code: 'certificate-ended', path: `${path}chain`, message }]);
  }
}

/** Without its key, and with what is in it for people. */
function viewOf(context: ApiContext, certificate: CertificateSettings): object {
  const { leaf, notBeforeMs, notAfterMs } =
    certificate.use === 'tls' ? tlsCertificate(certificate) : signingCertificate(certificate);
  const { spcs = [], ranges = [] } = certificate.use === 'tls' ? {} : signingCertificate(certificate).tnAuthList;
  const path = servedPath(certificate);
  const facts = {
    subject: nameInOneLine(leaf.subject),
    issuer: nameInOneLine(leaf.issuer),
    serialNumber: leaf.serialNumber,
    fingerprint256: leaf.fingerprint256,
    notBefore: new Date(notBeforeMs).toISOString(),
    notAfter: new Date(notAfterMs).toISOString(),
    ...(certificate.use === 'tls' && { names: namesIn(leaf) }),
    codes: spcs,
    numbers: ranges.map(({ first, last }) => (first === last ? first : `${first}-${last}`)),
    ...(path !== undefined && { servedAt: path }),
  };
  return withManager(context, `certificates/${certificate.name}`, { ...withoutSecrets(certificate), facts });
}
