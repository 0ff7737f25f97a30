/**
 * Listings of any length: the page scrolls over all rows, those near the window are there, and what was not read yet is read when it comes
 * near. Short listings are tables like any other.
 */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { PageFreshness } from '../client/events.ts';
import { type Query, RequestError, reachable } from '../client/http.ts';
import { useSignal } from '../client/signal.ts';
import type { Page } from '../client/types.ts';
import { number, t } from '../text/index.ts';
import { Cells, type Column, Failed, Heads, type ListingTexts, Nothing, WaitingRow } from './table.tsx';

export interface Selection {
  readonly keys: ReadonlySet<string>;
  toggle(key: string, isOn: boolean): void;
  /** All that the listing has, or none. */
  all(isOn: boolean): void;
}

/** How a listing is read, piece by piece. */
export interface RowSource<T> {
  readonly total: number | undefined;
  readonly error: RequestError | undefined;
  row(index: number): T | undefined;
  /** Has these rows read, where they are not there yet. */
  want(from: number, to: number): void;
  reload(): void;
}

/** Rows that are read together. */
const PIECE = 100;
/** As in the style sheet: of a row, and where each row is a card, of its cells without and with a label, and of what is around them. */
const ROW_PX = 57;
const NARROW = '(max-width: 48rem)';
const [CARD_PX, BARE_CELL_PX, CELL_PX] = [25, 44, 28];
const OVERSCAN = 12;

export function useListing<T>(
  name: string,
  read: (query: Query) => Promise<Page<T>>,
  question: Query = {},
  fresh?: PageFreshness,
): RowSource<T> {
  const key = `${name}?${JSON.stringify(question)}`;
  const [state, setState] = useState<{ key: string; total?: number; error?: RequestError }>({ key });
  const [, redraw] = useState(0);
  const [turn, setTurn] = useState(0);
  const pieces = useRef(new Map<number, readonly T[] | 'asked'>());
  /** Pieces near the window; the first always, which is all that a short listing has. */
  const near = useRef<readonly number[]>([0]);
  const version = useRef(0);
  const isReachable = useSignal(reachable);
  const load = (piece: number) => {
    const asked = version.current;
    if (!pieces.current.has(piece)) pieces.current.set(piece, 'asked');
    read({ ...question, limit: PIECE, offset: piece * PIECE }).then(
      ({ items, total }) => {
        if (asked !== version.current) return;
        pieces.current.set(piece, items);
        setState({ key, total });
        redraw((count) => count + 1);
      },
      (error: unknown) => {
        if (!(error instanceof RequestError)) throw error;
        if (asked !== version.current) return;
        if (pieces.current.get(piece) === 'asked') pieces.current.delete(piece);
        setState((before) => ({ ...before, key, error }));
      },
    );
  };
  useEffect(() => {
    if (!isReachable) return;
    version.current++;
    if (state.key !== key) near.current = [0];
    // What is looked at stays until it is read again; the rest is read when somebody comes near.
    for (const piece of [...pieces.current.keys()])
      if (state.key !== key || !near.current.includes(piece)) pieces.current.delete(piece);
    for (const piece of near.current) load(piece);
  }, [key, turn, fresh?.turn, isReachable]);
  const refreshMs = fresh?.refreshMs;
  useEffect(() => {
    if (refreshMs === undefined) return;
    const timer = window.setInterval(() => {
      if (document.visibilityState === 'visible') setTurn((count) => count + 1);
    }, refreshMs);
    return () => window.clearInterval(timer);
  }, [refreshMs]);
  const isCurrent = state.key === key;
  return {
    total: isCurrent ? state.total : undefined,
    error: isCurrent ? state.error : undefined,
    row(index) {
      const piece = isCurrent ? pieces.current.get(Math.floor(index / PIECE)) : undefined;
      return Array.isArray(piece) ? piece[index % PIECE] : undefined;
    },
    want(from, to) {
      const [first, last] = [Math.floor(from / PIECE), Math.floor(to / PIECE)];
      near.current = [...new Set([0, ...Array.from({ length: last - first + 1 }, (_, at) => first + at)])];
      for (const piece of near.current) if (!pieces.current.has(piece)) load(piece);
    },
    reload: () => setTurn((count) => count + 1),
  };
}

interface VirtualTableProps<T> extends ListingTexts {
  readonly columns: readonly Column<T>[];
  readonly listing: RowSource<T>;
  readonly keyOf: (row: T) => string;
  readonly selection?: Selection;
}

export function VirtualTable<T>(props: VirtualTableProps<T>) {
  const { columns, listing, keyOf, selection } = props;
  const { total, error } = listing;
  const isLong = (total ?? 0) > PIECE;
  const frame = useRef<HTMLDivElement>(null);
  const rowPx = useRowHeight(columns);
  const [from, to] = useWindow(frame, isLong, total ?? 0, rowPx);
  useEffect(() => {
    if (isLong) listing.want(from, Math.min(to, (total ?? 1) - 1));
  }, [from, to, isLong, total]);
  if (total === undefined && error !== undefined) return <Failed error={error} reload={listing.reload} />;
  if (total === 0) return <Nothing {...props} />;
  const width = columns.length + (selection === undefined ? 0 : 1);
  const shown = Array.from({ length: total === undefined ? 5 : Math.max(0, to - from) }, (_, at) => from + at);
  return (
    <div class="card card-flush" aria-busy={total === undefined} ref={frame}>
      <div class="table-frame">
        <table class={isLong ? 'table table-long' : 'table'} aria-rowcount={total === undefined ? -1 : total + 1}>
          <caption class="visually-hidden">{props.caption ?? t(`${props.of}.title`)}</caption>
          <thead>
            <tr>
              {selection === undefined ? null : (
                <th scope="col" class="pick">
                  <PickAll selection={selection} total={total ?? 0} />
                </th>
              )}
              <Heads columns={columns} />
            </tr>
          </thead>
          <tbody>
            <Space px={from * rowPx} width={width} />
            {shown.map((index) => {
              const row = listing.row(index);
              return row === undefined ? (
                <WaitingRow key={`wait ${index}`} width={width} />
              ) : (
                <Row key={keyOf(row)} {...{ row, index, columns, keyOf, selection }} />
              );
            })}
            <Space px={total === undefined ? 0 : (total - to) * rowPx} width={width} />
          </tbody>
        </table>
      </div>
      {total === undefined ? null : (
        <p class="pager numeric" aria-live="polite">
          {t('table.count', { total: number(total) })}
        </p>
      )}
    </div>
  );
}

function Row<T>(
  props: Pick<VirtualTableProps<T>, 'columns' | 'keyOf'> & { row: T; index: number; selection: Selection | undefined },
) {
  const { row, index, columns, keyOf, selection } = props;
  const key = keyOf(row);
  return (
    <tr aria-rowindex={index + 2}>
      {selection === undefined ? null : (
        <td class="pick" data-label="">
          <input
            type="checkbox"
            aria-label={t('table.pick', { name: key })}
            checked={selection.keys.has(key)}
            onChange={(event) => selection.toggle(key, event.currentTarget.checked)}
          />
        </td>
      )}
      <Cells columns={columns} row={row} />
    </tr>
  );
}

function PickAll({ selection, total }: { selection: Selection; total: number }) {
  const { size } = selection.keys;
  return (
    <input
      type="checkbox"
      aria-label={t('table.pickAll')}
      checked={size > 0 && size >= total}
      ref={(element) => {
        if (element !== null) element.indeterminate = size > 0 && size < total;
      }}
      onChange={(event) => selection.all(event.currentTarget.checked)}
    />
  );
}

/** Room of the rows that are not drawn, so that the page is as long as if they were. */
function Space({ px, width }: { px: number; width: number }) {
  if (px <= 0) return null;
  return (
    <tr class="table-space" style={{ height: `${px}px` }}>
      <td colSpan={width} />
    </tr>
  );
}

/** How high a row of a long listing is at this width. */
function useRowHeight<T>(columns: readonly Column<T>[]): number {
  const [isNarrow, setNarrow] = useState(() => window.matchMedia(NARROW).matches);
  useEffect(() => {
    const query = window.matchMedia(NARROW);
    const look = () => setNarrow(query.matches);
    query.addEventListener('change', look);
    return () => query.removeEventListener('change', look);
  }, []);
  if (!isNarrow) return ROW_PX;
  const bare = columns.filter(({ hideTitle }, index) => index === 0 || hideTitle).length;
  return CARD_PX + bare * BARE_CELL_PX + (columns.length - bare) * CELL_PX;
}

/** The rows that are near the window. */
function useWindow(
  frame: { current: HTMLDivElement | null },
  isLong: boolean,
  total: number,
  rowPx: number,
): readonly [number, number] {
  const [range, setRange] = useState<readonly [number, number]>([0, 40]);
  useLayoutEffect(() => {
    if (!isLong) return;
    const look = () => {
      const top = frame.current?.querySelector('tbody')?.getBoundingClientRect().top ?? 0;
      const first = Math.max(0, Math.floor(-top / rowPx) - OVERSCAN);
      const last = Math.min(total, first + Math.ceil(window.innerHeight / rowPx) + 2 * OVERSCAN);
      setRange((known) => (known[0] === first && known[1] === last ? known : [first, last]));
    };
    look();
    window.addEventListener('scroll', look, { passive: true });
    window.addEventListener('resize', look);
    return () => {
      window.removeEventListener('scroll', look);
      window.removeEventListener('resize', look);
    };
  }, [isLong, total, rowPx]);
  return isLong ? [Math.min(range[0], total), Math.min(range[1], total)] : [0, total];
}
