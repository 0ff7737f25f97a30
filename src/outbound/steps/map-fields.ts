import { type MappingCondition, NO_DISPLAY_NAME } from '../../provisioning/trunk-settings/mappings.ts';
import { transportParameter } from '../../sip/message/index.ts';
import type { RouteState, RouteStep } from '../context.ts';
import { type Address, emptyAddress, FIELD_LABEL, type FieldName } from '../draft.ts';
import { printable } from '../outbound-cli.ts';
import type { Refusal } from '../outcome.ts';
import type { Trace } from '../trace.ts';
import type { CompiledField, CompiledMapping, MappedSource } from '../trunk-profile.ts';
import { ANONYMOUS, hostValue, userValue } from '../variables.ts';

/**
 * Fills every configurable field from the trunk's outbound parameters (guide "Configurable SIP Fields" and "Variables"). A part that
 * comes out empty, or that holds another tenant's number, falls to the field's default, and says so.
 */
export const mapFields: RouteStep = {
  name: 'mapping',
  run(route, trace) {
    for (const field of route.profile.fields) {
      const mapping = selected(field, route, trace);
      if (mapping === undefined) continue;
      const refusal = fill(route, field, mapping, trace);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  },
};

/** The first mapping whose condition holds; a required field without one is sent with its defaults, another is not sent. */
function selected(field: CompiledField, route: RouteState, trace: Trace): CompiledMapping | undefined {
  for (const mapping of field.mappings) {
    if (!holds(mapping.when, route)) continue;
    if (!mapping.remove) return mapping;
    route.removed = route.removed.concat(field.name);
    if (trace.on)
      trace.field({
        field: FIELD_LABEL[field.name],
        value: '',
        source: 'custom',
        origin: mapping.user.origin,
        reason: 'not sent: the custom value "remove" drops the header field',
        dropped: true,
      });
    return undefined;
  }
  return field.required ? field.fallback : undefined;
}

function holds(when: MappingCondition | undefined, route: RouteState): boolean {
  switch (when) {
    case 'anonymous':
      return route.call.anonymous;
    case 'not-anonymous':
      return !route.call.anonymous;
    case 'forwarded':
      return route.call.facts.forwarding !== undefined;
    default:
      return true;
  }
}

function fill(route: RouteState, field: CompiledField, mapping: CompiledMapping, trace: Trace): Refusal | undefined {
  const address = emptyAddress();
  if (mapping.displayName !== undefined) address.displayName = displayName(route, field, mapping, trace);
  const user = userPart(route, field, mapping, trace);
  if (user === undefined) return withoutUser(route, field, address, mapping, trace);
  address.user = user;
  put(route, field, address, mapping, trace);
  return undefined;
}

/** Value of the user part, or undefined when nothing is left that may be shown. */
function userPart(route: RouteState, field: CompiledField, mapping: CompiledMapping, trace: Trace): string | undefined {
  const { user: fallback } = field.fallback;
  const value = withoutControls(userValue(route, mapping.user));
  const blocked = isBlocked(route, field.name, mapping.user, value);
  if (value !== '' && !blocked) {
    if (trace.on)
      note(
        trace,
        field.name,
        'user',
        value,
        mapping.user.variable,
        mapping.user.origin,
        whenText(mapping, mapping.user),
      );
    return value;
  }
  const substitute = withoutControls(userValue(route, fallback));
  if (substitute === '' || isBlocked(route, field.name, fallback, substitute)) return undefined;
  if (trace.on) {
    const why = blocked ? "is another tenant's number" : 'is empty on this call, or no user part';
    const reason = `${mapping.user.variable} ${why}: the default ${fallback.variable} takes its place`;
    note(trace, field.name, 'user', substitute, fallback.variable, 'default', reason);
  }
  return substitute;
}

/** A control character in a user part, though it would leave escaped, is never meant well: the value counts as none. */
function withoutControls(value: string): string {
  for (let index = 0; index < value.length; index += 1) {
    const code = value.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return '';
  }
  return value;
}

/** Nothing may stand in the user part: From is what the call is known by, so the route is refused; other fields go without. */
function withoutUser(
  route: RouteState,
  field: CompiledField,
  address: Address,
  mapping: CompiledMapping,
  trace: Trace,
): Refusal | undefined {
  if (field.name === 'contact') {
    put(route, field, address, mapping, trace);
    if (trace.on)
      note(trace, 'contact', 'user', '', 'none', 'engine', "left empty: every value is another tenant's number");
    return undefined;
  }
  if (field.required && route.call.emergency) {
    // Nobody's number may be shown, and the call must leave all the same.
    address.user = ANONYMOUS;
    put(route, field, address, mapping, trace);
    return undefined;
  }
  if (field.required) return { status: 403, reason: 'Caller ID Not Allowed', code: 'foreign-number' };
  if (trace.on) {
    const reason = "not sent: every value is another tenant's number";
    trace.field({
      field: FIELD_LABEL[field.name],
      value: '',
      source: 'none',
      origin: 'engine',
      reason,
      dropped: true,
    });
  }
  return undefined;
}

function displayName(route: RouteState, field: CompiledField, mapping: CompiledMapping, trace: Trace): string {
  for (const source of [mapping.displayName, field.fallback.displayName]) {
    if (source === undefined) continue;
    if (source.variable === NO_DISPLAY_NAME) {
      if (trace.on)
        note(trace, field.name, 'displayName', '', source.variable, source.origin, 'left out: the mapping says none');
      return '';
    }
    const value = userValue(route, source);
    if (value === '' || isBlocked(route, field.name, source, value)) continue;
    if (trace.on)
      note(trace, field.name, 'displayName', value, source.variable, source.origin, whenText(mapping, source));
    return value;
  }
  return '';
}

function put(route: RouteState, field: CompiledField, address: Address, mapping: CompiledMapping, trace: Trace): void {
  address.host = hostValue(route, mapping.host);
  if (field.name === 'contact')
    address.uriParams = `${transportParameter(route.seenAs?.transport ?? route.trunk.transport)}${route.trunk.teams === undefined ? ';ob' : ''}`;
  if (trace.on)
    note(
      trace,
      field.name,
      'host',
      address.host,
      mapping.host.variable,
      mapping.host.origin,
      whenText(mapping, mapping.host),
    );
  route.draft[field.name] = address;
}

/**
 * Behaviour 7. The called number may be anybody's; a chosen caller ID was found in the tenant's own pool, which no other pool of the
 * provider overlaps; everything else is looked up.
 */
function isBlocked(route: RouteState, field: FieldName, source: MappedSource, value: string): boolean {
  if (source.variable === 'CalledNum' || value === route.callerId?.value) return false;
  if (!route.holdsForeign(value)) return false;
  route.report(
    'foreign-number-blocked',
    FIELD_LABEL[field],
    printable(value),
    "another tenant's number on this provider",
  );
  return true;
}

function whenText({ when }: CompiledMapping, { origin }: MappedSource): string {
  if (origin === 'default') return "the field's default";
  return when === undefined ? 'mapped' : `mapped when ${when}`;
}

function note(
  trace: Trace,
  field: FieldName,
  part: string,
  value: string,
  source: string,
  origin: MappedSource['origin'] | 'engine',
  reason: string,
): void {
  trace.field({
    field: part === '' ? FIELD_LABEL[field] : `${FIELD_LABEL[field]}.${part}`,
    value,
    source,
    origin,
    reason,
  });
}
