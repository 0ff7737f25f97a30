export interface EventuallyOptions {
  /** Default 5 s. */
  readonly timeoutMs?: number;
  /** What the failure message says beyond the name. */
  readonly detail?: () => string;
}

const POLL_MS = 10;

/** What `look` finds, as soon as it is neither undefined nor false. For what real processes do in their own time. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = 5000, detail = () => '' }: EventuallyOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}\n${detail()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
