/** What would become of a message, by the very decisions that live ones are made with; nothing is sent or kept. */
import type { Directory } from '../provisioning/directory/directory.ts';
import type { MessageExplanation, MessageStep } from './explanation.ts';
import { heardAt, type WhatsappNumber, wayOf, whatsappNumbers } from './numbers.ts';
import { recipientsOf } from './recipients.ts';
import { shownUser } from './user.ts';
import { WINDOW_TEXT, windowOf } from './window.ts';

export interface MessageQuestion {
  readonly tenant: string;
  /** An extension or service that writes; of a message that comes in the user's number. */
  readonly from: string;
  /** Whom it writes to; of a message that comes in undefined. */
  readonly to: string | undefined;
  /** Name or id of the trunk that a message comes in by. */
  readonly trunk: string | undefined;
  readonly isTemplate: boolean;
}

export interface ExplainPorts {
  readonly directory: Directory;
  readonly wallMs: number;
  readonly heard: (trunkId: string, peer: string) => Promise<number | undefined>;
  /** How long WhatsApp has asked to wait. */
  readonly waitMs: (trunkId: string, peer: string) => number;
}

/** A text: the question names what there is not. */
export async function explainMessage(
  question: MessageQuestion,
  ports: ExplainPorts,
): Promise<MessageExplanation | string> {
  return question.trunk === undefined ? explainOut(question, ports) : explainIn(question, question.trunk, ports);
}

async function explainOut(
  { tenant: name, from, to = '', isTemplate }: MessageQuestion,
  { directory, wallMs, heard, waitMs }: ExplainPorts,
): Promise<MessageExplanation | string> {
  const tenant = directory.tenantByName(name);
  if (tenant === undefined) return `there is no tenant "${name}"`;
  if (directory.member(name, from)?.enabled !== true)
    return `${from} is no extension or service of ${name} that is enabled`;
  const steps: MessageStep[] = [];
  const passed = (rule: string, reason: string) =>
    void steps.push({ step: 'rule', outcome: 'continue', reason: `rule ${rule} passed over: ${reason}` });
  const heardOf = await heardAt(directory, tenant, to, heard);
  const way = wayOf(directory, { tenant, sender: from, dialled: to, wallMs, heardAt: heardOf }, passed);
  const base = { tenant: name, direction: 'outbound', steps } as const;
  if (way.kind === 'none') {
    steps.push({ step: 'rule', outcome: 'reject', reason: way.warning });
    return { ...base, refusal: { status: way.status, warning: way.warning } };
  }
  const { number, peer, rule } = way;
  steps.push({ step: 'rule', outcome: 'continue', reason: `rule ${rule} leads to trunk ${number.trunk.name}` });
  steps.push({ step: 'sender', outcome: 'continue', reason: `WhatsApp shows +${number.number}` });
  const decided = { ...base, trunk: number.trunk.name, rule, peer: shownUser(peer) };
  const refusal = windowStep(steps, isTemplate, number, await heard(number.trunk.id, peer), wallMs);
  if (refusal !== undefined) return { ...decided, refusal };
  const paceMs = waitMs(number.trunk.id, peer);
  if (paceMs <= 0) return decided;
  const seconds = Math.ceil(paceMs / 1000);
  steps.push({
    step: 'pace',
    outcome: 'reject',
    reason: `WhatsApp has asked to wait: ${seconds} s are left; by HTTP it waits here`,
  });
  return { ...decided, refusal: { status: 503, warning: 'the Cloud API asks to wait' } };
}

function windowStep(
  steps: MessageStep[],
  isTemplate: boolean,
  number: WhatsappNumber,
  heardMs: number | undefined,
  nowMs: number,
): MessageExplanation['refusal'] {
  const told =
    heardMs === undefined
      ? 'nothing is known of when the user wrote'
      : `the user wrote at ${new Date(heardMs).toISOString()}`;
  const state = windowOf(number, heardMs, nowMs);
  if (isTemplate) {
    steps.push({ step: 'window', outcome: 'continue', reason: `a template goes at any time (${told})` });
    return undefined;
  }
  const why = { open: 'the 24 hours are running', closed: 'the 24 hours are over', unknown: 'WhatsApp decides' }[state];
  steps.push({ step: 'window', outcome: state === 'closed' ? 'reject' : 'continue', reason: `${told}: ${why}` });
  return state === 'closed' ? { status: 403, warning: WINDOW_TEXT } : undefined;
}

function explainIn(
  { tenant, from }: MessageQuestion,
  reference: string,
  { directory, wallMs }: ExplainPorts,
): MessageExplanation | string {
  const id = directory.trunkFor(tenant, reference)?.id;
  const number = whatsappNumbers(directory).find(
    ({ trunk, tenant: owner }) => trunk.id === id && owner.name === tenant,
  );
  if (number === undefined) return `there is no whatsapp trunk "${reference}" that is enabled`;
  const { numbers, rule, reason } = recipientsOf(directory, number, { from: from.replace('+', '') }, wallMs);
  const steps: MessageStep[] = [
    ...(rule === undefined ? [] : [{ step: 'rule', outcome: 'continue', reason: `inbound rule ${rule}` } as const]),
    { step: 'recipients', outcome: 'continue', reason },
  ];
  return {
    tenant,
    direction: 'inbound',
    trunk: number.trunk.name,
    ...(rule !== undefined && { rule }),
    peer: from,
    steps,
    recipients: numbers,
  };
}
