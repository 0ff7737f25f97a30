import { useRef, useState } from 'preact/hooks';
import { MOST_KEYS } from '../../../api/bulk-keys.ts';
import { useLive } from '../../client/events.ts';
import { RequestError } from '../../client/http.ts';
import { documents } from '../../client/resources.ts';
import { isSystemAdmin, mayChange } from '../../client/session.ts';
import type { Document } from '../../client/types.ts';
import { number, t } from '../../text/index.ts';
import { Button, ButtonLink } from '../../ui/button.tsx';
import { wordsOf } from '../../ui/form.tsx';
import { Note } from '../../ui/note.tsx';
import { Page } from '../../ui/page.tsx';
import { Search } from '../../ui/table.tsx';
import { type Selection, useListing, VirtualTable } from '../../ui/virtual-table.tsx';
import { BulkChange, BulkDelete } from './bulk.tsx';
import { addressOf, nameOf, pathOf, type Resource } from './resources.tsx';
import { TenantSwitch } from './tenant-choice.tsx';

const PIECE = 1000;
const FRESH_MS = 2000;

type BulkQuestion = 'change' | 'delete';

export function ResourceList({ resource, tenant }: { readonly resource: Resource; readonly tenant: string }) {
  const [q, setQ] = useState('');
  const [asked, setAsked] = useState<BulkQuestion>();
  const path = pathOf(resource, tenant);
  const listing = useListing<Document>(
    path,
    (query) => documents.list(path, query),
    q === '' ? {} : { q },
    useLive(['audit'], FRESH_MS),
  );
  const keyOf = (row: Document) => String(row[resource.key]);
  const { picked, notPicked, selection, pickNone } = usePicked(path, q, keyOf);
  const isManaged = listing.row(0)?.['managedBy'] !== undefined;
  const mayEdit = mayChange() && !isManaged;
  const add = mayEdit ? (
    <ButtonLink label={nameOf(resource, 'new')} to={`${addressOf(resource, tenant)}/new`} kind="primary" icon="plus" />
  ) : null;
  const spreadsheet =
    resource.csv === undefined ? null : (
      <ButtonLink
        label={mayEdit ? t('csv.open') : t('csv.export')}
        to={`${addressOf(resource, tenant)}/csv`}
        icon="records"
      />
    );
  const range =
    mayEdit && resource.csv === 'extensions' ? (
      <ButtonLink label={t('range.open')} to={`${addressOf(resource, tenant)}/range`} icon="phone" />
    ) : null;
  const isEmpty = q === '' && listing.total === 0;
  const done = () => {
    setAsked(undefined);
    pickNone();
    listing.reload();
  };
  return (
    <Page
      title={nameOf(resource, 'title')}
      text={nameOf(resource, 'text')}
      {...(isEmpty ? {} : { actions: [spreadsheet, range, add] })}
    >
      <div class="toolbar">
        {isSystemAdmin() ? <TenantSwitch tenant={tenant} to={(name) => addressOf(resource, name)} /> : null}
        {isEmpty ? null : <Search label={nameOf(resource, 'search')} onSearch={setQ} />}
      </div>
      {notPicked === undefined ? null : <Note kind="bad">{notPicked}</Note>}
      {picked.size === 0 ? null : <PickedBar count={picked.size} ask={setAsked} pickNone={pickNone} />}
      <VirtualTable
        of={resource.segment}
        icon={resource.icon}
        columns={resource.columns(tenant)}
        listing={listing}
        keyOf={keyOf}
        searched={q !== ''}
        {...(mayEdit ? { selection } : {})}
        offer={
          <div class="row">
            {add}
            {range}
            {mayEdit ? spreadsheet : null}
          </div>
        }
      />
      {asked === 'change' ? (
        <BulkChange {...{ resource, tenant, keys: [...picked], onDone: done, onClose: () => setAsked(undefined) }} />
      ) : null}
      {asked === 'delete' ? (
        <BulkDelete {...{ resource, tenant, keys: [...picked], onDone: done, onClose: () => setAsked(undefined) }} />
      ) : null}
    </Page>
  );
}

interface PickedBarProps {
  readonly count: number;
  readonly ask: (question: BulkQuestion) => void;
  readonly pickNone: () => void;
}

function PickedBar({ count, ask, pickNone }: PickedBarProps) {
  return (
    <div class="picked" role="status">
      <strong class="grow">{t('bulk.picked', { count: number(count) })}</strong>
      <span class="row">
        <Button label={t('bulk.change')} small onClick={() => ask('change')} />
        <Button label={t('action.delete')} small kind="danger-quiet" onClick={() => ask('delete')} />
        <Button label={t('bulk.clear')} small kind="quiet" onClick={pickNone} />
      </span>
    </div>
  );
}

/** Which items are picked; `notPicked` says why not all could be. */
function usePicked(path: string, q: string, keyOf: (row: Document) => string) {
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [notPicked, setNotPicked] = useState<string>();
  const question = useRef('');
  /** Counts what was picked: what is found once somebody has picked otherwise is too late. */
  const turn = useRef(0);
  question.current = `${path}?${q}`;
  // Seconds may pass: what was found for another tenant or search by then is nobody's pick.
  const pickAll = async () => {
    const asked = question.current;
    const began = ++turn.current;
    const isAsked = () => asked === question.current && began === turn.current;
    setNotPicked(undefined);
    try {
      const keys = await everyKey(path, q, keyOf);
      if (isAsked()) setPicked(keys);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (isAsked()) setNotPicked(wordsOf(error));
    }
  };
  const pick = (keys: ReadonlySet<string>) => {
    turn.current++;
    setPicked(keys);
  };
  const pickNone = () => pick(new Set());
  const selection: Selection = {
    keys: picked,
    toggle: (key, isOn) => {
      const next = new Set(picked);
      if (isOn) next.add(key);
      else next.delete(key);
      pick(next);
    },
    all: (isOn) => {
      if (isOn) void pickAll();
      else pickNone();
    },
  };
  return { picked, notPicked, selection, pickNone };
}

async function everyKey(path: string, q: string, keyOf: (row: Document) => string): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await documents.list(path, {
      limit: PIECE,
      ...(q === '' ? {} : { q }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const item of page.items) keys.add(keyOf(item));
    cursor = page.nextCursor;
  } while (cursor !== undefined && keys.size < MOST_KEYS);
  return keys;
}
