/** Events as they happen (server-sent events): a browser comes back by itself, and gets what it missed. */
import { useEffect, useState } from 'preact/hooks';

export interface SeenEvent {
  readonly id: string;
  readonly type: string;
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const KEPT = 200;

/** The latest events of these types, the newest first, and whether the stream is open. */
export function useEvents(types: readonly string[]): {
  readonly events: readonly SeenEvent[];
  readonly isOpen: boolean;
} {
  const [events, setEvents] = useState<readonly SeenEvent[]>([]);
  const [isOpen, setOpen] = useState(false);
  const wanted = types.join(',');
  useEffect(() => {
    const source = new EventSource(`/api/v1/events?types=${encodeURIComponent(wanted)}`);
    source.onopen = () => setOpen(true);
    source.onerror = () => setOpen(false);
    for (const type of wanted.split(','))
      source.addEventListener(type, (message: MessageEvent<string>) => {
        const { at, ...data } = JSON.parse(message.data) as { at: string };
        setEvents((known) => [{ id: message.lastEventId, type, at, data }, ...known].slice(0, KEPT));
      });
    return () => source.close();
  }, [wanted]);
  return { events, isOpen };
}
