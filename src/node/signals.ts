/** The signals that an operator sends a process. */

const SAME_SIGNAL_MS = 1000;

export interface Signalled {
  /** SIGTERM and SIGINT drain; a second one closes at once. */
  end(how: 'drain' | 'close'): Promise<void>;
  /** SIGHUP. */
  reload(): void;
}

/** Resolves when the process was told to stop and has ended what it did. */
export async function untilToldToStop(signalled: Signalled): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  let stoppingSinceMs: number | undefined;
  const stop = () => {
    const nowMs = performance.now();
    // A terminal signals the whole process group, so the wrapper's copy of the same Ctrl-C comes right behind; that is no second one.
    if (stoppingSinceMs !== undefined && nowMs - stoppingSinceMs < SAME_SIGNAL_MS) return;
    const how = stoppingSinceMs === undefined ? 'drain' : 'close';
    stoppingSinceMs ??= nowMs;
    signalled.end(how).then(stopped.resolve, stopped.reject);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // The launcher is gone, and nobody is left to pass a signal on.
  process.once('disconnect', stop);
  process.channel?.unref();
  process.on('SIGHUP', () => signalled.reload());
  await stopped.promise;
}
