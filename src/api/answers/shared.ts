/** What the answers are made of. */
import { z } from 'zod';

export const time = z.iso.datetime({ offset: true });
export const optionalText = z.string().optional();
export const DIRECTION = z.enum(['outbound', 'inbound', 'internal']);
export const NODE = z.string().describe('The node that has it.');
/** Fields that may be undefined may be absent: JSON does not tell the two apart. */
export type Loose<T> = T extends readonly (infer I)[] ? readonly Loose<I>[] : T extends object ? LooseObject<T> : T;

/** What an answer of this schema is made of. */
export type Given<S extends z.ZodType> = Loose<z.output<S>>;

type LooseObject<T> = {
  readonly [K in keyof T as undefined extends T[K] ? never : K]: Loose<T[K]>;
} & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: Loose<Exclude<T[K], undefined>> | undefined;
};
