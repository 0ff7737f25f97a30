import { decimalAt } from '../characters.ts';
import { formatNameAddr, type NameAddr, parseNameAddr } from '../name-addr.ts';
import { malformed } from './token-params.ts';

/** One Diversion value (RFC 5806 §4). */
export interface Diversion {
  readonly address: NameAddr;
  /** Lower case, e.g. `no-answer`, `user-busy`, `unconditional`; undefined when not given. */
  readonly reason?: string | undefined;
  /** Times the call was diverted by this entry; undefined when not given. */
  readonly counter?: number | undefined;
}

export function parseDiversion(text: string): Diversion {
  const address = parseNameAddr(text);
  const counter = address.params.get('counter');
  const count = counter === undefined ? undefined : decimalAt(counter, 0, counter.length);
  if (count === -1) throw malformed('Diversion', text);
  return { address, reason: address.params.get('reason')?.toLowerCase(), counter: count };
}

/** Writes the typed fields over those in `address.params`; other parameters stay. */
export function formatDiversion(value: Diversion): string {
  const params = value.address.params.clone();
  if (value.reason !== undefined) params.set('reason', value.reason);
  if (value.counter !== undefined) params.set('counter', String(value.counter));
  return formatNameAddr({ ...value.address, params });
}
