import type { Ha1 } from '../../provisioning/tenants/fields.ts';
import type { Party } from '../../provisioning/tenants/party.ts';
import type { Extension, Service, Tenant } from '../../provisioning/tenants/schema.ts';
import type { Trunk, TrunkCredentials } from '../../provisioning/trunk-settings/schema.ts';
import { whatsappCalls } from '../../provisioning/trunk-settings/whatsapp.ts';
import { aorKey, type RegisterAccount } from '../../registrar/index.ts';
import type { DigestAccount, DigestAlgorithm, DigestSecret } from '../../sip/auth/index.ts';
import type { Served } from '../served.ts';

/** Somebody who can sign in: a phone's extension, an application server's service, or a gateway's accept-register trunk. */
export type Account =
  | (RegisterAccount & Party & { readonly tenant: Tenant })
  | (DigestAccount & { readonly kind: 'trunk'; readonly trunk: Trunk });

type SignIn = { readonly password?: string | undefined; readonly ha1?: Ha1 | undefined };

/**
 * Digest accounts by realm and user name. A secret object is made once per provisioned object, since the digest server keeps what it
 * computed by the secret's identity; so is the account of an extension or service, which each REGISTER asks for.
 */
export class Accounts {
  readonly #served: Pick<Served, 'directory'>;
  readonly #secrets = new WeakMap<TrunkCredentials, DigestSecret>();
  readonly #endpoints = new WeakMap<Extension | Service, Account & { readonly tenant: Tenant }>();

  constructor(served: Pick<Served, 'directory'>) {
    this.#served = served;
  }

  /** An extension or service of a tenant; undefined when there is none, it is disabled, or nobody can sign in as it. */
  endpoint(tenant: Tenant, username: string): Account | undefined {
    const { directory } = this.#served;
    const extension = directory.extension(tenant.name, username);
    const member = extension ?? directory.service(tenant.name, username);
    if (member === undefined) return undefined;
    const known = this.#endpoints.get(member);
    if (known?.tenant === tenant) return known;
    const secret = member.enabled ? (known?.secret ?? secretOf(member)) : undefined;
    if (secret === undefined) return undefined;
    const aor = aorKey(username, tenant.domain);
    const account =
      extension === undefined
        ? { kind: 'service' as const, service: member as Service, tenant, secret, aor, user: username }
        : {
            kind: 'extension' as const,
            extension,
            tenant,
            secret,
            aor,
            user: username,
            maxContacts: extension.maxContacts,
          };
    this.#endpoints.set(member, account);
    return account;
  }

  /** The accept-register trunk that a gateway signs in to by host label and authentication name. */
  gateway(host: string, authName: string): Account | undefined {
    const label = host.toLowerCase();
    for (const trunk of this.#served.directory.trunksByHost(label)) {
      if (trunk.type !== 'accept-register' || !trunk.enabled || trunk.credentials?.authName !== authName) continue;
      const { credentials } = trunk;
      const secret = this.#secretOf(credentials, credentials.password);
      if (secret !== undefined) return { kind: 'trunk', trunk, secret };
    }
    return undefined;
  }

  /** Who calls under a name that no tenant has: a gateway, or WhatsApp for one of its numbers. */
  caller(realm: string, username: string): Account | undefined {
    return this.gateway(realm, username) ?? this.#whatsapp(realm, username);
  }

  /** Whether a realm is one that {@link caller} knows. */
  isCallerRealm(realm: string): boolean {
    return this.isGatewayRealm(realm) || this.#whatsappTrunks(realm).length > 0;
  }

  #whatsapp(hostname: string, username: string): Account | undefined {
    const digits = username.replace('+', '');
    for (const trunk of this.#whatsappTrunks(hostname)) {
      const { credentials } = trunk;
      if (!trunk.enabled || credentials === undefined || credentials.authName !== `+${digits}`) continue;
      // The digest is made with the name as it is spelled.
      const secret = this.#secretOf(credentials, credentials.password);
      if (secret !== undefined) return { kind: 'trunk', trunk, secret };
    }
    return undefined;
  }

  #whatsappTrunks(hostname: string): readonly Trunk[] {
    const name = hostname.toLowerCase();
    return this.#served.directory.trunksByHost(name).filter((trunk) => whatsappCalls(trunk)?.hostname === name);
  }

  /** Whether the realm is the host label of an accept-register trunk. */
  isGatewayRealm(host: string): boolean {
    return this.#served.directory.trunksByHost(host.toLowerCase()).some((trunk) => trunk.type === 'accept-register');
  }

  #secretOf(owner: TrunkCredentials, password: string | undefined): DigestSecret | undefined {
    let secret = this.#secrets.get(owner);
    if (secret === undefined) {
      secret = secretOf({ password });
      if (secret !== undefined) this.#secrets.set(owner, secret);
    }
    return secret;
  }
}

function secretOf({ password, ha1 }: SignIn): DigestSecret | undefined {
  if (ha1 !== undefined) return { ha1: byAlgorithm(ha1) };
  return password !== undefined && password !== '' ? { password } : undefined;
}

function byAlgorithm(hashes: Ha1): Partial<Record<DigestAlgorithm, string>> {
  const result: Partial<Record<DigestAlgorithm, string>> = {};
  if (hashes.md5 !== undefined) result.MD5 = hashes.md5;
  if (hashes.sha256 !== undefined) result['SHA-256'] = hashes.sha256;
  if (hashes.sha512256 !== undefined) result['SHA-512-256'] = hashes.sha512256;
  return result;
}
