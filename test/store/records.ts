/** Made-up records; free of vitest, since child processes use them too. */
import type { UserRecord, Webhook } from '../../src/api/ports.ts';
import type { ProvisioningCommit } from '../../src/provisioning/directory/store.ts';
import { type Tenant, tenantSchema } from '../../src/provisioning/tenants/schema.ts';
import {
  type CertificateSettings,
  certificateSchema,
} from '../../src/provisioning/trunk-settings/certificate-schema.ts';
import { type TrunkSettings, trunkSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import type { StoredBinding } from '../../src/registrar/ports.ts';

export const CANARY = 'canary-Zq7-secret';

export function tenant(name: string, displayName = 'Alice'): Tenant {
  return tenantSchema.parse({
    name,
    domain: `${name}.example.com`,
    extensions: [{ number: '101', name: displayName, password: CANARY }],
  });
}

export function trunk(id: string, name = `trunk-${id}`): TrunkSettings {
  return trunkSchema.parse({
    id,
    name,
    type: 'register',
    owner: 'system',
    host: 'sip.example.net',
    credentials: { authName: name, username: name, password: CANARY },
  });
}

/** A store knows nothing of PEM. */
export function certificate(name: string, chain = 'chain'): CertificateSettings {
  return certificateSchema.parse({
    name,
    use: 'stir',
    chain,
    key: CANARY,
    x5u: `https://certs.example.com/${name}.pem`,
  });
}

export function user(id: string): UserRecord {
  return {
    id,
    role: 'tenant-admin',
    tenant: 'acme',
    readOnly: false,
    enabled: true,
    password: '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$dGFn',
    totp: { secret: 'GEZDGNBVGY3TQOJQ', confirmed: true, lastStep: 7 },
    createdAt: '2026-11-21T00:00:00.000Z',
    createdBy: 'owner',
    passwordChangedAt: '2026-11-21T00:00:00.000Z',
  };
}

export function webhook(id: string): Webhook {
  return {
    id,
    url: 'https://hooks.example.com/a',
    topics: ['call'],
    secret: 's',
    enabled: true,
    allowPrivate: false,
  };
}

export function commitOf(expectedVersion: number, parts: Partial<ProvisioningCommit> = {}): ProvisioningCommit {
  return {
    putTenants: [],
    putTrunks: [],
    putCertificates: [],
    deleteTenants: [],
    deleteTrunks: [],
    deleteCertificates: [],
    ...parts,
    expectedVersion,
  };
}

export function binding(aor: string, parts: Partial<StoredBinding> = {}): StoredBinding {
  return {
    aor,
    contactUri: `sip:${aor.split('@')[0]}@192.0.2.7:5062`,
    contactParams: ';q=0.5',
    qThousandths: 500,
    callId: 'a84b4c76e66710',
    cseq: 1,
    path: ['<sip:edge.example.com;lr>'],
    instance: undefined,
    regId: undefined,
    userAgent: 'phone/1.0 "ü"',
    source: { transport: 'udp', address: '192.0.2.7', port: 5062 },
    target: { transport: 'udp', address: '192.0.2.7', port: 5062, listenerId: 'udp-1' },
    flowKey: 'udp|192.0.2.7|5062',
    registeredAtWallMs: 1_760_000_000_000,
    refreshedAtWallMs: 1_760_000_000_000,
    expiresAtWallMs: 4_000_000_000_000,
    node: 'node-1',
    ...parts,
  };
}
