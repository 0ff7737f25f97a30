/**
 * Who names a number. Forwarding, overflow and outside destinations may hold any number, so no rule over the settings misses one that
 * is gone; but a call that went to a colleague would then go out through a trunk, and a rule made for one extension would be the next
 * owner's of its number. So the number is not deleted (behaviour 29).
 */
import type { Tenant } from './schema.ts';

const FORWARDS = ['always', 'busy', 'noAnswer', 'notRegistered'] as const;
const DESTINATIONS = ['destination', 'outsideHours', 'onHolidays'] as const;
const NUMBERS = ['extension', 'service', 'number'] as const;

/** Every path, relative to the tenant, where this number of an extension or service is named. A range of extensions names none: it may have gaps. */
export function referencesTo(number: string, tenant: Tenant): string[] {
  const paths: string[] = [];
  const note = (path: string, named: string | null | undefined) => {
    if (named === number) paths.push(path);
  };
  // Of ten thousand extensions no text is made.
  for (const [index, { forward }] of tenant.extensions.entries())
    for (const kind of FORWARDS) if (forward[kind] === number) paths.push(`extensions[${index}].forward.${kind}`);
  for (const [index, { members }] of tenant.groups.entries())
    for (const [at, member] of members.entries()) note(`groups[${index}].members[${at}]`, member);
  for (const [index, service] of tenant.services.entries()) {
    const members = service.kind === 'ring-group' ? service.members : [];
    for (const [at, member] of members.entries()) note(`services[${index}].members[${at}]`, member);
    note(`services[${index}].overflow`, service.overflow);
  }
  for (const [index, { match }] of tenant.outboundRules.entries())
    for (const [at, named] of match.extensions.entries())
      note(`outboundRules[${index}].match.extensions[${at}]`, named);
  for (const [index, rule] of tenant.inboundRules.entries())
    for (const when of DESTINATIONS)
      for (const kind of NUMBERS) note(`inboundRules[${index}].${when}.${kind}`, rule[when]?.[kind]);
  return paths;
}
