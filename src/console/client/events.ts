/** Events as they happen (server-sent events): a browser comes back by itself, and gets what it missed. */
import { useEffect, useState } from 'preact/hooks';
import { queryText } from './http.ts';

export interface SeenEvent {
  readonly id: string;
  readonly type: string;
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const KEPT = 200;
const AGAIN_MS = 5000;

/**
 * The latest events of these types, the newest first, and whether the stream is open. A page that nobody sees has none: browsers allow
 * few connections to one server, and an engine few streams to one user. It gets what it missed when it is seen again.
 */
export function useEvents(types: readonly string[]): {
  readonly events: readonly SeenEvent[];
  readonly isOpen: boolean;
} {
  const [events, setEvents] = useState<readonly SeenEvent[]>([]);
  const [isOpen, setOpen] = useState(false);
  const wanted = types.join(',');
  useEffect(() => {
    let source: EventSource | undefined;
    let again: number | undefined;
    let lastEventId: string | undefined;
    const close = () => {
      window.clearTimeout(again);
      source?.close();
      source = undefined;
      setOpen(false);
    };
    const open = () => {
      close();
      if (document.visibilityState !== 'visible') return;
      source = new EventSource(`/api/v1/events${queryText({ types: wanted, lastEventId })}`);
      source.onopen = () => setOpen(true);
      source.onerror = () => {
        setOpen(false);
        // Refused, by a session that ended or too many streams: the browser leaves it at that.
        if (source?.readyState === EventSource.CLOSED) again = window.setTimeout(open, AGAIN_MS);
      };
      for (const type of wanted.split(','))
        source.addEventListener(type, (message: MessageEvent<string>) => {
          const { at, ...data } = JSON.parse(message.data) as { at: string };
          lastEventId = message.lastEventId;
          setEvents((known) => [{ id: message.lastEventId, type, at, data }, ...known].slice(0, KEPT));
        });
    };
    open();
    document.addEventListener('visibilitychange', open);
    return () => {
      document.removeEventListener('visibilitychange', open);
      close();
    };
  }, [wanted]);
  return { events, isOpen };
}
