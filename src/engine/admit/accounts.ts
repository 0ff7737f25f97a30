import type { Ha1 } from '../../provisioning/tenants/fields.ts';
import type { Party } from '../../provisioning/tenants/party.ts';
import type { Extension, Service, Tenant } from '../../provisioning/tenants/schema.ts';
import type { Trunk, TrunkCredentials } from '../../provisioning/trunk-settings/schema.ts';
import { whatsappCalls } from '../../provisioning/trunk-settings/whatsapp.ts';
import { aorKey, type RegisterAccount } from '../../registrar/index.ts';
import type { DigestAccount, DigestAlgorithm, DigestSecret } from '../../sip/auth/index.ts';
import type { Served } from '../served.ts';

/** Who signs in with a number of a tenant: a phone's extension, or an application server's service. */
export type EndpointAccount = RegisterAccount & Party;

/** Who signs in as a trunk: a gateway's accept-register trunk, or WhatsApp. */
export type TrunkAccount = DigestAccount & { readonly kind: 'trunk'; readonly trunk: Trunk };

type SignIn = { readonly password?: string | undefined; readonly ha1?: Ha1 | undefined };

/**
 * Digest accounts by realm and user name. A secret object is made once per provisioned object, since the digest server keeps what it
 * computed by the secret's identity; so is the account of an extension or service, which each REGISTER asks for. It is kept for as long as
 * that is provisioned as it is, through all changes of the tenant, so it must hold nothing of the tenant.
 */
export class Accounts {
  readonly #served: Pick<Served, 'directory'>;
  readonly #secrets = new WeakMap<TrunkCredentials, DigestSecret>();
  readonly #endpoints = new WeakMap<Extension | Service, EndpointAccount & { readonly domain: string }>();

  constructor(served: Pick<Served, 'directory'>) {
    this.#served = served;
  }

  /** An extension or service of a tenant; undefined when there is none, it is disabled, or nobody can sign in as it. */
  endpoint({ name, domain }: Tenant, username: string): EndpointAccount | undefined {
    const { directory } = this.#served;
    const extension = directory.extension(name, username);
    const member = extension ?? directory.service(name, username);
    if (member === undefined) return undefined;
    const known = this.#endpoints.get(member);
    if (known?.domain === domain) return known;
    const secret = member.enabled ? (known?.secret ?? secretOf(member)) : undefined;
    if (secret === undefined) return undefined;
    // The name that was asked for may be a part of the message that it came in, all of which it would keep.
    const user = member.number;
    const aor = aorKey(user, domain);
    const account =
      extension === undefined
        ? { kind: 'service' as const, service: member as Service, domain, secret, aor, user }
        : { kind: 'extension' as const, extension, domain, secret, aor, user, maxContacts: extension.maxContacts };
    this.#endpoints.set(member, account);
    return account;
  }

  /** The accept-register trunk that a gateway signs in to by host label and authentication name. */
  gateway(host: string, authName: string): TrunkAccount | undefined {
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
  caller(realm: string, username: string): TrunkAccount | undefined {
    return this.gateway(realm, username) ?? this.#whatsapp(realm, username);
  }

  /** Whether a realm is one that {@link caller} knows. */
  isCallerRealm(realm: string): boolean {
    return this.isGatewayRealm(realm) || this.isWhatsappRealm(realm);
  }

  /** Whether WhatsApp calls one of its numbers here by this name. */
  isWhatsappRealm(hostname: string): boolean {
    return this.#whatsappTrunks(hostname).length > 0;
  }

  #whatsapp(hostname: string, username: string): TrunkAccount | undefined {
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
