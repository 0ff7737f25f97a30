import { useState } from 'preact/hooks';
import { type SeenEvent, useEvents } from '../client/events.ts';
import { Link } from '../router.tsx';
import { known, number, t, time } from '../text/index.ts';
import { SelectField } from '../ui/form.tsx';
import { Note } from '../ui/note.tsx';
import { Empty, Page } from '../ui/page.tsx';
import { State } from '../ui/state.tsx';
import { type Column, Rows, Search } from '../ui/table.tsx';

export const EVENT_KINDS = [
  'call',
  'registration',
  'trunk-state',
  'trunk-datacentre',
  'trunk-ambiguous',
  'trunk-coincidence',
  'media-relay',
  'overload',
  'caller-id-rejected',
  'verification-failed',
  'call-not-signed',
  'certificate-expiring',
  'fraud',
  'message',
  'audit',
];

export function Events() {
  const [type, setType] = useState('');
  const { events, missed, isOpen } = useEvents(EVENT_KINDS);
  const [text, setText] = useState('');
  const shown = events.filter((event) => (type === '' || event.type === type) && hasText(event, text));
  return (
    <Page title={t('events.title')} text={t('events.text')}>
      <div class="toolbar">
        <SelectField
          label={t('events.kind')}
          value={type}
          onChange={setType}
          options={[
            { value: '', label: t('records.every') },
            ...EVENT_KINDS.map((value) => ({ value, label: known(`event.${value}`, value) })),
          ]}
        />
        <Search label={t('events.search')} onSearch={setText} />
        <State tone={isOpen ? 'good' : 'warn'}>{isOpen ? t('events.open') : t('events.closed')}</State>
      </div>
      <div role="status">
        {missed.isGap ? <Note kind="warn">{t('events.gap')}</Note> : null}
        {missed.skipped > 0 ? <Note kind="info">{t('events.skipped', { count: number(missed.skipped) })}</Note> : null}
      </div>
      <div class="card card-flush">
        {shown.length === 0 ? (
          events.length > 0 ? (
            <Empty icon="search" title={t('table.nothing')} text={t('table.nothingText')} />
          ) : (
            <Empty icon="events" title={t('events.empty')} text={t('events.emptyText')} />
          )
        ) : (
          <Rows caption={t('events.title')} columns={COLUMNS} rows={shown} keyOf={({ id }) => id} />
        )}
      </div>
    </Page>
  );
}

/** Whether it stands anywhere in the event: a number, a trunk, an address. */
function hasText({ data }: SeenEvent, text: string): boolean {
  return text === '' || JSON.stringify(Object.values(data)).toLowerCase().includes(text.toLowerCase());
}

const COLUMNS: readonly Column<SeenEvent>[] = [
  { title: 'events.when', class: 'nowrap numeric', cell: ({ at }) => <time dateTime={at}>{time(at)}</time> },
  {
    title: 'events.what',
    cell: ({ type, data }) =>
      type === 'call' && typeof data['callId'] === 'string' ? (
        <Link to={`/calls/${encodeURIComponent(data['callId'])}`} class="tag">
          {known(`event.${type}`, type)}
        </Link>
      ) : (
        <span class="tag">{known(`event.${type}`, type)}</span>
      ),
  },
  {
    title: 'events.about',
    class: 'break',
    cell: ({ data }) =>
      Object.entries(data)
        .filter(([, value]) => value !== undefined && value !== null)
        .map(([name, value]) => (
          <span class="fact" key={name}>
            <span class="soft">{known(`fact.${name}`, name)}</span>{' '}
            {typeof value === 'string' ? value : JSON.stringify(value)}
          </span>
        )),
  },
];
