/** The WhatsApp numbers of a snapshot of what is provisioned: by trunk, by their id at the Cloud API, and for whom a phone may write. */
import type { List } from '../base/chunked-list.ts';
import { derived } from '../base/derived.ts';
import { mismatch, rulesOf, senderMismatch } from '../outbound/index.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import { normalizeNumber } from '../provisioning/tenants/number.ts';
import { openingAt } from '../provisioning/tenants/schedule.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import type { WhatsappSettings } from '../provisioning/trunk-settings/whatsapp-schema.ts';
import { isUserId } from './user.ts';

/** A trunk's, and who owns the trunk. */
export interface WhatsappAccount extends WhatsappSettings {
  readonly owner: string;
}

/** A trunk that carries messages, and whose it is. */
export interface WhatsappNumber {
  readonly trunk: Trunk;
  readonly settings: WhatsappAccount;
  readonly tenant: Tenant;
  /** Digits. */
  readonly number: string;
}

/** What a phone asks for, as the tenant's rules allow it. */
export type Way =
  | { readonly kind: 'way'; readonly number: WhatsappNumber; readonly peer: string; readonly rule: string }
  | { readonly kind: 'none'; readonly status: 403 | 404; readonly warning: string };

export function whatsappNumber(directory: Directory, trunkId: string): WhatsappNumber | undefined {
  const trunk = directory.trunk(trunkId);
  const tenant = directory.tenantByName(trunk?.assignments[0]?.tenant ?? '');
  if (trunk?.whatsapp === undefined || tenant === undefined || !trunk.enabled) return undefined;
  const number = String(normalizeNumber(trunk.whatsapp.number) ?? '');
  return { trunk, settings: { ...trunk.whatsapp, owner: trunk.owner }, tenant, number };
}

export function whatsappNumbers(directory: Directory): WhatsappNumber[] {
  return whatsappTrunks(directory.trunks).flatMap(({ id }) => whatsappNumber(directory, id) ?? []);
}

/** Asked for at each change; snapshots that differ in their tenants alone share their trunks. */
const whatsappTrunks = derived((trunks: List<Trunk>) => trunks.filter(({ type }) => type === 'whatsapp'));

/** On which of the tenant's WhatsApp trunks a user has written, if it is one that shows no number. */
export async function heardAt(
  directory: Directory,
  tenant: Tenant,
  dialled: string,
  heard: (trunkId: string, peer: string) => Promise<number | undefined>,
): Promise<ReadonlySet<string>> {
  if (!isUserId(dialled)) return new Set();
  const ids = directory.trunksOf(tenant.name).flatMap(({ id, whatsapp }) => (whatsapp === undefined ? [] : id));
  const times = await Promise.all(ids.map((id) => heard(id, dialled)));
  return new Set(ids.filter((_, at) => times[at] !== undefined));
}

/** Whether a tenant's phones have messages to the outside at all. */
export function hasWhatsapp(directory: Directory, tenant: Tenant): boolean {
  return directory.trunksOf(tenant.name).some(({ whatsapp, enabled }) => whatsapp !== undefined && enabled);
}

/** What a phone wants to write to whom, and when. */
export interface Writing {
  readonly tenant: Tenant;
  readonly sender: string;
  /** A number as a phone dials it, or the id of a user who shows none. */
  readonly dialled: string;
  readonly wallMs: number;
  /** Ids of the trunks on which a user of this id has written; of a number it does not matter. */
  readonly heardAt: ReadonlySet<string>;
}

/**
 * The first of the tenant's outbound rules that matches and leads to a WhatsApp number says which one sends, and to whom. An id is no number that a
 * rule could ask for: what a rule says of its sender and hours counts, and it leads to a number that this user has written to.
 */
export function wayOf(
  directory: Directory,
  { tenant, sender, dialled, wallMs, heardAt }: Writing,
  onPassed: (rule: string, reason: string) => void = () => {},
): Way {
  const isId = isUserId(dialled);
  for (const candidate of rulesOf(tenant)) {
    const { rule } = candidate;
    const why = isId ? senderMismatch(candidate, sender, tenant) : mismatch(candidate, dialled, sender, tenant);
    if (why !== undefined) {
      onPassed(rule.name, why);
      continue;
    }
    for (const { trunk: reference, strip, prepend } of rule.routes) {
      const trunk = directory.trunkFor(tenant.name, reference);
      const number = trunk === undefined ? undefined : whatsappNumber(directory, trunk.id);
      if (number === undefined || (isId && !heardAt.has(number.trunk.id))) continue;
      if (openingAt(rule.hours, rule.holidays, tenant.timeZone, wallMs) !== 'open')
        return { kind: 'none', status: 403, warning: `rule ${rule.name} sends nothing at this hour` };
      const peer = isId ? dialled : normalizeNumber(`${prepend ?? ''}${dialled.slice(strip)}`);
      if (peer === undefined) return { kind: 'none', status: 404, warning: 'that is no number' };
      return { kind: 'way', number, peer: String(peer), rule: rule.name };
    }
    onPassed(
      rule.name,
      `it leads to no WhatsApp trunk that is enabled${isId ? ', and that this user has written to' : ''}`,
    );
  }
  if (isId && heardAt.size === 0)
    return { kind: 'none', status: 404, warning: 'no user of that id has written to the tenant' };
  return {
    kind: 'none',
    status: 403,
    warning: `no outbound rule lets this extension write to that ${isId ? 'user' : 'number'} by WhatsApp`,
  };
}
