/** The flows of one phone (RFC 5626 §7): a request goes over one of them at a time, over the next when that has failed. */
import { type Binding, leadToOnePhone } from '../registrar/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import type { Reached } from './reach.ts';

/** A contact that leads to a phone now. */
export interface PhoneWay {
  readonly binding: Binding<Flow>;
  readonly reached: Reached;
}

/** A registered phone that can be reached. */
export interface Contact extends PhoneWay {
  /** The same phone over its next flow; undefined: there is none. */
  readonly otherwise: Otherwise | undefined;
}

export interface Otherwise {
  readonly contact: Contact;
  /** How long the flow before may be silent. */
  readonly afterMs: number;
}

/**
 * One contact for each phone, over the first of its ways. Another node tries the flows that the phone has there itself, so of these the
 * first stands for all.
 */
export function onePerPhone(ways: readonly PhoneWay[], afterMs: number): Contact[] {
  const phones: PhoneWay[][] = [];
  for (const way of ways) {
    const flows = phones.find(([first]) => first !== undefined && leadToOnePhone(first.binding, way.binding));
    if (flows === undefined) phones.push([way]);
    else if (!flows.some((other) => isThroughOneNode(other, way))) flows.push(way);
  }
  return phones.flatMap((flows) => inTurn(flows, afterMs) ?? []);
}

function inTurn(flows: readonly PhoneWay[], afterMs: number): Contact | undefined {
  return flows.reduceRight<Contact | undefined>(
    (next, way) => ({ ...way, otherwise: next && { contact: next, afterMs } }),
    undefined,
  );
}

function isThroughOneNode({ reached: { through: a } }: PhoneWay, { reached: { through: b } }: PhoneWay): boolean {
  return a !== undefined && a.node === b?.node;
}
