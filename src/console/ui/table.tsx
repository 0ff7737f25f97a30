/** Listings: a page at a time, so that 100,000 rows are as quick as ten; on a narrow screen each row is a card. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';
import type { PageFreshness } from '../client/events.ts';
import type { Query, RequestError } from '../client/http.ts';
import type { Page } from '../client/types.ts';
import { type QueryState, useQuery } from '../client/use-query.ts';
import { number, type TextKey, t } from '../text/index.ts';
import { Button } from './button.tsx';
import { wordsOf } from './form.tsx';
import { Icon, type IconName } from './icons.tsx';
import { Note } from './note.tsx';
import { Empty } from './page.tsx';
import { FIRST, type Neighbours, neighbours, type PageStart, ROWS_PER_PAGE } from './paging.ts';

export interface Column<T> {
  readonly title: TextKey;
  readonly cell: (row: T) => ComponentChildren;
  /** Of its cells. */
  readonly class?: string;
  readonly end?: boolean;
  /** Its title is for screen readers only, e.g. above buttons. */
  readonly hideTitle?: boolean;
}

/** The heads of columns. */
export function Heads<T>({ columns }: { readonly columns: readonly Column<T>[] }) {
  return (
    <>
      {columns.map(({ title, end, hideTitle }) => (
        <th scope="col" class={end ? 'end' : undefined} key={title}>
          {hideTitle ? <span class="visually-hidden">{t(title)}</span> : t(title)}
        </th>
      ))}
    </>
  );
}

/** The cells of a row. */
export function Cells<T>({ columns, row }: { readonly columns: readonly Column<T>[]; readonly row: T }) {
  return (
    <>
      {columns.map(({ title, cell, class: looks, end, hideTitle }, index) => (
        <td
          class={end ? `end ${looks ?? ''}` : looks}
          data-label={index === 0 || hideTitle ? '' : t(title)}
          key={title}
        >
          <div>{cell(row)}</div>
        </td>
      ))}
    </>
  );
}

/** In place of a listing that could not be read. */
export function Failed({ error, reload }: { readonly error: RequestError; readonly reload: () => void }) {
  return (
    <div class="card">
      <Note kind="bad">
        <p>
          <strong>{t('table.failed')}</strong> {wordsOf(error)}
        </p>
        <p>
          <Button label={t('action.retry')} small onClick={reload} />
        </p>
      </Note>
    </div>
  );
}

interface RowsProps<T> {
  readonly caption?: string;
  readonly columns: readonly Column<T>[];
  /** Undefined until they are read. */
  readonly rows: readonly T[] | undefined;
  readonly keyOf: (row: T) => string;
}

/** Rows under the heads of their columns. */
export function Rows<T>({ caption, columns, rows, keyOf }: RowsProps<T>) {
  return (
    <div class="table-frame">
      <table class="table">
        {caption === undefined ? null : <caption class="visually-hidden">{caption}</caption>}
        <thead>
          <tr>
            <Heads columns={columns} />
          </tr>
        </thead>
        <tbody>
          {rows === undefined
            ? [0, 1, 2, 3, 4].map((row) => <WaitingRow width={columns.length} key={row} />)
            : rows.map((row) => (
                <tr key={keyOf(row)}>
                  <Cells columns={columns} row={row} />
                </tr>
              ))}
        </tbody>
      </table>
    </div>
  );
}

/** In place of a row that is not read yet. */
export function WaitingRow({ width }: { readonly width: number }) {
  return (
    <tr>
      {Array.from({ length: width }, (_, column) => (
        <td data-label="" key={column}>
          <span class="skeleton" />
        </td>
      ))}
    </tr>
  );
}

type ListingName = { [Key in TextKey]: Key extends `${infer Name}.emptyText` ? Name : never }[TextKey];

/** What a listing is called, and what is said where it has nothing. */
export interface ListingTexts {
  /** Its texts are those of this name: `title`, `empty` and `emptyText`. */
  readonly of: ListingName;
  readonly icon: IconName;
  readonly caption?: string;
  readonly emptyText?: string;
  /** What there is to do while it has nothing. */
  readonly offer?: ComponentChildren;
  /** It is narrowed to what somebody looks for. */
  readonly searched?: boolean;
}

/** In place of a listing that has nothing. */
export function Nothing({ of, icon, emptyText = t(`${of}.emptyText`), offer, searched = false }: ListingTexts) {
  return (
    <div class="card">
      {searched ? (
        <Empty icon="search" title={t('table.nothing')} text={t('table.nothingText')} />
      ) : (
        <Empty icon={icon} title={t(`${of}.empty`)} text={emptyText}>
          {offer}
        </Empty>
      )}
    </div>
  );
}

interface TableProps<T> extends ListingTexts {
  readonly columns: readonly Column<T>[];
  readonly rows: PagedQuery<T>;
  readonly keyOf: (row: T) => string;
}

export interface PagedQuery<T> extends QueryState<Page<T>> {
  /** How many rows come before the page that is shown, and how many there are. */
  readonly before: number;
  readonly total: number;
  /** Undefined on the first page, and on the last. */
  readonly previous: (() => void) | undefined;
  readonly next: (() => void) | undefined;
}

/** One page of a listing; with another question it starts again at the first one. */
export function usePaged<T>(
  name: string,
  read: (query: Query) => Promise<Page<T>>,
  question: Query = {},
  fresh?: number | PageFreshness,
): PagedQuery<T> {
  const asked = JSON.stringify(question);
  const [place, setPlace] = useState({ asked, starts: FIRST });
  const starts = place.asked === asked ? place.starts : FIRST;
  const query = { ...question, limit: ROWS_PER_PAGE, ...starts.at(-1) };
  const state = useQuery(
    `${name}?${JSON.stringify(query)}`,
    async () => ({ ...(await read(query)), asked, starts }),
    fresh,
  );
  const { data } = state;
  const { before, total, previous, next } = data === undefined ? NOTHING_BESIDE : neighbours(data, asked);
  const isPastEnd = previous !== undefined && data?.items.length === 0;
  useEffect(() => {
    if (isPastEnd) setPlace({ asked, starts: FIRST });
  }, [isPastEnd, asked]);
  const goTo = (to: readonly PageStart[]) => () => setPlace({ asked, starts: to });
  return { ...state, before, total, previous: previous && goTo(previous), next: next && goTo(next) };
}

const NOTHING_BESIDE: Neighbours = { before: 0, total: 0, previous: undefined, next: undefined };

export function Table<T>({ columns, rows, keyOf, ...texts }: TableProps<T>) {
  const { data, isCurrent, error } = rows;
  if (data === undefined && error !== undefined) return <Failed error={error} reload={rows.reload} />;
  if (data?.items.length === 0 && isCurrent) return <Nothing {...texts} />;
  return (
    <div class="card card-flush dims" aria-busy={!isCurrent}>
      <Rows caption={texts.caption ?? t(`${texts.of}.title`)} columns={columns} rows={data?.items} keyOf={keyOf} />
      {data === undefined ? null : <Pager data={data} rows={rows} />}
    </div>
  );
}

function Pager<T>({ data, rows }: { data: Page<T>; rows: PagedQuery<T> }) {
  const { before, total, previous, next } = rows;
  if (before === 0 && data.items.length >= total) return null;
  const range = { from: before + 1, to: before + data.items.length, total };
  return (
    <div class="pager">
      <span class="numeric" aria-live="polite">
        {t('table.range', { from: number(range.from), to: number(range.to), total: number(range.total) })}
      </span>
      <span class="row">
        <Button small disabled={previous === undefined} onClick={() => previous?.()} icon="left">
          <span class="visually-hidden">{t('table.previous')}</span>
        </Button>
        <Button small disabled={next === undefined} onClick={() => next?.()} icon="right">
          <span class="visually-hidden">{t('table.next')}</span>
        </Button>
      </span>
    </div>
  );
}

const TYPING_MS = 250;

/** Asks once typing pauses. */
export function Search({ label, onSearch }: { readonly label: string; readonly onSearch: (text: string) => void }) {
  const [text, setText] = useState('');
  const id = useId();
  useEffect(() => {
    const timer = window.setTimeout(() => onSearch(text.trim()), TYPING_MS);
    return () => window.clearTimeout(timer);
  }, [text]);
  return (
    <div class="search">
      <label for={id} class="visually-hidden">
        {`${t('action.search')}: ${label}`}
      </label>
      <Icon name="search" />
      <input
        id={id}
        class="input"
        type="search"
        placeholder={label}
        value={text}
        spellcheck={false}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </div>
  );
}
