import { plainNumber } from '../../provisioning/tenants/number.ts';
import type { RouteState, RouteStep } from '../context.ts';
import { emptyAddress, FIELD_LABEL, type FieldName } from '../draft.ts';
import { directiveApplies, printable, type RewriteDirective, type RewriteField } from '../outbound-cli.ts';
import type { Refusal } from '../outcome.ts';
import type { Trace } from '../trace.ts';
import { hostValue } from '../variables.ts';
import { isInPool } from './choose-caller-id.ts';

const TARGET: Readonly<Record<RewriteField, FieldName>> = {
  from: 'from',
  pai: 'pAssertedIdentity',
  rpi: 'remotePartyIdCalling',
};

/**
 * X-Outbound-Cli (guide "Bypassing the Outbound Caller ID Settings", behaviour 6): changes user parts only, after the mapping and
 * before privacy. Each value must be in the tenant's pool on this trunk; one that is not is ignored, reported to the operator and, as
 * Warning 399, to the endpoint, or refuses the route where the trunk says so. Of several directives for one field those for this trunk
 * come before general ones, and the first that may be used wins. The header itself is never sent on: it is in no relay list.
 */
export const applyOutboundCli: RouteStep = {
  name: 'x-outbound-cli',
  run(route, trace) {
    const { directives, ignored } = route.call.outboundCli;
    // Only the caller's own INVITE can ask; a forwarded call's INVITE is somebody else's.
    if (route.call.facts.forwarding !== undefined || directives.length + ignored.length === 0) return undefined;
    if (route.call.emergency && route.callerId?.source.startsWith('emergency') === true) {
      ignore(route, 'every directive', '', 'an emergency call shows its own callback number', trace);
      return undefined;
    }
    for (const text of ignored) ignore(route, 'directive', '', text, trace);
    const done = new Map<RewriteField, RewriteDirective>();
    for (const directive of specificFirst(directives)) {
      const earlier = done.get(directive.field);
      if (!directiveApplies(directive, route.trunk.id, route.trunk.name)) {
        if (trace.on) tell(trace, directive, 'is for another trunk');
      } else if (!isInPool(route, directive.value)) {
        const refusal = outsidePool(route, directive, trace);
        if (refusal !== undefined) return refusal;
      } else if (earlier !== undefined && isSpecific(earlier) && !isSpecific(directive)) {
        if (trace.on) tell(trace, directive, 'there is one for this trunk');
      } else if (earlier !== undefined) {
        ignoreDirective(route, directive, 'comes after another one for the same field', trace);
      } else if (isRemoved(route, directive)) {
        ignoreDirective(route, directive, `the trunk removes ${FIELD_LABEL[TARGET[directive.field]]}`, trace);
      } else {
        done.set(directive.field, directive);
        rewrite(route, directive, trace);
      }
    }
    return undefined;
  },
};

/** The directive for this trunk beats a general one, whichever came first. */
function specificFirst(directives: readonly RewriteDirective[]): readonly RewriteDirective[] {
  if (!directives.some(isSpecific)) return directives;
  return [...directives.filter(isSpecific), ...directives.filter((directive) => !isSpecific(directive))];
}

function isSpecific({ trunkIds, trunkNames }: RewriteDirective): boolean {
  return trunkIds.length + trunkNames.length > 0;
}

/** What the trunk's header removal would undo is not done in the first place, so that the endpoint hears of it. */
function isRemoved({ profile, removed }: RouteState, directive: RewriteDirective): boolean {
  const name = TARGET[directive.field];
  return profile.removed.has(name) || removed.includes(name);
}

function outsidePool(route: RouteState, directive: RewriteDirective, trace: Trace): Refusal | undefined {
  const reason = `outside the DID pool of ${route.call.facts.tenant.name} on trunk ${route.trunk.name}`;
  ignoreDirective(route, directive, reason, trace);
  if (route.trunk.options.callerIdOutsidePool !== 'reject' || route.call.emergency) return undefined;
  return { status: 403, reason: 'Caller ID Not Allowed', code: 'outbound-cli-outside-pool' };
}

function ignoreDirective(route: RouteState, { field, value }: RewriteDirective, reason: string, trace: Trace): void {
  ignore(route, `rewrite-${field}`, value, reason, trace);
}

/** RFC 3261 §20.43: 399 is a miscellaneous warning; its text is for people. */
function ignore(route: RouteState, source: string, value: string, reason: string, trace: Trace): void {
  const what = value === '' ? source : `${source}=${printable(value).slice(1, -1)}`;
  route.report('outbound-cli-ignored', source, printable(value), reason);
  const text = `X-Outbound-Cli: ${what} ignored: ${reason}`.replaceAll(/[^\x20-\x7e]|["\\]/g, "'");
  route.warnings = route.warnings.concat(`399 tandem "${text}"`);
  if (trace.on) trace.step({ step: 'x-outbound-cli', outcome: 'continue', reason: `${what} ignored: ${reason}` });
}

function rewrite(route: RouteState, directive: RewriteDirective, trace: Trace): void {
  const name = TARGET[directive.field];
  const { from, pAssertedIdentity } = route.draft;
  if (name !== 'remotePartyIdCalling') route.numberBeforeDirectives ??= (pAssertedIdentity ?? from).user;
  let address = route.draft[name];
  let reason = 'the endpoint asks for it, and it is inside the pool';
  if (address === undefined) {
    address = emptyAddress();
    const field = route.profile.fields.find((candidate) => candidate.name === name);
    if (field !== undefined) {
      const { host } = field.fallback;
      address.host = hostValue(route, host);
      if (trace.on)
        trace.field({
          field: `${FIELD_LABEL[name]}.host`,
          value: address.host,
          source: host.variable,
          origin: 'default',
          reason: "the field's default",
        });
    }
    route.draft[name] = address;
    reason += '; the header field was not mapped and is added';
  }
  address.user = plainNumber(directive.value);
  if (trace.on) {
    trace.field({
      field: `${FIELD_LABEL[name]}.user`,
      value: address.user,
      source: `X-Outbound-Cli rewrite-${directive.field}`,
      origin: 'call',
      reason,
    });
  }
}

function tell(trace: Trace, directive: RewriteDirective, reason: string): void {
  trace.step({
    step: 'x-outbound-cli',
    outcome: 'continue',
    reason: `rewrite-${directive.field}=${printable(directive.value).slice(1, -1)} not used: ${reason}`,
  });
}
