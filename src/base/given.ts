import type { z } from 'zod';

/** Fields that may be undefined may be absent: JSON does not tell the two apart. */
type Loose<T> = T extends readonly (infer I)[] ? readonly Loose<I>[] : T extends object ? LooseObject<T> : T;

/** What something of this schema is made of. */
export type Given<S extends z.ZodType> = Loose<z.output<S>>;

type LooseObject<T> = {
  readonly [K in keyof T as undefined extends T[K] ? never : K]: Loose<T[K]>;
} & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: Loose<Exclude<T[K], undefined>> | undefined;
};
