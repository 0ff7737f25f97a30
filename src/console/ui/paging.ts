/** Where the pages of a listing begin, and which of them lie beside the one that is shown. */

/** By the cursor that the page before has named, or by its number where it named none. */
export type PageStart = { readonly cursor: string } | { readonly offset: number };

export const ROWS_PER_PAGE = 50;
export const FIRST: readonly PageStart[] = [{ offset: 0 }];

/** A page with what it is: it stays on the screen, as what it is, while another one is read. */
export interface ShownPage {
  readonly items: readonly unknown[];
  readonly total: number;
  readonly offset: number;
  readonly nextCursor?: string;
  /** The question that it answers. */
  readonly asked: string;
  /** Of it and of those before. */
  readonly starts: readonly PageStart[];
}

export interface Neighbours {
  /** How many rows come before the page. */
  readonly before: number;
  readonly total: number;
  /** Where the pages beside it begin; undefined where there is none, or none is known: the page answers another question. */
  readonly previous: readonly PageStart[] | undefined;
  readonly next: readonly PageStart[] | undefined;
}

/** What lies beside the page that is shown, whichever is being read: to ask for the next one twice is to ask for the same one. */
export function neighbours(page: ShownPage, asked: string): Neighbours {
  const { items, starts, nextCursor } = page;
  const before = (starts.length - 1) * ROWS_PER_PAGE;
  // Of a page that a cursor led to some count what comes before it, and some do not.
  const total = before - page.offset + page.total;
  if (page.asked !== asked) return { before, total, previous: undefined, next: undefined };
  const after: PageStart = nextCursor === undefined ? { offset: before + ROWS_PER_PAGE } : { cursor: nextCursor };
  return {
    before,
    total,
    previous: before === 0 ? undefined : starts.slice(0, -1),
    next: before + items.length < total ? [...starts, after] : undefined,
  };
}
