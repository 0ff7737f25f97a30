/** Events as they happen (server-sent events): a browser comes back by itself, and gets what it missed. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { queryText } from './http.ts';

export interface SeenEvent {
  readonly id: string;
  readonly type: string;
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What did not come: so many that were too many to read, or nobody knows how many while the page was away. */
export interface Missed {
  readonly skipped: number;
  readonly isGap: boolean;
}

const KEPT = 200;
const AGAIN_MS = 5000;
/** More in a second nobody reads. */
const READ_PER_SECOND = 50;
/** The page is drawn once for all that came in so long. */
const GATHER_MS = 250;

interface Listeners {
  onEvent(message: MessageEvent<string>, type: string): void;
  /** Events were lost, or left out. */
  onMissed(missed: Missed): void;
  onOpen(isOpen: boolean): void;
}

/**
 * Follows the stream of these types while the page is seen. Returns what ends it. A page that nobody sees has none: browsers allow few
 * connections to one server, and an engine few streams to one user. It gets what it missed when it is seen again.
 */
function follow(types: readonly string[], perSecond: number, { onEvent, onMissed, onOpen }: Listeners): () => void {
  let source: EventSource | undefined;
  let again: number | undefined;
  let lastEventId: string | undefined;
  const close = () => {
    window.clearTimeout(again);
    source?.close();
    source = undefined;
    onOpen(false);
  };
  const open = () => {
    close();
    if (document.visibilityState !== 'visible') return;
    source = new EventSource(`/api/v1/events${queryText({ types: types.join(','), perSecond, lastEventId })}`);
    source.onopen = () => onOpen(true);
    source.onerror = () => {
      onOpen(false);
      // Refused, by a session that ended or too many streams: the browser leaves it at that.
      if (source?.readyState === EventSource.CLOSED) again = window.setTimeout(open, AGAIN_MS);
    };
    const on = (type: string, hear: (message: MessageEvent<string>) => void) =>
      source?.addEventListener(type, (message: MessageEvent<string>) => {
        if (message.lastEventId !== '') lastEventId = message.lastEventId;
        hear(message);
      });
    for (const type of types) on(type, (message) => onEvent(message, type));
    on('skipped', ({ data }) => onMissed({ skipped: (JSON.parse(data) as { count: number }).count, isGap: false }));
    on('gap', () => onMissed({ skipped: 0, isGap: true }));
  };
  open();
  document.addEventListener('visibilitychange', open);
  return () => {
    document.removeEventListener('visibilitychange', open);
    close();
  };
}

/** The latest events of these types, the newest first, what was missed of them, and whether the stream is open. */
export function useEvents(types: readonly string[]): {
  readonly events: readonly SeenEvent[];
  readonly missed: Missed;
  readonly isOpen: boolean;
} {
  const [seen, setSeen] = useState<{ readonly events: readonly SeenEvent[]; readonly missed: Missed }>({
    events: [],
    missed: { skipped: 0, isGap: false },
  });
  const [isOpen, setOpen] = useState(false);
  const wanted = types.join(',');
  useEffect(() => {
    let events: SeenEvent[] = [];
    let missed: Missed = { skipped: 0, isGap: false };
    let timer: number | undefined;
    let count = 0;
    const draw = () => {
      timer = undefined;
      const [added, skipped, isGap] = [events.reverse(), missed.skipped, missed.isGap];
      [events, missed] = [[], { skipped: 0, isGap: false }];
      setSeen((before) => ({
        events: [...added, ...before.events].slice(0, KEPT),
        missed: { skipped: before.missed.skipped + skipped, isGap: before.missed.isGap || isGap },
      }));
    };
    const gather = () => {
      timer ??= window.setTimeout(draw, GATHER_MS);
    };
    const end = follow(wanted.split(','), READ_PER_SECOND, {
      onEvent: (message, type) => {
        const { at, ...data } = JSON.parse(message.data) as { at: string };
        // Those of other nodes have no id of their own: the browser repeats the last one.
        events.push({ id: String(++count), type, at, data });
        gather();
      },
      onMissed: (more) => {
        missed = { skipped: missed.skipped + more.skipped, isGap: missed.isGap || more.isGap };
        gather();
      },
      onOpen: setOpen,
    });
    return () => {
      window.clearTimeout(timer);
      end();
    };
  }, [wanted]);
  return { ...seen, isOpen };
}

/** When to read something again. */
export interface PageFreshness {
  /** Counts the occasions. */
  readonly turn: number;
  /** Without an occasion, after so long. */
  readonly refreshMs: number;
}

/** Even where events tell, something may change without one. */
const SELDOM_MS = 30_000;

/**
 * Reads again when such events happen, at most so often; and as often as that while they cannot be followed. Nobody told what happened before
 * they could: when the stream opens it is time, too.
 */
export function useLive(types: readonly string[], mostEveryMs: number): PageFreshness {
  const [turn, setTurn] = useState(0);
  const [isOpen, setOpen] = useState(false);
  const lastMs = useRef(0);
  const wanted = types.join(',');
  useEffect(() => {
    let timer: number | undefined;
    const readAgain = () => {
      window.clearTimeout(timer);
      timer = undefined;
      lastMs.current = performance.now();
      setTurn((count) => count + 1);
    };
    const happened = () => {
      timer ??= window.setTimeout(readAgain, Math.max(0, lastMs.current + mostEveryMs - performance.now()));
    };
    const onOpen = (isOpenNow: boolean) => {
      setOpen(isOpenNow);
      if (isOpenNow) readAgain();
    };
    const end = follow(wanted.split(','), 1, { onEvent: happened, onMissed: happened, onOpen });
    return () => {
      window.clearTimeout(timer);
      end();
    };
  }, [wanted, mostEveryMs]);
  return { turn, refreshMs: isOpen ? SELDOM_MS : mostEveryMs };
}
