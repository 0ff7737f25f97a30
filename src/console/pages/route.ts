import type { ComponentType } from 'preact';

/** A page by its address, of which it gets the named parts. */
export interface PageRoute {
  readonly pattern: string;
  // biome-ignore lint/suspicious/noExplicitAny: each page says itself which parts of the address it takes
  readonly page: ComponentType<any>;
}
