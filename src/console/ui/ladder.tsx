/** The messages of a call between those who take part: one arrow a message, the oldest first. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Lane, lanesOf, readMessage } from '../client/sip-message.ts';
import type { Explanation, TraceMessage } from '../client/types.ts';
import { seconds, t } from '../text/index.ts';
import { MessageDetails } from './sip-message.tsx';

interface LadderProps {
  readonly messages: readonly TraceMessage[];
  readonly explanation: Explanation | undefined;
}

export function Ladder({ messages, explanation }: LadderProps) {
  const [chosen, setChosen] = useState<TraceMessage>();
  const lanes = useMemo(() => lanesOf(messages), [messages]);
  const list = useRef<HTMLOListElement>(null);
  const first = messages[0];
  if (first === undefined) return null;
  const choose = (message: TraceMessage) => setChosen(isSame(message, chosen) ? undefined : message);
  const close = () => {
    list.current?.querySelector<HTMLElement>('[aria-expanded="true"]')?.focus();
    setChosen(undefined);
  };
  const walk = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step === 0) return;
    const rows = [...(list.current?.querySelectorAll<HTMLButtonElement>('.ladder-row') ?? [])];
    const at = rows.indexOf(document.activeElement as HTMLButtonElement);
    const next = rows[at + step];
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    next.focus();
    const message = messages[at + step];
    if (chosen !== undefined && message !== undefined) setChosen(message);
  };
  return (
    <div class="ladder-and-message" data-open={chosen !== undefined}>
      <section class="ladder" aria-label={t('ladder.title')} style={{ '--lanes': lanes.length + 1 }}>
        <div class="ladder-head" aria-hidden="true">
          <span class="ladder-time">{t('ladder.seconds')}</span>
          {laneTitles(lanes).map(({ title, remote }) => (
            <span class="ladder-lane" key={remote + title}>
              <strong title={title}>{title}</strong>
              <span class="mono">{remote}</span>
            </span>
          ))}
        </div>
        <ol ref={list} onKeyDown={walk}>
          {messages.map((message, index) => (
            <Row
              message={message}
              lanes={lanes}
              sinceMs={message.atMs - first.atMs}
              isRepeated={isRepeated(messages, index)}
              isChosen={isSame(message, chosen)}
              onChoose={() => choose(message)}
              key={keyOf(message, index)}
            />
          ))}
        </ol>
      </section>
      {chosen === undefined ? null : <Details message={chosen} explanation={explanation} onClose={close} />}
    </div>
  );
}

function Details({
  message,
  explanation,
  onClose,
}: {
  message: TraceMessage;
  explanation: Explanation | undefined;
  onClose: () => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  // On a narrow screen it stands below the ladder.
  useEffect(() => {
    const element = place.current;
    if (element !== null && element.getBoundingClientRect().top > window.innerHeight * 0.75)
      element.scrollIntoView({ block: 'start' });
  }, [message]);
  return (
    <div class="ladder-message" ref={place}>
      <MessageDetails message={message} explanation={explanation} onClose={onClose} />
    </div>
  );
}

/** The engine stands between the caller's side and all others. */
function laneTitles(lanes: readonly Lane[]): readonly Lane[] {
  const [caller, ...others] = lanes.map(({ remote, title }) => ({
    remote,
    title: title === 'caller' ? t('ladder.caller') : title === '' ? t('ladder.peer') : title,
  }));
  return [...(caller === undefined ? [] : [caller]), { remote: '', title: t('app.name') }, ...others];
}

interface RowProps {
  readonly message: TraceMessage;
  readonly lanes: readonly Lane[];
  readonly sinceMs: number;
  readonly isRepeated: boolean;
  readonly isChosen: boolean;
  readonly onChoose: () => void;
}

const ENGINE = 1;

function Row({ message, lanes, sinceMs, isRepeated: again, isChosen, onChoose }: RowProps) {
  const { status, summary } = useMemo(() => readMessage(message.text), [message.text]);
  const index = lanes.findIndex(({ remote }) => remote === message.remote);
  const column = index <= 0 ? 0 : index + 1;
  const [from, to] = message.direction === 'sent' ? [ENGINE, column] : [column, ENGINE];
  const [left, right] = [Math.min(from, to), Math.max(from, to)];
  const titles = laneTitles(lanes);
  const ways = { from: titles[from]?.title ?? '', to: titles[to]?.title ?? '' };
  return (
    <li>
      <button type="button" class="ladder-row" aria-expanded={isChosen} onClick={onChoose}>
        <span class="ladder-time numeric">{seconds(sinceMs / 1000)}</span>
        <span class="ladder-lanes" aria-hidden="true">
          {titles.map(({ remote, title }) => (
            <i key={remote + title} />
          ))}
        </span>
        <span
          class={`ladder-arrow tone-${toneOf(status)}`}
          data-way={to > from ? 'right' : 'left'}
          data-again={again}
          style={{ '--left': left + 2, '--right': right + 3, '--span': right - left + 1 }}
        >
          <span class="ladder-label">
            {summary}
            {again ? ` · ${t('ladder.again')}` : ''}
          </span>
          <span class="visually-hidden">{t('ladder.fromTo', ways)}</span>
        </span>
      </button>
    </li>
  );
}

function toneOf(status: number | undefined): string {
  if (status === undefined) return 'accent';
  if (status < 200) return 'info';
  if (status < 300) return 'good';
  return status < 400 ? 'warn' : 'bad';
}

function keyOf({ atMs, direction, remote }: TraceMessage, index: number): string {
  return `${atMs} ${direction} ${remote} ${index}`;
}

function isSame(one: TraceMessage, other: TraceMessage | undefined): boolean {
  return (
    other !== undefined &&
    one.atMs === other.atMs &&
    one.direction === other.direction &&
    one.remote === other.remote &&
    one.text === other.text
  );
}

/** The same message once more: a copy that was sent since no answer came. */
function isRepeated(messages: readonly TraceMessage[], index: number): boolean {
  const { text, direction, remote } = messages[index] as TraceMessage;
  return messages
    .slice(0, index)
    .some((earlier) => earlier.text === text && earlier.direction === direction && earlier.remote === remote);
}
